"""Rows of what is measured become records: one for each metric and point, and a trend along an axis."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from roadworthy.calls.toolbox import Toolbox
from roadworthy.declaring.benchmarks import Declaration
from roadworthy.declaring.features import Feature
from roadworthy.measuring import guards, reporting
from roadworthy.measuring.design import Budget, Measured
from roadworthy.measuring.reporting import Reporter
from roadworthy.measuring.rows import Rows
from roadworthy.measuring.system_calls import SystemCalls
from roadworthy.reports.records import Benchmark, Trend

COSTS = {"baseline": 1.0, "again": 1.0, "arm": 2.0}


@pytest.fixture
def records():
    """What was reported."""
    return []


@pytest.fixture
def rows(records, monkeypatch):
    """Rows of a benchmark of which no system call is seen."""
    monkeypatch.setattr(reporting, "hand_on_sides", lambda *_: None)
    reporter = Reporter(
        SimpleNamespace(id="lane", driver=SimpleNamespace(name="overlay2")),
        Declaration("block/work", "Works.", "smoke", Feature.NONE), "node", SimpleNamespace(write=records.append),
        None, None,
    )  # fmt: skip
    calls = SystemCalls(None, Toolbox(None, "ld.so", frozenset({"strace"})), "report", lambda: 1)
    return Rows(reporter, calls, Budget(0.0), lambda _: nullcontext())


def test_phases_are_a_record_each(rows, records):
    """What a row measures one after another is reported under its metric, and all of it under the benchmark's id."""
    found = rows.phases(
        lambda side: {"time per open": Measured(COSTS[side]), "time per stat": Measured(3 * COSTS[side])},
        stratum="upper",
    )
    assert list(found) == ["time per open", "time per stat"]
    assert [record.benchmark for record in records] == ["block/work/upper"] * 2
    assert found["time per stat"].arm.median == 6.0
    assert all(record.verdict == "slower" for record in found.values())


def test_a_void_phase_leaves_the_others(rows):
    """A guard that never holds makes its own metric invalid, with its sentence."""
    found = rows.phases(lambda side: {"a": Measured(1.0), "b": Measured(1.0, void=guards.REACHED)})
    assert found["b"].verdict == "invalid"
    assert guards.REACHED in found["b"].reason
    assert found["a"].verdict != "invalid"


def test_sweeps_have_a_trend_for_each_metric(rows, records):
    """Points are records, and what grows along the axis is told for each metric by itself."""
    trends = rows.sweeps(
        lambda side, depth: {"grows": Measured(COSTS[side] * depth), "falls": Measured(COSTS[side] * (8 - depth))},
        (1, 2, 4), axis="depth", axis_unit="layers",
    )  # fmt: skip
    assert [record.benchmark for record in records if isinstance(record, Benchmark)] == [
        f"block/work@{depth}" for depth in (1, 2, 4)
    ] * 2
    assert {trend.metric for trend in records if isinstance(trend, Trend)} == {"grows", "falls"}
    assert trends["grows"].arm.slope == 2.0
    assert trends["falls"].arm.slope == -2.0


def test_a_sweep_of_one_metric_is_one_of_several(rows, records):
    """The axis, its unit and the metric arrive in the trend."""
    trend = rows.sweep(
        lambda side, size: Measured(COSTS[side] * size), (1024, 2048),
        axis="size", axis_unit="B", metric="time of a first write",
    )  # fmt: skip
    assert (trend.metric, trend.axis, trend.axis_unit) == ("time of a first write", "size", "B")
    assert {record.benchmark for record in records[:2]} == {"block/work@1KiB", "block/work@2KiB"}


def test_the_place_in_the_row_is_a_term_of_its_own(rows):
    """The first of a row costs three times as much, whichever point it is: the trend is flat, and says by how much."""
    begun = []

    def measure(side, depth):
        begun.append(side)
        return Measured(COSTS[side] * (3 if len(begun) % 3 == 1 else 1))

    trend = rows.sweep(measure, (1, 2, 4), axis="depth", axis_unit="layers", metric="time per call")
    assert (trend.arm.slope, trend.verdict) == (0.0, "flat")
    assert trend.arm.places == trend.baseline.places == [3.0, 1.0, 1.0]


def test_kinds_of_calls_take_turns(rows, records):
    """Each is a metric of its own without a point, and each is the first of a row as often."""
    kinds = ["time per chmod", "time per link", "time per rename"]
    found = rows.kinds(lambda side, kind: Measured(COSTS[side]), kinds)
    assert [record.metric for record in records] == kinds
    assert [record.benchmark for record in records] == ["block/work"] * 3
    for record in found.values():
        assert [sample.place for sample in record.samples].count(0) == 12


def test_calls_that_nobody_asks_for_are_not_counted(rows, records, recwarn, monkeypatch):
    """No further row is set up or measured, and there is nothing to warn of."""
    monkeypatch.setattr(rows.system_calls, "_processes", False)
    begun = []
    rows.paired(lambda side: Measured(COSTS[side]), metric="time per call", before=lambda: begun.append(None))
    assert [type(record) for record in records] == [Benchmark]
    assert len(begun) == records[0].method["rows"]
    assert list(recwarn) == []
