"""Take rows and report them: of one metric, of several, or along an axis; then count their system calls."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, TypeVar, Unpack

from roadworthy.measuring.design import Budget, Measured, Point, Side, Step
from roadworthy.measuring.design import rows as take_rows
from roadworthy.measuring.guards import Guards
from roadworthy.measuring.reporting import Reporter
from roadworthy.measuring.system_calls import NotAsked, NotCounted, SystemCalls
from roadworthy.reports.records import Benchmark, Trend
from roadworthy.stage import Stage

#: A point of an axis, or None if there is no axis.
At = TypeVar("At", float, None)
Samples = TypeVar("Samples")


class Setting(TypedDict, total=False):
    """Optional settings of all kinds of rows.

    `unit` is the metric's, `ns` by default. `before` prepares a row; `warm` does on other files of a side what is
    measured next, and is not measured. `guards` are evaluated once, after the last row. `names` are those of the two
    sides, by default `native` and the driver. If an operation `waits` for something besides its work, the 5th
    percentile and the mean are published too.
    """

    unit: str
    stratum: str
    before: Callable[[], None]
    warm: Callable[[Side], object]
    guards: Callable[[], Guards]
    names: tuple[str, str] | None
    workload: Mapping[str, Any] | None
    waits: bool


class Rows:
    """Takes the rows of one benchmark and reports them."""

    def __init__(self, reporter: Reporter, system_calls: SystemCalls, budget: Budget, stage: Stage) -> None:
        self.reporter = reporter
        self.system_calls = system_calls
        self._budget = budget
        self._stage = stage

    def paired(
        self, measure: Callable[[Side], Measured], *, metric: str, bins: Mapping[Side, Counter[float]] | None = None,
        budget: Budget | None = None, **setting: Unpack[Setting],
    ) -> Benchmark:  # fmt: skip
        """Take rows of one measurement and report it.

        `bins` has a histogram of each side's operations by latency. `budget` replaces that of the benchmark's tier.
        """
        found = self._reported(
            lambda side, step: {(metric, None): measure(side)}, (None,), bins, budget, **setting
        )  # fmt: skip
        return found[metric, None]

    def phases(
        self, measure: Callable[[Side], Mapping[str, Measured]], **setting: Unpack[Setting]
    ) -> dict[str, Benchmark]:
        """Take rows of several metrics, for instance of the phases of a job; report each by its name."""
        found = self._reported(
            lambda side, step: {(metric, None): cost for metric, cost in measure(side).items()}, (None,), **setting
        )  # fmt: skip
        return {metric: record for (metric, _), record in found.items()}

    def kinds(
        self, measure: Callable[[Side, str], Measured], kinds: Sequence[str], **setting: Unpack[Setting]
    ) -> dict[str, Benchmark]:
        """Take rows of independent kinds of calls, in random order within a row; report each by its name."""
        found = self._reported(lambda side, kind: {(kind, None): measure(side, kind)}, kinds, **setting)
        return {kind: record for (kind, _), record in found.items()}

    def sweep(
        self, measure: Callable[[Side, float], Measured], points: Sequence[float], *, axis: str, axis_unit: str,
        metric: str, **setting: Unpack[Setting],
    ) -> Trend | None:  # fmt: skip
        """Take rows that measure every point of an axis; report each point, and how the cost grows along the axis.

        The order of the points in a row is random, and each point is as often at each place.
        """
        return self.sweeps(
            lambda side, point: {metric: measure(side, point)}, points, axis=axis, axis_unit=axis_unit, **setting
        )[metric]  # fmt: skip

    def sweeps(
        self, measure: Callable[[Side, float], Mapping[str, Measured]], points: Sequence[float], *, axis: str,
        axis_unit: str, **setting: Unpack[Setting],
    ) -> dict[str, Trend | None]:  # fmt: skip
        """Take rows of several metrics at every point of an axis; report each point, and each metric's trend."""
        found = self._reported(
            lambda side, point: {(metric, point): cost for metric, cost in measure(side, point).items()}, points,
            axis_unit=axis_unit, **setting,
        )  # fmt: skip
        return {
            metric: self.reporter.trend(
                {point: found[name, point] for name, point in sorted(found) if name == metric}, axis, axis_unit
            )
            for metric in dict.fromkeys(metric for metric, _ in found)
        }

    def _reported(
        self, measure: Callable[[Side, Step], Mapping[tuple[str, At], Measured]], steps: Sequence[Step],
        bins: Mapping[Side, Counter[float]] | None = None, own: Budget | None = None, *, axis_unit: str = "",
        unit: str = "ns", stratum: str = "", before: Callable[[], None] = lambda: None,
        warm: Callable[[Side], object] = lambda side: None,
        guards: Callable[[], Guards] = dict, names: tuple[str, str] | None = None,
        workload: Mapping[str, Any] | None = None, waits: bool = False,
    ) -> dict[tuple[str, At], Benchmark]:  # fmt: skip
        """Take rows; report the cost and the system calls of each metric, at each point if there is an axis."""
        with self._stage(f"measuring {self.reporter.declaration.identity} {stratum}".rstrip()):
            budget = self._budget if own is None or self.reporter.unpublished else own
            found = take_rows(budget, measure, steps, before, warm)
        holding = guards()
        records = {
            (metric, point): self.reporter.cost(
                samples, metric, unit, stratum, point, axis_unit, holding, names, workload, bins, waits
            )
            for (metric, point), samples in in_order(found, steps)
        }
        for (metric, point), calls in self._count_calls(measure, steps, before, warm, stratum).items():
            self.reporter.calls(metric, calls, stratum, point, axis_unit)
        return records

    def _count_calls(
        self, measure: Callable[[Side, Step], Mapping[Point, Measured]], steps: Sequence[Step],
        before: Callable[[], None], warm: Callable[[Side], object], stratum: str,
    ) -> dict[Point, dict[str, Measured]]:  # fmt: skip
        """Repeat the work of a row for the baseline and the driver, and count system calls instead of time.

        Returns nothing if no calls are to be counted, or, with a warning, if they cannot be counted.
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
                    warm(side)
                    for step in steps:
                        for point, measured in measure(side, step).items():
                            found.setdefault(point, {})[side] = measured
        except NotAsked:
            return {}
        except NotCounted as reason:
            warnings.warn(f"system calls were not counted: {reason}", stacklevel=2)
            return {}
        return found


def in_order(found: Mapping[tuple[str, At], Samples], steps: Sequence[object]) -> list[tuple[tuple[str, At], Samples]]:
    """Sort the samples in the order of a benchmark's steps, because the first row has them in random order."""
    metrics, order = list(dict.fromkeys(metric for metric, _ in found)), list(steps)

    def rank(item: tuple[tuple[str, At], Samples]) -> tuple[int, int]:
        (metric, point), _ = item
        first = order.index(metric) if metric in order else metrics.index(metric)
        return first, order.index(point) if point in order else 0

    return sorted(found.items(), key=rank)
