"""Benchmarks: a page each, with drivers side by side in absolute and relative cost, curves, counts, and the trend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from roadworthy.reports.breaks import Break, breaks
from roadworthy.reports.comparisons import Comparison, Counted
from roadworthy.reports.extra import SERIES, lacking
from roadworthy.reports.records import Benchmark, Count, Lane, Trend
from roadworthy.reports.series import Key
from roadworthy.reports.site import addresses
from roadworthy.reports.site.newest import function
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.rendering import render
from roadworthy.reports.site.trend import Trail, trail
from roadworthy.reports.site.values import Site

#: What happened in each series.
Broken = Mapping[Key, Sequence[Break]]

#: The most series of one benchmark whose course over the editions is drawn; those that broke come first.
DRAWN = 120


@dataclass(frozen=True)
class Times:
    """One metric of one workload: a row a lane, a column a point of its axis, or one column."""

    comparison: Comparison
    points: tuple[str, ...]
    rows: tuple[tuple[Lane, tuple[Benchmark | None, ...]], ...]
    trends: tuple[tuple[Lane, Trend], ...]


@dataclass(frozen=True)
class Counts:
    """The counts of one benchmark: a row a lane, a column a metric."""

    metrics: tuple[Counted, ...]
    rows: tuple[tuple[Lane, tuple[Count | None, ...]], ...]


@dataclass(frozen=True)
class BenchmarkPage:
    """All that a page says of a benchmark. `trails` are the courses of its numbers, `left_out` how many are not drawn.

    `unsearched` says why no change point was looked for.
    """

    name: str
    promise: str
    times: tuple[Times, ...]
    counts: Counts | None
    trails: tuple[Trail, ...]
    left_out: int
    unsearched: str

    @property
    def drivers(self) -> tuple[str, ...]:
        """The drivers that were measured."""
        lanes = [lane for one in self.times for lane, _ in one.rows]
        lanes += [lane for lane, _ in self.counts.rows] if self.counts else []
        return tuple(dict.fromkeys(lane.driver for lane in lanes))


def pages(site: Site) -> Iterator[Page]:
    """`benchmarks/index.html`, and a page for each benchmark; none if nothing was measured."""
    names = functions(site)
    if not names:
        return
    told = cache(partial(_broken, site))
    for name in names:
        yield Page(addresses.benchmark(name), partial(_page, site, name, told))
    yield Page(addresses.BENCHMARKS, partial(_index, site, names))


def functions(site: Site) -> tuple[str, ...]:
    """The benchmarks of the newest state, in the order of their names."""
    found = [one.workload for one in site.matrix.comparisons] + [one.benchmark for one in site.matrix.counted]
    return tuple(sorted({function(name) for name in found}))


def _page(site: Site, name: str, told: Callable[[], Broken]) -> str:
    page = benchmark(site, name, told())
    return render(site, addresses.benchmark(name), "benchmark.html.j2", name, page=page)


def _index(site: Site, names: Sequence[str]) -> str:
    families: dict[str, list[BenchmarkPage]] = {}
    for name in names:
        families.setdefault(name.partition("/")[0], []).append(benchmark(site, name, {}))
    return render(site, addresses.BENCHMARKS, "benchmarks_index.html.j2", "Benchmarks", families=families)


def benchmark(site: Site, name: str, told: Broken) -> BenchmarkPage:
    """The page of a benchmark; `told` are the breaks of all series."""
    matrix = site.matrix
    compared = [one for one in matrix.comparisons if function(one.workload) == name]
    counted = [one for one in matrix.counted if function(one.benchmark) == name]
    mine = [one for one in site.series if function(one.benchmark) == name and len(one.nights) > 1] if told else []
    mine.sort(key=lambda one: not told.get(one.key))
    promises = [one.some.promise for one in compared] + [
        cell[1].promise for one in counted for cell in one.cells if cell
    ]
    return BenchmarkPage(
        name=name,
        promise=next(filter(None, promises), ""),
        times=tuple(map(_times, compared)),
        counts=_counts([column.lane for column in matrix.columns], counted),
        trails=tuple(trail(one, told.get(one.key, ())) for one in mine[:DRAWN]),
        left_out=max(0, len(mine) - DRAWN),
        unsearched=lacking(SERIES),
    )


def _times(comparison: Comparison) -> Times:
    records = [record for *_, record in comparison.records]
    points = {record.benchmark: (record.point or 0.0, point_of(record)) for record in records}
    order = [label for _, label in sorted(set(points.values()))]
    lanes = {lane.id: lane for lane, *_ in comparison.records}
    cells = {(record.lane, point_of(record)): record for record in records}
    rows = tuple((lane, tuple(cells.get((name, label)) for label in order)) for name, lane in lanes.items())
    return Times(comparison, tuple(order), rows, tuple((lane, trend) for lane, _, trend in comparison.trends))


def point_of(record: Benchmark) -> str:
    """The point of a record as its name has it, `16MiB`; empty if it has none."""
    return record.benchmark.rpartition("@")[2] if "@" in record.benchmark else ""


def _counts(lanes: Sequence[Lane], counted: Sequence[Counted]) -> Counts | None:
    rows = []
    for at, lane in enumerate(lanes):
        cells = tuple(found[1] if (found := one.cells[at]) else None for one in counted)
        if any(cells):
            rows.append((lane, cells))
    return Counts(tuple(counted), tuple(rows)) if rows else None


def _broken(site: Site) -> Broken:
    """What happened in each series; every series of several nights has an entry."""
    every = [one for one in site.series if len(one.nights) > 1]
    found: dict[Key, list[Break]] = {one.key: [] for one in every}
    for one in breaks([one for one in every if one.kind == "count"] if lacking(SERIES) else every):
        found[one.series.key].append(one)
    return found
