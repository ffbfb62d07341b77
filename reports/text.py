"""Text from a bundle, made safe to show: control characters visible, terminal colours gone, length bounded.

Whatever a container, a kernel log or a contributor wrote may end up in a bundle. HTML escaping is the template
engine's work; this file deals with what escaping lets through: characters that hide, reorder or repaint text.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import urlsplit

#: Characters shown of one value; the bundle keeps the rest.
TEXT_LIMIT = 2_000

_TERMINAL = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC: titles, hyperlinks
    r"|\x1b[ -/]*[0-~]"  # two-character escapes
)
_CONTROL_PICTURE = re.compile(r"[\x00-\x08\x0b-\x1f]")
_HIDDEN = re.compile(
    "[\x7f-\x9f"  # DEL and C1
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u3164\uffa0"  # invisible, or a direction mark
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # zero width, line separators, bidi embeddings, overrides and isolates
    "\ud800-\udfff\ufeff\ufff0-\uffff"  # lone surrogates, byte order mark, specials
    "\U000e0000-\U000e0fff]"  # tags
)
_URL = re.compile(r"https?://[^\s<>\"'`\\]+", re.ASCII | re.IGNORECASE)
_NOT_IN_ANCHOR = re.compile(r"[^A-Za-z0-9/:._~+,@()\[\]-]")


def visible(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return `text` without terminal escapes and with hidden characters spelled out, `limit` characters at most.

    Newlines and tabs stay. A C0 control becomes its control picture, any other hidden character `⟨U+202E⟩`.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():  # as most texts are
        return text
    # Four times the limit is enough to fill it whatever is removed, and bounds the work on a line of many megabytes.
    shown = _TERMINAL.sub("", text[: 4 * limit])
    shown = _CONTROL_PICTURE.sub(lambda found: chr(0x2400 + ord(found[0])), shown)
    shown = _HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", shown)
    if len(shown) <= limit and len(text) <= 4 * limit:
        return shown
    return f"{shown[:limit]}… ({len(text):,} characters in the bundle)"


def web_link(text: str) -> str:
    """Return `text` if it is an http or https address that may become a link, else ""."""
    if not _URL.fullmatch(text) or len(text) > TEXT_LIMIT or not text.isascii() or not text.isprintable():
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    # A user name before the host makes an address look like another one's.
    return text if parts.hostname and parts.username is None else ""


def with_links(text: str) -> list[tuple[str, str]]:
    """Split `text` into pieces, each with the address it links to, or "" for plain text."""
    text = text[:TEXT_LIMIT]
    pieces: list[tuple[str, str]] = []
    end = 0
    for found in _URL.finditer(text):
        address = found[0].rstrip(".,;:!?)]}")
        if not web_link(address):
            continue
        if found.start() > end:
            pieces.append((visible(text[end : found.start()]), ""))
        pieces.append((address, address))
        end = found.start() + len(address)
    if end < len(text):
        pieces.append((visible(text[end:]), ""))
    return pieces


def anchor(kind: str, *ids: str) -> str:
    """Return an element id for lanes, checks and cells: `row:rename/merged-directory`, readable and stable.

    Characters that would need escaping in an address are replaced, with a digest to keep the id unique.
    """
    plain = ":".join(ids)
    safe = _NOT_IN_ANCHOR.sub("_", plain)[:200]
    if safe == plain:
        return f"{kind}:{safe}"
    return f"{kind}:{safe}~{hashlib.sha256(plain.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def cleaned(value: Any, limit: int = TEXT_LIMIT) -> Any:
    """Return a JSON value with `visible` applied to each string and key in it."""
    if isinstance(value, str):
        return visible(value, limit)
    if isinstance(value, dict):
        return {visible(str(key), limit): cleaned(item, limit) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(item, limit) for item in value]
    return value


def island(value: Any) -> str:
    """Return JSON that may stand inside a script element: ASCII only, without `<`, `>` and `&`."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun: `1 run`, `2 runs`."""
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"
