"""How much a break matters to whoever runs containers, from what is recorded of it. No number is made of it.

1. software: a program was run and is hit (the family `app`), or the kernel crashed or a call hung.
2. data: what was written or acknowledged is gone after a power cut or a crash, or a file, a name or a link shows other
   content than it has to, and no call was refused. Nobody is told, so nobody can act.
3. surprise: a call is refused that a plain file system allows, or something else differs that a program may notice.
4. cosmetic: a number, a time or a cost that is shown differs.

That a name is not found where a file has to be (ENOENT) counts as lost, not as refused.

A reason that breaks several checks has the rank of the one that matters most.
"""

from __future__ import annotations

import errno
import re
from typing import Literal, get_args

from roadworthy.reports.records import Verdict

Rank = Literal["software", "data", "surprise", "cosmetic"]
RANKS: tuple[Rank, ...] = get_args(Rank)
#: What a page calls each, and what it means.
TITLES: dict[Rank, tuple[str, str]] = {
    "software": (
        "Software is hit", "a program does not work as on a plain file system, or the kernel crashed or a call hung"
    ),
    "data": ("Data are lost or wrong", "something is gone or shows other content, and no call was refused"),
    "surprise": (
        "Surprises",
        "a call is refused that a plain file system allows, or something else differs that a program may notice",
    ),
    "cosmetic": ("Cosmetic", "a number, a time or a cost that is shown differs"),
}  # fmt: skip

SOFTWARE = frozenset({"app"})
POWER_CUTS = frozenset({"dura", "durability"})
#: Families whose promises are about the content of files, and about which names lead to it.
CONTENT = frozenset({"conc", "image", "link", "mmap", "opaque", "rename", "unlink", "volume", "whiteout"})
#: Families whose promises are about numbers: times, sizes, costs, and what an engine shows.
SHOWN = frozenset({"copyup", "limit", "metadata", "plumb", "space", "tree"})

_ERRNO = re.compile(r"\b(E[A-Z0-9]{2,})\b")
_NUMBER = re.compile(r"[-+]?[\d.,]+")
#: What was copied or taken: a cost.
_SIZE = re.compile(r"[\d.,]+ (?:[KMGT]iB|B|bytes|blocks|pages|inodes)(?: .*)?")


def rank(family: str, verdict: Verdict, value: str) -> Rank:
    """The rank of a break by the family of its check, its verdict, and the value that broke it."""
    if family in SOFTWARE or verdict in ("crash", "hang"):
        return "software"
    if family in POWER_CUTS:
        return "data"
    if refused(value):
        return "surprise"
    if family in SHOWN or _SIZE.fullmatch(value):
        return "cosmetic"
    return "surprise" if family not in CONTENT or _NUMBER.fullmatch(value) or not value else "data"


def refused(value: str) -> bool:
    """Whether the value names an errno: the caller was told. That something is not there is no refusal, but a loss."""
    return any(isinstance(getattr(errno, word, None), int) for word in _ERRNO.findall(value) if word != "ENOENT")
