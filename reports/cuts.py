"""What power cuts have left: each operation on each lane, from the results of the checks of power cuts."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from roadworthy.reports.again import rerun_command
from roadworthy.reports.matrix import Cell, Matrix, worst
from roadworthy.reports.records import Check, Cuts, Lane, Verdict
from roadworthy.reports.states import WHOLE, rank

#: The most breaks that a page shows opened.
OPENED = 6


def log_path(lane: str, operation: str, round_: int = 1) -> str:
    """Where the log of an operation lies below a bundle's directory, if it is kept."""
    name = operation if round_ == 1 else f"{operation}.{round_}"
    return "/".join(["cuts", *(part.replace("/", "_").replace(":", "_") for part in (lane, f"{name}.log"))])


@dataclass(frozen=True)
class Asked:
    """One promise that was asked of an operation's cuts on one lane."""

    check: Check
    cell: Cell
    cuts: Cuts

    @property
    def broken(self) -> bool:
        return self.cuts.worst != WHOLE


@dataclass(frozen=True)
class Cutting:
    """All that was asked of one operation on one lane; the promise that is broken worst comes first."""

    lane: Lane
    operation: str
    asked: tuple[Asked, ...]

    @property
    def does(self) -> str:
        """The operation in words."""
        return self.asked[0].cuts.does

    @property
    def state(self) -> str:
        """The worst state that a cut has left."""
        return self.asked[0].cuts.worst

    @property
    def head(self) -> str:
        """The kind of that state, in a word or two."""
        return self.state.partition(":")[0].removeprefix("the daemon ").removeprefix("the ")

    @property
    def rest(self) -> str:
        """What else is said of that state."""
        return self.state.partition(":")[2].strip()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the promises."""
        return worst(one.cell.verdict for one in self.asked) or "missing"

    @property
    def broken(self) -> tuple[Asked, ...]:
        """The promises that are broken."""
        return tuple(one for one in self.asked if one.broken)

    @property
    def looked(self) -> int:
        """How many cuts were looked at."""
        return max(one.cuts.looked for one in self.asked)

    @property
    def flushes(self) -> int:
        """How many flushes the operation has."""
        return max(one.cuts.flushes for one in self.asked)


@dataclass(frozen=True)
class Row:
    """One operation over all columns; None for a lane on which it was not cut."""

    operation: str
    does: str
    cuttings: tuple[Cutting | None, ...]


@dataclass(frozen=True)
class PowerCuts:
    """The operations, and what broke, each with the worst first."""

    rows: tuple[Row, ...]
    broken: tuple[Cutting, ...]

    @property
    def looked(self) -> int:
        """How many cuts were looked at, in all operations on all lanes."""
        return sum(one.looked for row in self.rows for one in row.cuttings if one)

    @property
    def opened(self) -> bool:
        """Whether the page shows what broke opened."""
        return len(self.broken) <= OPENED


def power_cuts(matrix: Matrix) -> PowerCuts:
    """What the results of a matrix say of power cuts."""
    found: dict[str, list[list[Asked]]] = {}
    for row in matrix.rows:
        for column, cell in enumerate(row.cells):
            if cell is None or cell.result is None or cell.result.cuts is None:
                continue
            columns = found.setdefault(cell.result.cuts.operation, [[] for _ in matrix.columns])
            columns[column].append(Asked(row.check, cell, cell.result.cuts))
    rows = [
        _row(name, [_cutting(name, column.lane, asked) for column, asked in zip(matrix.columns, columns, strict=True)])
        for name, columns in found.items()
    ]
    rows.sort(key=lambda row: min(rank(one.state) for one in row.cuttings if one))
    broken = [one for row in rows for one in row.cuttings if one and one.broken]
    return PowerCuts(tuple(rows), tuple(sorted(broken, key=lambda one: rank(one.state))))


def _cutting(operation: str, lane: Lane, asked: Sequence[Asked]) -> Cutting | None:
    return Cutting(lane, operation, tuple(sorted(asked, key=lambda one: rank(one.cuts.worst)))) if asked else None


def _row(operation: str, cuttings: Sequence[Cutting | None]) -> Row:
    return Row(operation, next(one.does for one in cuttings if one), tuple(cuttings))


def disk_command(lane: Lane, asked: Asked) -> str:
    """The shell command that makes the disk at the first break again; empty if the log was not kept."""
    cuts, first = asked.cuts, asked.cuts.first
    if first is None or not cuts.kept or asked.cell.result is None:
        return ""
    part = [] if first.part is None else [f"--part={first.part}"]
    log = log_path(lane.id, cuts.operation, asked.cell.result.round)
    return shlex.join(["roadworthy", "cut", log, f"--flush={first.flush}", *part, "--out=disk.img"])


def capture_command(lane: Lane, asked: Asked) -> str:
    """The shell command that does the operation again, cuts the power in it, and keeps the log."""
    assert asked.cell.result is not None
    cuts = (f"--cuts={asked.cuts.asked}",) if asked.cuts.asked else ()
    return rerun_command(lane, asked.check, asked.cell.result.nodeid, ("--keep-logs", *cuts))
