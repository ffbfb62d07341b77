"""The tables of what was measured: times against the baseline, their trends along an axis, and exact counts."""

from __future__ import annotations

from roadworthy.reports import effects
from roadworthy.reports.comparisons import workload
from roadworthy.reports.site.data.table import Column as Col
from roadworthy.reports.site.data.table import Form, Table
from roadworthy.reports.site.data.verdicts import LANE
from roadworthy.reports.site.values import Site

BENCHMARK = Col("benchmark", "text", "the benchmark's id, with its stratum and its point on the axis")
METRIC = Col("metric", "text", "what is measured")
UNIT = Col("unit", "text", "the unit of all values")
PROMISE = Col("promise", "text", "what the benchmark measures, in a sentence")
EDITION = Col("edition", "text", "the edition that this is from")
WITHHELD = Col("unpublished", "text", "why its times mean nothing, as under emulation; then none is given")

BENCHMARKS = Form("benchmarks", "One row for each time of a benchmark on each lane, against the baseline.", (
    LANE,
    BENCHMARK,
    METRIC,
    UNIT,
    Col("stratum", "text", "where the file comes from: lower, upper, volume"),
    Col("tier", "text", "smoke, nightly or weekly"),
    Col("point", "number?", "the place on the axis of a sweep"),
    Col("baseline", "text", "what it is compared with"),
    Col("baseline_median", "number?", "the baseline's median"),
    Col("median", "number?", "the lane's median"),
    Col("ratio", "number?", "lane/baseline, a cost: above 1 the lane is slower"),
    Col("ratio_low", "number?", "the lower end of the ratio's interval at 95 %"),
    Col("ratio_high", "number?", "the upper end of the ratio's interval at 95 %"),
    Col("verdict", "text", "what that says; a difference within A/A is inconclusive",
        ("slower", "faster", "equivalent", "inconclusive", "invalid")),
    Col("aa_low", "number?", "the lower end of the baseline against itself"),
    Col("aa_high", "number?", "the upper end of the baseline against itself"),
    Col("reason", "text", "why the verdict is what it is"),
    WITHHELD,
    PROMISE,
    EDITION,
))  # fmt: skip
TRENDS = Form("trends", "One row for each trend: how a cost grows along an axis, on each lane.", (
    LANE,
    BENCHMARK,
    METRIC,
    UNIT,
    Col("axis", "text", "what grows"),
    Col("axis_unit", "text", "the unit of the axis"),
    Col("baseline_slope", "number?", "the baseline's slope, in units per unit of the axis"),
    Col("slope", "number?", "the lane's slope"),
    Col("slope_low", "number?", "the lower end of the slope's interval at 95 %"),
    Col("slope_high", "number?", "the upper end of the slope's interval at 95 %"),
    Col("verdict", "text", "what that says", ("grows", "falls", "flat", "inconclusive", "invalid")),
    Col("reason", "text", "why the verdict is what it is"),
    WITHHELD,
    PROMISE,
    EDITION,
))  # fmt: skip
COUNTS = Form("counts", "One row for each number that needs no clock, on each lane.", (
    LANE,
    BENCHMARK,
    METRIC,
    UNIT,
    Col("value", "number", "the lane's number"),
    Col("baseline", "number?", "the number of native"),
    Col("tolerance", "number", "the share by which it may differ from run to run"),
    Col("parts", "mapping", "the parts of the value, by name"),
    Col("note", "text", "what to mind"),
    PROMISE,
    EDITION,
))  # fmt: skip


def benchmarks(site: Site) -> Table:
    """The times, by workload. Where a time is not published, it is not given."""
    rows = []
    for comparison in site.matrix.comparisons:
        for lane, _, one in comparison.records:
            twin, given = one.twin, not one.unpublished
            rows.append((
                lane.id, one.benchmark, one.metric, one.unit, one.stratum, one.tier, one.point, one.baseline.name,
                one.baseline.median if given else None, one.arm.median if given else None,
                one.ratio if given else None, one.ratio_low if given else None, one.ratio_high if given else None,
                effects.shown(one), twin.low if twin and given else None, twin.high if twin and given else None,
                effects.why(one), one.unpublished, one.promise, site.newest.get(lane.id, ""),
            ))  # fmt: skip
    return Table(BENCHMARKS, rows)


def trends(site: Site) -> Table:
    """The trends, by workload."""
    rows = []
    for comparison in site.matrix.comparisons:
        for lane, _, one in comparison.trends:
            given = not one.unpublished
            rows.append((
                lane.id, workload(one.benchmark), one.metric, one.unit, one.axis, one.axis_unit,
                *((one.baseline.slope, one.arm.slope, one.arm.slope_low, one.arm.slope_high) if given else [None] * 4),
                one.verdict, one.reason, one.unpublished, one.promise, site.newest.get(lane.id, ""),
            ))  # fmt: skip
    return Table(TRENDS, rows)


def counts(site: Site) -> Table:
    """The counts, by benchmark."""
    rows = []
    for counted in site.matrix.counted:
        for column, cell in zip(site.matrix.columns, counted.cells, strict=True):
            if cell is None:
                continue
            one = cell[1]
            parts = {name: repr(value) for name, value in one.parts.items()}
            rows.append((
                column.lane.id, one.benchmark, one.metric, one.unit, one.value, one.baseline, one.tolerance, parts,
                one.note, one.promise, site.newest.get(column.lane.id, ""),
            ))  # fmt: skip
    return Table(COUNTS, rows)
