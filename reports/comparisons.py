"""Compare measurements: the intervals and curves of all lanes for each workload, and the table of counts.

The points of a sweep and its trend belong to one workload; each stratum is a separate workload.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roadworthy.reports.bundle import Bundle
from roadworthy.reports.records import Benchmark, Count, Lane, Trend

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Source:
    """The origin of a record: the run's name, and the path of the bundle's file."""

    run: str
    file: str


@dataclass(frozen=True)
class Comparison:
    """One metric of one workload: its records by lane in the order of the columns, and then by point."""

    workload: str
    metric: str
    unit: str
    records: tuple[tuple[Lane, Source, Benchmark], ...]
    trends: tuple[tuple[Lane, Source, Trend], ...] = ()

    @property
    def is_sweep(self) -> bool:
        """Whether the workload has points on an axis."""
        return bool(self.trends) or any(record.point is not None for _, _, record in self.records)

    @property
    def some(self) -> Benchmark | Trend:
        """A record with the promise, stratum and tier that all of them share."""
        found: list[Benchmark | Trend] = [*(one for *_, one in self.records), *(one for *_, one in self.trends)]
        return next((one for one in found if one.promise), found[0])

    @property
    def baselines(self) -> str:
        """The names of the baselines."""
        names = [one.baseline.name for *_, one in self.records] + [one.baseline.name for *_, one in self.trends]
        return ", ".join(dict.fromkeys(names))


@dataclass(frozen=True)
class Counted:
    """One count over all columns; None for a lane that did not report it."""

    benchmark: str
    metric: str
    unit: str
    cells: tuple[tuple[Source, Count] | None, ...]

    @property
    def promise(self) -> str:
        return next((cell[1].promise for cell in self.cells if cell and cell[1].promise), "")


def workload(benchmark: str) -> str:
    """Return a benchmark's id without its point: `copy-up/first-write` for `copy-up/first-write@64MiB`."""
    return benchmark.rpartition("@")[0] or benchmark


def comparisons(ordered: Sequence[Bundle], lanes: Sequence[Lane]) -> tuple[Comparison, ...]:
    """Return the comparisons by name; if two bundles have a record of one cell, the newer bundle counts."""
    records: dict[Key, dict[tuple[str, str], tuple[Source, Benchmark]]] = {}
    trends: dict[Key, dict[str, tuple[Source, Trend]]] = {}
    for bundle in ordered:
        source = Source(bundle.plan.run, bundle.file)
        for record in bundle.benchmarks:
            # Records of one metric in two units are two comparisons, because their numbers need two axes.
            name = record.benchmark if record.point is None else workload(record.benchmark)
            records.setdefault((name, record.metric, record.unit), {})[record.lane, record.benchmark] = source, record
        for trend in bundle.trends:
            trends.setdefault((trend.benchmark, trend.metric, trend.unit), {})[trend.lane] = source, trend
    found = []
    for key in sorted({*records, *trends}):
        mine, curves = records.get(key, {}), trends.get(key, {})
        by_point = sorted(mine.values(), key=lambda pair: pair[1].point or 0.0)
        of_lanes = tuple((lane, *pair) for lane in lanes for pair in by_point if pair[1].lane == lane.id)
        of_trends = tuple((lane, *curves[lane.id]) for lane in lanes if lane.id in curves)
        found.append(Comparison(*key, of_lanes, of_trends))
    return tuple(found)


def counted(ordered: Sequence[Bundle], lanes: Sequence[Lane]) -> tuple[Counted, ...]:
    """Return all counts, sorted by benchmark; those of one benchmark stay in the order in which they were reported."""
    found: dict[Key, dict[str, tuple[Source, Count]]] = {}
    for bundle in ordered:
        source = Source(bundle.plan.run, bundle.file)
        for count in bundle.counts:
            found.setdefault((count.benchmark, count.metric, count.unit), {})[count.lane] = source, count
    keys = sorted(found, key=lambda key: key[0])
    return tuple(Counted(*key, tuple(found[key].get(lane.id) for lane in lanes)) for key in keys)
