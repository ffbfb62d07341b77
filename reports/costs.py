"""Conditions of claims on measured numbers: each is tested on one lane, and gives the number as its reason.

A condition names a benchmark and one test. The result is undecided if an interval lies on both sides of the limit, if
its ends are further apart than a factor of two, or if there is no A/A. That a cost is higher or lower needs a ratio
that exceeds A/A, see reports/effects.py:

verdict                    the verdict of a time is one of these
ratio_most, ratio_least    the whole interval of the ratio to the baseline is at most, or at least, the limit
trend                      the trend of the cost along the benchmark's axis is one of these
value_most, value_least    a count is at most, or at least, the limit
share_most, share_least    a count is at most, or at least, the limit times the baseline's count
less_than                  the ratio, or the count if there are no times, is below that of each of these drivers

With `counter`, for instance `bytes written`, a count is the work of block devices per operation of a timed benchmark.
This count is exact even if times are not, for instance under emulation.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from roadworthy.reports.added import added
from roadworthy.reports.comparisons import workload
from roadworthy.reports.effects import exceeds, reach, shown, unfit, within
from roadworthy.reports.matrix import Column, Matrix
from roadworthy.reports.nearest import meant
from roadworthy.reports.records import Benchmark, Count, Lane, Sample, Trend
from roadworthy.reports.units import amount, number, per

#: Keys that select the lanes and the numbers that a condition is about.
CHOICES = ("benchmark", "stratum", "metric", "counter", "drivers", "backing")
TESTS = {
    "verdict": "verdict", "ratio_most": "ratio at most", "ratio_least": "ratio at least", "trend": "trend",
    "value_most": "count at most", "value_least": "count at least", "less_than": "less than",
    "share_most": "times the baseline at most", "share_least": "times the baseline at least",
}  # fmt: skip
_WORDS = {
    "verdict": ("slower", "faster", "equivalent", "inconclusive", "invalid"),
    "trend": ("grows", "falls", "flat", "inconclusive", "invalid"),
}


@dataclass(frozen=True)
class Cost:
    """One condition. `benchmark` is an id without stratum and point; `metric` is a pattern, for instance "time per *".

    `counter` is a device counter, for instance `flushes, settled`; it is empty if times or counts answer.
    """

    benchmark: str
    test: str
    limit: Any
    stratum: str = ""
    metric: str = "*"
    drivers: tuple[str, ...] = ()
    backing: str = ""
    counter: str = ""

    def asks(self, record: Benchmark | Trend | Count) -> bool:
        """Whether the condition is about this record."""
        name = workload(record.benchmark) if isinstance(record, Benchmark) else record.benchmark
        whole = f"{self.benchmark}/{self.stratum}" if self.stratum else self.benchmark
        same = name == whole or (not self.stratum and name.startswith(f"{whole}/"))
        return same and fnmatch.fnmatchcase(record.metric, self.metric)

    def speaks_of(self, lane: Lane) -> bool:
        return (not self.drivers or lane.driver in self.drivers) and self.backing in ("", lane.backing)

    @property
    def words(self) -> str:
        """The condition in words: `data/fsync: verdict slower`."""
        limit = ", ".join(self.limit) if isinstance(self.limit, tuple) else number(self.limit)
        narrowed = [self.stratum, self.metric if self.metric != "*" else "", self.counter, self.backing]
        name = ", ".join(word for word in (self.benchmark, *narrowed) if word)
        return f"{name}: {TESTS[self.test]} {limit}"


@dataclass(frozen=True)
class Finding:
    """The result of one condition on one number; `holds` is None if undecided. `because` has the number."""

    holds: bool | None
    because: str


def cost(row: Any) -> Cost:
    """Parse a table into a Cost. Raises ValueError, whose text says what was expected."""
    if not isinstance(row, dict) or not isinstance(row.get("benchmark"), str):
        raise ValueError("a cost is a table with a benchmark and a test")
    for key in row:
        if key not in (*CHOICES, *TESTS):
            raise ValueError(f"unknown key {key!r}{meant(key, (*CHOICES, *TESTS))}")
    tests = [key for key in TESTS if key in row]
    if len(tests) != 1:
        raise ValueError(f"{row['benchmark']}: expected one test of {', '.join(TESTS)}, found {len(tests)}")
    (test,), limit = tests, row[tests[0]]
    if test in (*_WORDS, "less_than"):
        limit = tuple(limit if isinstance(limit, list) else [limit])
        for word in limit:
            if test in _WORDS and word not in _WORDS[test]:
                raise ValueError(f"{row['benchmark']}: {test} {word!r} is none of {', '.join(_WORDS[test])}")
    elif not isinstance(limit, int | float) or isinstance(limit, bool):
        raise ValueError(f"{row['benchmark']}: {test} is a number, not {limit!r}")
    drivers, counter = tuple(row.get("drivers", ())), row.get("counter", "")
    if counter and not test.startswith(("value", "share")):
        raise ValueError(f"{row['benchmark']}: a counter is asked by value or share, not by {test}")
    return Cost(row["benchmark"], test, limit, row.get("stratum", ""), row.get("metric", "*"), drivers,
                row.get("backing", ""), counter)  # fmt: skip


def findings(asked: Cost, column: Column, matrix: Matrix) -> list[Finding]:
    """Test a condition on the numbers of one lane; return nothing if the lane did not measure them."""
    lane = column.lane
    if not asked.speaks_of(lane):
        return []
    if asked.counter:
        every = (_of_counter(asked, record) for record in _times(asked, matrix, lane.id))
        return [found for found in every if found]
    if asked.test in ("verdict", "ratio_most", "ratio_least"):
        return [_of_time(asked, record) for record in _times(asked, matrix, lane.id)]
    if asked.test == "trend":
        return [_of_trend(asked, trend) for trend in _trends(asked, matrix, lane.id)]
    if asked.test == "less_than":
        return _against(asked, lane.id, matrix)
    return [found for count in _counts(asked, matrix, lane.id) if (found := _of_count(asked, count))]


def _times(asked: Cost, matrix: Matrix, lane: str) -> Iterator[Benchmark]:
    every = (record for one in matrix.comparisons for _, _, record in one.records)
    return (record for record in every if record.lane == lane and asked.asks(record))


def _trends(asked: Cost, matrix: Matrix, lane: str) -> Iterator[Trend]:
    every = (trend for one in matrix.comparisons for _, _, trend in one.trends)
    return (trend for trend in every if trend.lane == lane and asked.asks(trend))


def _counts(asked: Cost, matrix: Matrix, lane: str) -> Iterator[Count]:
    every = (cell[1] for row in matrix.counted for cell in row.cells if cell)
    return (count for count in every if count.lane == lane and asked.asks(count))


def _withheld(record: Benchmark | Trend) -> str:
    """Why a time must not answer, or an empty string."""
    if record.verdict == "invalid":
        return f"{record.benchmark}: invalid, {record.reason or 'a guard does not hold'}"
    return f"{record.benchmark}: {record.unpublished}" if record.unpublished else ""


def _ratio(record: Benchmark) -> str:
    between = f"{number(record.ratio_low)}–{number(record.ratio_high)}"  # noqa: RUF001
    more = f", {said}" if (said := added(record)) else ""
    return f"{record.benchmark}, {record.metric}: {number(record.ratio)} ({between}){more}, {shown(record)}"


def _of_time(asked: Cost, record: Benchmark) -> Finding:
    if said := _withheld(record):
        return Finding(True if record.verdict == "invalid" and "invalid" in _named(asked) else None, said)
    if said := unfit(record):
        return Finding(None, f"{_ratio(record)}; {said}")
    if asked.test == "verdict":
        verdict = shown(record)
        if verdict != record.verdict:
            return Finding(None, f"{_ratio(record)}; {within(record)}")
        told = verdict != "inconclusive" or "inconclusive" in asked.limit
        return Finding(verdict in asked.limit if told else None, _ratio(record))
    holds = _bounded(asked, record.ratio_low, record.ratio_high)
    beyond = holds is not None and holds == asked.test.endswith("least")
    if beyond and not exceeds(record):
        return Finding(None, f"{_ratio(record)}; {within(record)}")
    return Finding(holds, _ratio(record))


def _named(asked: Cost) -> tuple[str, ...]:
    return asked.limit if isinstance(asked.limit, tuple) else ()


def _of_trend(asked: Cost, trend: Trend) -> Finding:
    if said := _withheld(trend):
        return Finding(None, said)
    slope = per(trend.arm.slope, trend.unit, trend.axis_unit)
    told = trend.verdict != "inconclusive" or "inconclusive" in asked.limit
    holds = trend.verdict in asked.limit if told else None
    return Finding(holds, f"{trend.benchmark}, {trend.metric}: {trend.verdict}, {slope}")


def _of_count(asked: Cost, count: Count) -> Finding | None:
    """Test a count; None for a share without a baseline."""
    return _of_number(asked, f"{count.benchmark}, {count.metric}", count.value, count.unit, count.baseline)


def _of_counter(asked: Cost, record: Benchmark) -> Finding | None:
    """Test a device counter per operation; None if the device lacks it."""
    if record.verdict == "invalid":
        return Finding(None, _withheld(record))
    mine, plain = (_per_operation(record.samples, asked.counter, sides) for sides in (("arm",), ("baseline", "again")))
    if mine is None:
        return None
    unit = "B" if asked.counter.startswith("bytes") else ""
    return _of_number(asked, f"{record.benchmark}, {asked.counter} per operation", mine, unit, plain)


def _per_operation(samples: Sequence[Sample], counter: str, sides: tuple[str, ...]) -> float | None:
    """A device counter per operation, over samples of these sides in valid rows; None if no sample has it."""
    void = {sample.row for sample in samples if sample.void}
    name = f"device {counter}"
    mine = [one for one in samples if one.side in sides and one.row not in void and name in one.counters]
    return sum(one.counters[name] for one in mine) / (sum(one.operations for one in mine) or 1) if mine else None


def _of_number(asked: Cost, name: str, value: float, unit: str, baseline: float | None) -> Finding | None:
    said = f"{name}: {amount(value, unit)}"
    if asked.test.startswith("value"):
        return Finding(_bounded(asked, value, value), said)
    if not baseline:
        return None
    share = value / baseline
    said += f", {number(share)} times the {amount(baseline, unit)} of the baseline"
    return Finding(_bounded(asked, share, share), said)


def _bounded(asked: Cost, low: float, high: float) -> bool | None:
    """Whether an interval lies within the limit; None if it lies on both sides."""
    if asked.test.endswith("most"):
        return True if high <= asked.limit else False if low > asked.limit else None
    return True if low >= asked.limit else False if high < asked.limit else None


def _against(asked: Cost, lane: str, matrix: Matrix) -> list[Finding]:
    """Compare this lane's ratios, or its counts if it has no ratios, with those of all lanes of the other drivers."""
    find: list[Callable[[Cost, Matrix, str], Iterator[Benchmark | Count]]] = [_times, _counts]
    for kind in find:
        mine = list(kind(asked, matrix, lane))
        if mine:
            return [found for driver in asked.limit for found in _against_driver(asked, mine, kind, driver, matrix)]
    return []


def _against_driver(
    asked: Cost, mine: Sequence[Benchmark | Count],
    kind: Callable[[Cost, Matrix, str], Iterator[Benchmark | Count]], driver: str, matrix: Matrix,
) -> list[Finding]:  # fmt: skip
    """Compare records of one lane with those of another driver; that it has none leaves the condition open."""
    lanes = [column.lane.id for column in matrix.columns if column.lane.driver == driver]
    pairs = [
        _pair(one, their)
        for lane in lanes
        for their in kind(asked, matrix, lane)
        for one in mine
        if (one.benchmark, one.metric, one.unit) == (their.benchmark, their.metric, their.unit)
    ]
    return pairs or [Finding(None, f"not measured: {asked.benchmark} on {driver}")]


def _pair(one: Benchmark | Count, other: Benchmark | Count) -> Finding:
    if isinstance(one, Count) and isinstance(other, Count):
        said = f"{one.benchmark}, {one.metric}: {amount(one.value, one.unit)} against "
        return Finding(one.value < other.value, f"{said}{amount(other.value, other.unit)} on {other.lane}")
    assert isinstance(one, Benchmark)
    assert isinstance(other, Benchmark)
    if said := _withheld(one) or _withheld(other):
        return Finding(None, said)
    said = f"{_ratio(one)} against {_ratio(other)} on {other.lane}"
    if reason := unfit(one) or unfit(other):
        return Finding(None, f"{said}; {reason}")
    holds = True if one.ratio_high < other.ratio_low else False if one.ratio_low > other.ratio_high else None
    apart = max(one.ratio / other.ratio, other.ratio / one.ratio)
    if holds is not None and apart <= max(reach(one), reach(other)):
        return Finding(None, f"{said}; the drivers differ by no more than a baseline from itself")
    return Finding(holds, said)
