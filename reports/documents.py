"""Read a file of one JSON value in a fixed form, as hostile input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from roadworthy.reports.bounded import read_bounded
from roadworthy.reports.text import visible


class Versioned(Protocol):
    """A value that names the schema in which it was written."""

    @property
    def schema(self) -> str: ...


Value = TypeVar("Value", bound=Versioned)


@dataclass(frozen=True)
class Form(Generic[Value]):
    """What a file has to hold: a `kind` in the major version of `schema`, in at most `limit` bytes.

    `said` is its name and origin in words; `refused` is raised with the file's name and what was expected.
    """

    kind: type[Value]
    schema: str
    limit: int
    said: str
    refused: type[Exception]

    def read(self, path: Path, confirm: Callable[[Value], object] = lambda found: None) -> Value:
        """Read the file; `confirm` raises ValueError for what the types do not say. Raises `refused`."""
        name = visible(str(path), 400)
        try:
            found = msgspec.json.decode(read_bounded(path, self.limit), type=self.kind)
            confirm(found)
        except OSError as reason:
            raise self.refused(f"{name}: {reason.strerror}") from None
        except (ValueError, RecursionError) as reason:  # msgspec's errors are ValueErrors
            raise self.refused(f"{name}: not {self.said}: {visible(str(reason), 400)}") from None
        if found.schema.partition(".")[0] != self.schema.partition(".")[0]:
            raise self.refused(f"{name}: schema {visible(found.schema, 40)}, this reader knows {self.schema}")
        return found

    def holds(self, path: Path) -> bool:
        """Whether the file at `path` is of this form."""
        try:
            self.read(path)
        except self.refused:
            return False
        return True
