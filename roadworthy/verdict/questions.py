"""Questions about a workload, and the recorded results that answer each: `conformance/questions.toml`."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import msgspec

from roadworthy.reports.cases import base


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question. `checks` are ids without a case or `family/*`, `benchmarks` ids without stratum and point."""

    name: str
    asks: str
    checks: tuple[str, ...]
    benchmarks: tuple[str, ...] = ()

    def asks_check(self, check: str) -> bool:
        """Whether a check, whose id may carry a case, is among those that answer."""
        return any(is_of(check, pattern) for pattern in self.checks)


def is_of(check: str, pattern: str) -> bool:
    """Whether a check, whose id may carry a case, is the one that is named, or of the family `family/*`."""
    return fnmatch.fnmatchcase(base(check), pattern)


class Questions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    question: tuple[Question, ...]


def load(path: Path) -> tuple[Question, ...]:
    """Every question of the file. Raises msgspec's ValidationError."""
    return msgspec.toml.decode(path.read_bytes(), type=Questions).question
