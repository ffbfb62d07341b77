"""Editions: which bundles of a directory belong together, and in which order they follow each other.

The directory directly below the root names an edition if its name begins with a date, as `2026-11-30-evening` does.
Other bundles belong to the day of their plan, in UTC.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from roadworthy.reports.bundle import FILE_NAME, Limits
from roadworthy.reports.matrix import Run

_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})(?!\d)")


@dataclass(frozen=True)
class Edition:
    """All runs that are published together. `lanes` are those of its plans, `refused` why bundles are left out."""

    name: str
    day: str
    lanes: tuple[str, ...]
    runs: tuple[Run, ...]
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """The files of one edition, before they are read. `print` changes if one of them does."""

    name: str
    files: tuple[Path, ...]
    print: str


def found_in(root: Path) -> list[Found]:
    """The editions below a directory, the oldest first: by day, and on one day by the first plan.

    Files without a plan that can be read, in no edition's directory, belong to the newest one.
    """
    files: dict[str, list[Path]] = {}
    first: dict[str, str] = {}
    for file in bundle_files(root):
        started = begun(file)
        name = named(root, file) or (day(started) if started else "")
        files.setdefault(name, []).append(file)
        if started:
            moment = started.astimezone(UTC).isoformat()
            first[name] = min(moment, first.get(name, moment))
    lost = files.pop("", [])
    order = sorted(files, key=lambda name: (day_of(name), first.get(name, ""), name))
    if lost:
        files.setdefault(order[-1] if order else "unreadable", []).extend(lost)
    return [Found(name, tuple(files[name]), _print(root, files[name])) for name in order or [*files]]


def bundle_files(root: Path) -> Iterator[Path]:
    """The files of all bundles below a directory, whatever the nesting, in order. Links to directories are followed.

    A directory in which a bundle lies is not searched further: what its workers wrote is in it. While they still write,
    its own file is empty, and theirs count.
    """
    return _below(root, frozenset())


def _below(place: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    try:
        status = place.stat()
        with os.scandir(place) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:  # it is gone, or not for us: a run that cleans up, or a foreign directory
        return
    here = (status.st_dev, status.st_ino)
    if here in above:  # a link that leads back up
        return
    own = next((entry for entry in entries if entry.name == FILE_NAME), None)
    if own and not own.is_dir(follow_symlinks=False) and (own.is_symlink() or own.stat().st_size):
        yield place / FILE_NAME
        return
    for entry in entries:
        if entry.is_dir() and not entry.name.startswith("."):
            yield from _below(place / entry.name, above | {here})


def begun(file: Path) -> datetime | None:
    """When the plan of a bundle was written; None if its first line is no plan."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as stream:
            plan = stream.readline(Limits().line)
        found = re.search(rb'"started": ?("[^"\\]{1,40}")', plan)  # before all that a plan may contain
        return _aware(datetime.fromisoformat(json.loads(found[1]))) if found else None
    except (OSError, ValueError):
        return None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def named(root: Path, file: Path) -> str:
    """The edition that a bundle's place names, or an empty string."""
    parts = file.relative_to(root).parts
    return parts[0] if len(parts) > 1 and day_of(parts[0]) and is_text(parts[0]) else ""


def is_text(name: str) -> bool:
    """Whether the bytes of a file's name are text; other names cannot be written into a page or an index."""
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)


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


def _print(root: Path, files: list[Path]) -> str:
    """What changes with a file: its name, size and time of change."""
    lines = []
    for file in files:
        status = file.lstat()
        lines.append(f"{file.relative_to(root)} {status.st_size} {status.st_mtime_ns}")
    return "\n".join(lines).encode("utf-8", "backslashreplace").decode()
