"""Editions: which bundles of a directory belong together, and when they were made.

The directory directly below the root names an edition if its name begins with a date, as `2026-11-30-evening` does.
Other bundles belong to the day of their plan, in UTC.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from roadworthy.reports.bundle import FILE_NAME

_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})(?!\d)")


@dataclass(frozen=True)
class Edition:
    """All runs that are published together. `lanes` are those of its plans, `refused` why bundles are left out."""

    name: str
    day: str
    lanes: tuple[str, ...]
    runs: tuple[str, ...]
    refused: tuple[str, ...] = ()


def bundle_files(root: Path) -> Iterator[Path]:
    """The files of all bundles below a directory, whatever the nesting, in order. Links to directories are followed.

    A directory in which a bundle lies is not searched further: what a killed run's workers left is in its bundle, or
    in place of it, if that is empty.
    """
    return _below(root, frozenset())


def _below(place: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    status = place.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:  # a link that leads back up
        return
    file = place / FILE_NAME
    if file.is_symlink() or (file.is_file() and file.stat().st_size):
        yield file
        return
    with os.scandir(place) as found:
        inside = sorted(entry.name for entry in found if not entry.name.startswith(".") and entry.is_dir())
    for name in inside:
        yield from _below(place / name, above | {here})


def named(root: Path, file: Path) -> str:
    """The edition that a bundle's place names, or an empty string."""
    parts = file.relative_to(root).parts
    return parts[0] if len(parts) > 1 and day_of(parts[0]) else ""


def day_of(name: str) -> str:
    """The date with which a name begins, or an empty string."""
    found = _DATED.match(name)
    if not found:
        return ""
    try:
        return date.fromisoformat(found[1]).isoformat()
    except ValueError:
        return ""


def day(started: datetime) -> str:
    """The day of a plan, which names its edition where no directory does."""
    return started.astimezone(UTC).date().isoformat()
