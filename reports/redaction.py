"""Texts of a bundle without what they say of the machine: paths outside of containers, addresses, names to be hidden.

Reasons, observations, calls and kernel messages are free text, so no list can say what may be published of them. What
leaves a machine this way is a path, a network address, or a name that somebody tells us.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import re
import socket
from collections.abc import Hashable, Iterable
from typing import Any

#: What stands in place of a text that is not published.
GONE = "…"

_HALF = re.compile("[\ud800-\udfff]")
#: How many texts are remembered with what may be published of them.
REMEMBERED = 100_000

#: Where paths of containers, of every Linux and of an engine's API lie. Others are those of one machine.
_COMMON = re.compile(
    r"/+(?:"
    r"(?:c|volume|volumes|toolbox|proc|sys|etc|usr|bin|sbin|lib|lib64|merged|v\d+(?:\.\d+)+)"
    r"|dev/(?:null|zero|full|u?random|tty|ptmx|pts|shm|mqueue|fuse|kvm|loop-control|(?:loop|dm-)\d+|[svx]?v?d[a-z]\d*)"
    r"|var/(?:lib/(?:docker|containerd|containers|dpkg|apt|rpm)|cache/apt|log)"
    r"|run/(?:docker|containerd|lock|crun|runc)"
    r")(?![\w-])"
)
#: Where a path, an address or a URL may begin; a backslash and a letter before it are an escape in a quoted text.
_ESCAPED = r"(?<=\\[nrt])"
_NAME = r"[^\s/:;,'\"\\<>()\[\]{}|&*]"
#: A path of two names or more.
_PATH = re.compile(rf"(?:(?<![\w.…/~-])|{_ESCAPED}|(?<=\s-[A-Za-z]))(?<!https:)(?<!http:)/+{_NAME}+(?:/+{_NAME}*)+")
_ADDRESS = re.compile(
    rf"(?:(?<![\w.])|{_ESCAPED})(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?::\d{{1,5}})?(?!\.?\w)"
    rf"|(?:(?<![\w:.])|{_ESCAPED})(?:[0-9a-f]{{1,4}}:){{3,7}}[0-9a-f:]*(?![\w:])"
)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[A-Za-z]{2,24}\b")
_URL = re.compile(
    rf"(?:(?<!\w)|{_ESCAPED})(?:https?|ftp|tcp|ssh|vsock)://(?P<place>[^\s/'\"\\<>)\]]+)[^\s'\"\\<>)\]]*", re.IGNORECASE
)
#: A host that others can reach: a name with a dot whose last part is a public one, without a port or a user's name.
_PUBLIC = re.compile(
    r"(?!.*\.(?:internal|intranet|local|localdomain|lan|corp|home|private|test)$)[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}"
)
#: Names of machines and users that say nothing of either.
_NOBODY = frozenset(("root", "localhost", "user", "test", "runner", "admin", "debian", "ubuntu", "fedora", "vagrant"))


class Redaction:
    """Hides what texts say of the machine, and every one of `names`, whatever its case and wherever it stands."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        found = sorted({name for name in names if name.strip()}, key=len, reverse=True)
        self._names = re.compile("|".join(re.escape(name) for name in found), re.IGNORECASE) if found else None
        #: Differs where other names are hidden.
        self.digest = hashlib.sha256("\n".join(found).encode("utf-8", "surrogatepass")).hexdigest()
        self._done: dict[str, str] = {}
        #: Records that stand in many bundles, each with what may be published of it.
        self.records: dict[Hashable, Any] = {}

    def __call__(self, text: str) -> str:
        """The text as it may be published."""
        found = self._done.get(text)
        if found is None:  # most texts of a bundle stand in it many times
            if len(self._done) >= REMEMBERED:
                self._done.clear()
            found = self._done[text] = self._redacted(text)
        return text if found == text else found

    def _redacted(self, text: str) -> str:
        if not text.isascii():  # half a character is none, and no file can hold it
            text = _HALF.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)
        if self._names:
            text = self._names.sub(GONE, text)
        if "://" in text:
            text = _URL.sub(lambda found: found[0] if _PUBLIC.fullmatch(found["place"].lower()) else GONE, text)
        if "/" in text:
            text = _PATH.sub(lambda found: found[0] if _COMMON.match(found[0]) else f"/{GONE}", text)
        if "@" in text:
            text = _MAIL.sub(GONE, text)
        return _ADDRESS.sub(GONE, text) if "." in text or ":" in text else text


def of_this_machine(words: Iterable[str]) -> list[str]:
    """The names of this machine and of who is at work on it, if they say anything and none of `words` has them."""
    names = [socket.gethostname(), os.environ.get("SUDO_USER", "")]
    with contextlib.suppress(KeyError, OSError):  # an identifier without a name
        names.append(getpass.getuser())
    text = "\n".join(words).lower()
    found = {name for whole in names for name in (whole, whole.partition(".")[0])}
    return sorted(name for name in found if len(name) > 3 and name.lower() not in _NOBODY and name.lower() not in text)
