"""Lanes side by side: where their verdicts differ, then their values, then what only some of them were asked.

Two lanes, the kernels of a driver, its engines, or two drivers: all are columns of one matrix.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from roadworthy.reports.cases import base, case
from roadworthy.reports.changes import MAGNITUDE, beyond
from roadworthy.reports.effects import shown
from roadworthy.reports.matrix import SILENT, Cell, Matrix, Row
from roadworthy.reports.records import WORST_FIRST, Benchmark, Count, Deviation, Lane, Verdict
from roadworthy.reports.shows import Shown
from roadworthy.reports.site.broken import BROKEN


@dataclass(frozen=True)
class Beside:
    """A check function, with those of its cases that are alike, on each of the lanes. `why` is the first reason."""

    function: str
    cases: tuple[str, ...]
    promise: str
    cells: tuple[tuple[Verdict, Shown] | None, ...]
    deviation: Deviation | None

    @property
    def worst(self) -> int:
        return min(WORST_FIRST.index(cell[0]) for cell in self.cells if cell)


@dataclass(frozen=True)
class Number:
    """A benchmark on each of the lanes, None where there is none that may be published."""

    benchmark: str
    metric: str
    unit: str
    records: tuple[Benchmark | None, ...]


@dataclass(frozen=True)
class Amount:
    """A count on each of the lanes."""

    benchmark: str
    metric: str
    unit: str
    counts: tuple[Count | None, ...]


@dataclass(frozen=True)
class Across:
    """Lanes side by side. `agreed` is how many functions were asked of all of them and answered alike."""

    lanes: tuple[Lane, ...]
    verdicts: tuple[Beside, ...]
    values: tuple[Beside, ...]
    numbers: tuple[Number, ...]
    amounts: tuple[Amount, ...]
    partly: tuple[tuple[str, tuple[Lane, ...]], ...]
    agreed: int
    broken_alike: int

    @property
    def differs(self) -> bool:
        return bool(self.verdicts or self.values or self.numbers or self.amounts)


def across(matrix: Matrix, places: Sequence[int]) -> Across:
    """Set lanes side by side, by their places among the columns."""
    lanes = tuple(matrix.columns[at].lane for at in places)
    verdicts: list[Beside] = []
    values: list[Beside] = []
    asked: dict[str, set[int]] = {}
    apart: set[str] = set()
    broken: set[str] = set()
    for name, rows in itertools.groupby(matrix.rows, lambda row: base(row.check.id)):
        alike: dict[tuple[object, ...], list[Row]] = {}
        for row in rows:
            cells = [row.cells[at] for at in places]
            asked.setdefault(name, set()).update(at for at, cell in zip(places, cells, strict=True) if _told(cell))
            if any(map(_told, cells)):
                alike.setdefault(tuple(_key(row, at) for at in places), []).append(row)
        for some in alike.values():
            cells = [some[0].cells[at] for at in places]
            told = [cell for cell in cells if cell and _told(cell)]
            if len({cell.verdict in BROKEN for cell in told}) > 1:
                verdicts.append(_beside(name, some, places))
                apart.add(name)
            elif len({_value(some[0], at) for at in places if _told(some[0].cells[at])}) > 1:
                values.append(_beside(name, some, places))
                apart.add(name)
            elif len(told) == len(places) and told[0].verdict in BROKEN:
                broken.add(name)
    everywhere = [name for name, found in asked.items() if len(found) == len(places)]
    return Across(
        lanes,
        tuple(sorted(verdicts, key=lambda one: one.worst)),
        tuple(values),
        tuple(numbers(matrix, lanes)),
        tuple(amounts(matrix, places)),
        tuple((name, tuple(matrix.columns[at].lane for at in places if at in found))
              for name, found in asked.items() if 0 < len(found) < len(places)),
        len([name for name in everywhere if name not in apart]),
        len(broken - apart),
    )  # fmt: skip


def _told(cell: Cell | None) -> bool:
    return cell is not None and cell.verdict not in SILENT and cell.verdict != "error"


def _key(row: Row, at: int) -> tuple[object, ...] | None:
    cell = row.cells[at]
    return (cell.verdict, _value(row, at)) if cell else None


def _value(row: Row, at: int) -> tuple[Verdict | None, str]:
    """What tells two breaks apart: the verdict and the reason that is recorded, or else the value."""
    cell = row.cells[at]
    if cell is None or cell.verdict not in BROKEN:
        return ("pass" if cell else None), ""
    told = cell.result.deviation if cell.result else None
    return cell.verdict, told.why if told else row.shown[at].value


def _beside(name: str, rows: Sequence[Row], places: Sequence[int]) -> Beside:
    row = rows[0]
    cells = [(cell.verdict, row.shown[at]) if (cell := row.cells[at]) else None for at in places]
    told = [cell.result.deviation for at in places if (cell := row.cells[at]) and cell.result
            and cell.verdict in BROKEN]  # fmt: skip
    cases = tuple(one for some in rows if (one := case(some.check.id)))
    return Beside(name, cases, row.check.promise, tuple(cells), next((one for one in told if one), None))


def numbers(matrix: Matrix, lanes: Sequence[Lane]) -> list[Number]:
    """The benchmarks whose ratios differ between lanes: by more than a tenth, with intervals that do not meet."""
    found = []
    for comparison in matrix.comparisons:
        by_benchmark: dict[str, dict[str, Benchmark]] = {}
        for lane, _, record in comparison.records:
            if record.verdict != "invalid" and not record.unpublished:
                by_benchmark.setdefault(record.benchmark, {})[lane.id] = record
        for name, records in by_benchmark.items():
            mine = [records.get(lane.id) for lane in lanes]
            if apart([one for one in mine if one]):
                found.append(Number(name, comparison.metric, comparison.unit, tuple(mine)))
    return found


def apart(records: Sequence[Benchmark]) -> bool:
    """Whether two of the ratios differ by more than a tenth and their intervals do not meet."""
    return any(
        (one.ratio_high < other.ratio_low or other.ratio_high < one.ratio_low)
        and not 1 / MAGNITUDE <= one.ratio / other.ratio <= MAGNITUDE
        and "invalid" not in (shown(one), shown(other))
        for one, other in itertools.combinations(records, 2) if other.ratio
    )  # fmt: skip


def amounts(matrix: Matrix, places: Sequence[int]) -> list[Amount]:
    """The counts that differ between lanes by more than their tolerance."""
    found = []
    for row in matrix.counted:
        mine = [cell[1] if (cell := row.cells[at]) else None for at in places]
        told = [one for one in mine if one]
        if any(beyond(one.value, told[0].value, one.tolerance) for one in told[1:]):
            found.append(Amount(row.benchmark, row.metric, row.unit, tuple(mine)))
    return found
