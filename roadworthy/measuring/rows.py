"""Rows of measurements that become records: of one metric, of several, along an axis; then their system calls."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from reports.records import Benchmark, Trend
from roadworthy.measuring.design import Budget, Measured, Point, Side
from roadworthy.measuring.design import rows as take_rows
from roadworthy.measuring.guards import Guards
from roadworthy.measuring.reporting import Reporter
from roadworthy.measuring.system_calls import NotCounted, SystemCalls
from roadworthy.stand import Stage


class Rows:
    """What takes the rows of one benchmark and has them reported."""

    def __init__(self, reporter: Reporter, system_calls: SystemCalls, budget: Budget, stage: Stage) -> None:
        self.reporter = reporter
        self.system_calls = system_calls
        self._budget = budget
        self._stage = stage

    def paired(
        self,
        measure: Callable[[Side], Measured],
        *,
        metric: str,
        unit: str = "ns",
        stratum: str = "",
        before: Callable[[], None] = lambda: None,
        guards: Callable[[], Guards] = dict,
        names: tuple[str, str] | None = None,
        workload: Mapping[str, Any] | None = None,
        bins: Mapping[Side, Counter[float]] | None = None,
        rows: int | None = None,
        waits: bool = False,
    ) -> Benchmark:
        """Take rows of one measurement and report it. `guards` are looked at once, after the last row.

        Of what `waits` for something besides its work, the 5th percentile and the mean are published too.
        """
        with self._stage(f"measuring {self.reporter.declaration.identity} {stratum}".rstrip()):
            budget = self._budget if rows is None or self.reporter.unpublished else replace(self._budget, rows=rows)
            samples = take_rows(budget, lambda side: {None: measure(side)}, before)[None]
        record = self.reporter.cost(samples, metric, unit, stratum, None, "", guards(), names, workload, bins, waits)
        for counted, calls in self._count_calls(lambda side: {metric: measure(side)}, before, stratum).items():
            self.reporter.calls(counted, calls, stratum)
        return record

    def sweep(
        self,
        measure: Callable[[Side], Mapping[float, Measured]],
        *,
        axis: str,
        axis_unit: str,
        metric: str,
        unit: str = "ns",
        stratum: str = "",
        before: Callable[[], None] = lambda: None,
        guards: Callable[[], Guards] = dict,
        names: tuple[str, str] | None = None,
        workload: Mapping[str, Any] | None = None,
        waits: bool = False,
    ) -> Trend | None:
        """Take rows that measure every point of an axis; report each point, and how the cost grows along the axis."""
        return self.sweeps(
            lambda side: {(metric, point): found for point, found in measure(side).items()}, axis=axis,
            axis_unit=axis_unit, unit=unit, stratum=stratum, before=before, guards=guards, names=names,
            workload=workload, waits=waits,
        )[metric]  # fmt: skip

    def sweeps(
        self,
        measure: Callable[[Side], Mapping[tuple[str, float], Measured]],
        *,
        axis: str,
        axis_unit: str,
        unit: str = "ns",
        stratum: str = "",
        before: Callable[[], None] = lambda: None,
        guards: Callable[[], Guards] = dict,
        names: tuple[str, str] | None = None,
        workload: Mapping[str, Any] | None = None,
        waits: bool = False,
    ) -> dict[str, Trend | None]:
        """The same of several metrics: rows of each at every point of the axis."""
        with self._stage(f"measuring {self.reporter.declaration.identity} {stratum}".rstrip()):
            found = take_rows(self._budget, measure, before)
        holding = guards()
        trends = {}
        for metric in dict.fromkeys(metric for metric, _ in found):
            records = {
                point: self.reporter.cost(
                    samples, metric, unit, stratum, point, axis_unit, holding, names, workload, waits=waits
                )
                for (name, point), samples in sorted(found.items())
                if name == metric
            }
            trends[metric] = self.reporter.trend(records, axis, axis_unit)
        for (metric, point), calls in self._count_calls(measure, before, stratum).items():
            self.reporter.calls(metric, calls, stratum, point, axis_unit)
        return trends

    def phases(
        self,
        measure: Callable[[Side], Mapping[str, Measured]],
        *,
        unit: str = "ns",
        stratum: str = "",
        before: Callable[[], None] = lambda: None,
        guards: Callable[[], Guards] = dict,
        names: tuple[str, str] | None = None,
        workload: Mapping[str, Any] | None = None,
    ) -> dict[str, Benchmark]:
        """Take rows of several metrics, as of the phases of a job; report each by its name."""
        with self._stage(f"measuring {self.reporter.declaration.identity} {stratum}".rstrip()):
            found = take_rows(self._budget, measure, before)
        holding = guards()
        records = {
            metric: self.reporter.cost(samples, metric, unit, stratum, None, "", holding, names, workload, None)
            for metric, samples in found.items()
        }
        for metric, calls in self._count_calls(measure, before, stratum).items():
            self.reporter.calls(metric, calls, stratum)
        return records

    def _count_calls(
        self, measure: Callable[[Side], Mapping[Point, Measured]], before: Callable[[], None], stratum: str
    ) -> dict[Point, dict[str, Measured]]:
        """Do once more what a row does, for the baseline and for the driver, and count system calls instead of time.

        Where they cannot be counted, nothing is answered, and a warning says why.
        """
        sides: tuple[Side, ...] = ("baseline", "arm")
        found: dict[Point, dict[str, Measured]] = {}
        try:
            with (
                self._stage(f"counting calls of {self.reporter.declaration.identity} {stratum}".rstrip()),
                self.system_calls.instead_of_time(),
            ):
                before()
                for side in sides:
                    for point, measured in measure(side).items():
                        found.setdefault(point, {})[side] = measured
        except NotCounted as reason:
            warnings.warn(f"system calls were not counted: {reason}", stacklevel=2)
            return {}
        return found
