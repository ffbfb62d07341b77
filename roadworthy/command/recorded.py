"""The recorded results that a command answers from: bundles that are named, or else the newest one here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from roadworthy.command.mistakes import good_bundles_in, tell_refused
from roadworthy.command.progress import working
from roadworthy.reports.bundle import Bundle
from roadworthy.reports.cases import names
from roadworthy.reports.matrix import Cell, Column, Matrix, build
from roadworthy.reports.nearest import hint
from roadworthy.reports.records import Check
from roadworthy.reports.series import bundle_paths
from roadworthy.reports.shows import NOTHING, Shown

Command = TypeVar("Command", bound=Callable[..., Any])
#: Where a run puts its bundle if it is not told, below the directory that the user stands in.
HERE = Path("bundles")


def from_bundles(command: Command) -> Command:
    """Give a command the option --bundle; it gets the paths as `bundles`."""
    return click.option(
        "--bundle", "bundles", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="DIR",
        help="Recorded results: a run's bundle, or a directory of bundles; repeatable. Default: the newest below "
        "bundles/.",
    )(command)  # fmt: skip


def read(places: Sequence[Path]) -> list[Bundle]:
    """The bundles at these places, or else the newest one here; empty if there is none. Raises UsageError."""
    chosen = list(places) or newest()
    if not chosen:
        return []
    with working("reading recorded results"):
        found, refused = good_bundles_in(chosen)
    tell_refused(refused)
    return found


def newest() -> list[Path]:
    """The bundle below the working directory that was written last, or none."""
    here = bundle_paths([HERE]) if any(HERE.glob("*/bundle.jsonl")) else []
    return sorted(here, key=lambda path: (path / "bundle.jsonl").stat().st_mtime)[-1:]


@dataclass(frozen=True)
class Asked:
    """One recorded cell: a check on a lane, and what the page shows of it beside its verdict."""

    column: Column
    check: Check
    cell: Cell
    shown: Shown = NOTHING


def cells(matrix: Matrix | None, check: str, lane: str = "") -> list[Asked]:
    """The recorded cells of a check, with all its cases if it names none, on all lanes or on those that `lane` names.

    A lane is named by its id, by its driver, or by the beginning of its id up to a hyphen.
    """
    if matrix is None:
        return []
    return [
        Asked(column, row.check, cell, shown)
        for row in matrix.rows if names(check, row.check.id)
        for column, cell, shown in zip(matrix.columns, row.cells, row.shown, strict=True)
        if cell is not None and (not lane or is_named(column, lane))
    ]  # fmt: skip


def is_named(column: Column, lane: str) -> bool:
    return lane in (column.lane.id, column.lane.driver) or column.lane.id.startswith(f"{lane}-")


def columns_named(matrix: Matrix, lane: str) -> list[Column]:
    """The lanes that a word names. Raises UsageError with the nearest ones."""
    found = [column for column in matrix.columns if is_named(column, lane)]
    if not found:
        names = [
            *dict.fromkeys([*(one.lane.id for one in matrix.columns), *(one.lane.driver for one in matrix.columns)])
        ]
        raise click.UsageError(f"no recorded lane {lane!r}{hint(lane, names)}")
    return found


def of_runs(bundles: Sequence[Bundle]) -> Matrix | None:
    """The matrix of recorded runs; None if there is none."""
    return build(bundles) if bundles else None
