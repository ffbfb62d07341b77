"""Values as C spells them."""

from __future__ import annotations

from typing import Any

from roadworthy.repro.calls import Word

#: Characters that a string of C has to escape; two question marks would begin a trigraph.
ESCAPED = {ord('"'): '\\"', ord("\\"): "\\\\", ord("?"): "\\?"}


def text(value: str | bytes) -> str:
    """A text or bytes as a string of C.

    Escapes have three octal digits, where a hexadecimal one would take the digits that follow it.
    """
    raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return (
        '"' + "".join(ESCAPED.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in raw) + '"'
    )


def c(value: Any) -> str:
    """A number or a word as C writes it."""
    return value.text.replace("|", " | ") if isinstance(value, Word) else str(int(value))
