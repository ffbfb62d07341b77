"""One row a driver: what breaks first, whether page cache is shared, what a first write costs, what a cut leaves.

There is no score. What was not measured is said to be so.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from roadworthy.reports.cases import base
from roadworthy.reports.cuts import PowerCuts, power_cuts
from roadworthy.reports.effects import against
from roadworthy.reports.matrix import REFERENCE, Matrix
from roadworthy.reports.records import Benchmark
from roadworthy.reports.site import page_cache
from roadworthy.reports.site.card import Reason, reasons
from roadworthy.reports.site.values import Site
from roadworthy.reports.states import WHOLE, rank
from roadworthy.reports.text import counted
from roadworthy.reports.units import number

#: The benchmark of the first write, and the point of it that is shown.
FIRST_WRITE, SIZE = "copy-up/first-write", "16MiB"
#: Parts of a second, in milliseconds.
_MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True)
class Answer:
    """What a cell of the table says, in a few words; `more` is the small print. Nothing said is "not measured"."""

    says: str = ""
    more: str = ""


@dataclass(frozen=True)
class DriverRow:
    """A driver's row. `first` is the reason that matters most for which something breaks.

    `breaks` counts the check functions that break on any of its lanes, `failing` those of them without an explanation.
    """

    driver: str
    first: Reason | None
    breaks: int
    failing: int
    asked: int
    cache: Answer
    write: Answer
    cuts: Answer
    lanes: int
    up: int


@lru_cache(maxsize=1)
def overview(site: Site) -> tuple[DriverRow, ...]:
    """The rows of all drivers that keep layers; the reference keeps none."""
    cuts = power_cuts(site.matrix)
    drivers = [one for one in site.matrix.drivers if one[0] != REFERENCE]
    return tuple(_row(site, driver, places, cuts) for driver, places in drivers)


def _row(site: Site, driver: str, places: Sequence[int], cuts: PowerCuts) -> DriverRow:
    matrix = site.matrix
    found = reasons(site, driver, places)
    asked = {base(row.check.id) for row in matrix.rows for at in places if (cell := row.cells[at]) and cell.result}
    broken = {check for reason in found for check, _ in reason.checks}
    unexplained = {check for reason in found if not reason.explained for check, _ in reason.checks}
    return DriverRow(
        driver, found[0] if found else None, len(broken), len(unexplained), len(asked), _cache(matrix, places),
        _write(matrix, driver), _cuts(cuts, driver), len(places), sum(matrix.columns[at].started for at in places),
    )  # fmt: skip


def _cache(matrix: Matrix, places: Sequence[int]) -> Answer:
    """Whether containers of one image share its page cache."""
    told = [said == "shared" for at in places if (said := page_cache.of_lane(matrix, at))]
    if not told:
        return Answer()
    if all(told) or not any(told):
        return Answer("yes" if told[0] else "no")
    return Answer("on some lanes", f"{sum(told)} of {len(told)}")


def first_writes(matrix: Matrix, driver: str) -> list[Benchmark]:
    """The measurements of the first write to a file of the image, of the size that is shown."""
    every = (record for one in matrix.comparisons for lane, _, record in one.records if lane.driver == driver)
    return [one for one in every if one.benchmark.startswith(f"{FIRST_WRITE}/") and one.benchmark.endswith(f"@{SIZE}")
            and one.verdict != "invalid" and one.unit in _MILLISECONDS]  # fmt: skip


def _write(matrix: Matrix, driver: str) -> Answer:
    """The first write in milliseconds on each backing: the median of its lanes."""
    found = first_writes(matrix, driver)
    told = [one for one in found if not one.unpublished]
    if not told:
        return Answer("", found[0].unpublished) if found else Answer()
    backings = {column.lane.id: column.lane.backing for column in matrix.columns}
    times: dict[str, list[float]] = {}
    for one in told:
        times.setdefault(backings[one.lane], []).append(one.arm.median * _MILLISECONDS[one.unit])
    says = ", ".join(f"{number(statistics.median(some))} ms on {backing}" for backing, some in times.items())
    plain = statistics.median(one.baseline.median * _MILLISECONDS[one.unit] for one in told)
    return Answer(says, f"a plain volume {number(plain)} ms" + (f"; {against(told[0])}" if len(told) == 1 else ""))


def _cuts(cuts: PowerCuts, driver: str) -> Answer:
    """What a power cut leaves at worst, over the operations that the power was cut in."""
    mine = [one for row in cuts.rows for one in row.cuttings if one and one.lane.driver == driver]
    if not mine:
        return Answer()
    broken = sorted((one for one in mine if one.broken), key=lambda one: rank(one.state))
    looked = f"{counted(sum(one.looked for one in mine), 'cut')} in {counted(len(mine), 'operation')}"
    if not broken:
        return Answer(WHOLE, looked)
    return Answer(f"{len(broken)} of {counted(len(mine), 'operation')} break", f"worst: {broken[0].state}; {looked}")
