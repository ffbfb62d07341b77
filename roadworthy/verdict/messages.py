"""What engines and kernels say when storage does not work: each message with its meaning, remedy and source.

They lie in `conformance/messages.toml`. Each is provoked by checks or by a test of the suite itself.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from roadworthy.verdict.matching import REST

#: Fewer characters of a message than this are in too many others.
LEAST = 8


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message. `text` has … for what varies; `checks` provoke it, or mounts with the options `provoked` do."""

    text: str
    means: str
    do: str
    source: str
    checks: tuple[str, ...] = ()
    provoked: tuple[str, ...] = ()

    def is_in(self, said: str) -> bool:
        """Whether the message is in what a program has said, in whatever case and spacing."""
        return re.search(pattern(self.text), plain(said)) is not None

    def begins_as(self, said: str) -> bool:
        """Whether what was said is a part of the message."""
        return len(plain(said)) >= LEAST and plain(said) in plain(self.text)


class Messages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    message: tuple[Message, ...]


def load(path: Path) -> tuple[Message, ...]:
    """Every message of the file. Raises msgspec's ValidationError."""
    return msgspec.toml.decode(path.read_bytes(), type=Messages).message


def plain(text: str) -> str:
    """A text without what differs between two places where it is printed: case, spacing, kinds of quotes."""
    return " ".join(re.sub(r"[\"'`\u2018\u2019\u201c\u201d\\]", "", text).lower().split())


def pattern(text: str) -> str:
    """A message as a regular expression for a plain text."""
    return ".*".join(re.escape(part) for part in plain(text).split(REST))


def meant(said: str, known: tuple[Message, ...]) -> list[Message]:
    """The messages that are in what was said, the longest first; if none is, those that it is a part of."""
    found = [message for message in known if message.is_in(said)] or [one for one in known if one.begins_as(said)]
    return sorted(found, key=lambda message: -len(message.text))
