"""The parts of a check's id: `rename/merged-dir[lower]` is the case `lower` of the check `rename/merged-dir`."""

from __future__ import annotations


def base(check: str) -> str:
    """The id without its case."""
    return check.partition("[")[0]


def case(check: str) -> str:
    """The case without its brackets; empty if the check has none."""
    return check.partition("[")[2].removesuffix("]")


def names(word: str, check: str) -> bool:
    """Whether a word names a check: by its id, or by that of all its cases."""
    return word in (check, base(check))
