"""Rows of measurements that become records: of one metric, of several, along an axis; then their system calls."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, TypeVar, Unpack

from roadworthy.measuring.design import Budget, Measured, Point, Side
from roadworthy.measuring.design import rows as take_rows
from roadworthy.measuring.guards import Guards
from roadworthy.measuring.reporting import Reporter
from roadworthy.measuring.system_calls import NotAsked, NotCounted, SystemCalls
from roadworthy.reports.records import Benchmark, Trend
from roadworthy.stage import Stage

#: A point of an axis, or None where there is no axis.
At = TypeVar("At", float, None)


class Setting(TypedDict, total=False):
    """What all rows may be told besides what is measured.

    `unit` is the metric's, `ns` by default. `before` sets a row up. `guards` are looked at once, after the last row.
    `names` are those of the two sides, where they are not `native` and the driver. Of what `waits` for something
    besides its work, the 5th percentile and the mean are published too.
    """

    unit: str
    stratum: str
    before: Callable[[], None]
    guards: Callable[[], Guards]
    names: tuple[str, str] | None
    workload: Mapping[str, Any] | None
    waits: bool


class Rows:
    """What takes the rows of one benchmark and has them reported."""

    def __init__(self, reporter: Reporter, system_calls: SystemCalls, budget: Budget, stage: Stage) -> None:
        self.reporter = reporter
        self.system_calls = system_calls
        self._budget = budget
        self._stage = stage

    def paired(
        self, measure: Callable[[Side], Measured], *, metric: str, bins: Mapping[Side, Counter[float]] | None = None,
        budget: Budget | None = None, **setting: Unpack[Setting],
    ) -> Benchmark:  # fmt: skip
        """Take rows of one measurement and report it. `bins` are the single operations of each side, by what they took.

        `budget` is given where the one of the benchmark's tier does not do.
        """
        return self._reported(lambda side: {(metric, None): measure(side)}, bins, budget, **setting)[metric, None]

    def phases(
        self, measure: Callable[[Side], Mapping[str, Measured]], **setting: Unpack[Setting]
    ) -> dict[str, Benchmark]:
        """Take rows of several metrics, as of the phases of a job; report each by its name."""
        found = self._reported(lambda side: {(metric, None): cost for metric, cost in measure(side).items()}, **setting)
        return {metric: record for (metric, _), record in found.items()}

    def sweep(
        self, measure: Callable[[Side], Mapping[float, Measured]], *, axis: str, axis_unit: str, metric: str,
        **setting: Unpack[Setting],
    ) -> Trend | None:  # fmt: skip
        """Take rows that measure every point of an axis; report each point, and how the cost grows along the axis."""
        return self.sweeps(
            lambda side: {(metric, point): found for point, found in measure(side).items()}, axis=axis,
            axis_unit=axis_unit, **setting,
        )[metric]  # fmt: skip

    def sweeps(
        self, measure: Callable[[Side], Mapping[tuple[str, float], Measured]], *, axis: str, axis_unit: str,
        **setting: Unpack[Setting],
    ) -> dict[str, Trend | None]:  # fmt: skip
        """The same of several metrics: rows of each at every point of the axis."""
        found = self._reported(measure, axis_unit=axis_unit, **setting)
        return {
            metric: self.reporter.trend(
                {point: found[name, point] for name, point in sorted(found) if name == metric}, axis, axis_unit
            )
            for metric in dict.fromkeys(metric for metric, _ in found)
        }

    def _reported(
        self, measure: Callable[[Side], Mapping[tuple[str, At], Measured]],
        bins: Mapping[Side, Counter[float]] | None = None, own: Budget | None = None, *, axis_unit: str = "",
        unit: str = "ns", stratum: str = "", before: Callable[[], None] = lambda: None,
        guards: Callable[[], Guards] = dict, names: tuple[str, str] | None = None,
        workload: Mapping[str, Any] | None = None, waits: bool = False,
    ) -> dict[tuple[str, At], Benchmark]:  # fmt: skip
        """Take rows, and report cost and system calls of each metric, at each point of an axis if there is one."""
        with self._stage(f"measuring {self.reporter.declaration.identity} {stratum}".rstrip()):
            found = take_rows(self._budget if own is None or self.reporter.unpublished else own, measure, before)
        holding = guards()
        records = {
            (metric, point): self.reporter.cost(
                samples, metric, unit, stratum, point, axis_unit, holding, names, workload, bins, waits
            )
            for (metric, point), samples in found.items()
        }
        for (metric, point), calls in self._count_calls(measure, before, stratum).items():
            self.reporter.calls(metric, calls, stratum, point, axis_unit)
        return records

    def _count_calls(
        self, measure: Callable[[Side], Mapping[Point, Measured]], before: Callable[[], None], stratum: str
    ) -> dict[Point, dict[str, Measured]]:
        """Do once more what a row does, for the baseline and for the driver, and count system calls instead of time.

        Where they cannot be counted, nothing is answered, and a warning says why; nothing, too, where nobody asks.
        """
        sides: tuple[Side, ...] = ("baseline", "arm")
        found: dict[Point, dict[str, Measured]] = {}
        try:
            with (
                self.system_calls.instead_of_time(),
                self._stage(f"counting calls of {self.reporter.declaration.identity} {stratum}".rstrip()),
            ):
                before()
                for side in sides:
                    for point, measured in measure(side).items():
                        found.setdefault(point, {})[side] = measured
        except NotAsked:
            return {}
        except NotCounted as reason:
            warnings.warn(f"system calls were not counted: {reason}", stacklevel=2)
            return {}
        return found
