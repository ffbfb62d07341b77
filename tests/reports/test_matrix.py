"""From bundles to a matrix: order, roll-ups, what is missing, and merging."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import sample

from roadworthy.reports.bundle import Bundle, BundleRefused
from roadworthy.reports.matrix import Matrix, build, differs, worst
from roadworthy.reports.records import WORST_FIRST, Check, Lane, LaneRecord, Observation, Plan, Result, Verdict

NATIVE, OVERLAY = sample.LANES[0], sample.LANES[1]


def check(name: str) -> Check:
    return Check(id=name, family=name.split("/")[0], promise="It holds.", provenance="lower", file="t.py", line=1)


def result(lane: Lane, name: str, verdict: Verdict = "pass", seen: str = "") -> Result:
    return Result(
        lane=lane.id,
        check=name,
        nodeid=f"t.py::{name}",
        verdict=verdict,
        at="",
        seconds=0.1,
        observations=[Observation("seen", seen)] if seen else [],
    )


def bundle(
    *results: Result,
    lanes: tuple[Lane, ...] = (NATIVE, OVERLAY),
    checks: tuple[str, ...] = ("a/one", "a/two", "b/one"),
    run: str = "run",
    day: int = 1,
    **more: Any,
) -> Bundle:
    """Return a bundle in which each check is planned on each lane, and the given results were reported."""
    started = datetime(2026, 1, day, tzinfo=UTC)
    plan = Plan(
        schema=more.pop("schema", "1.0"),
        run=run,
        started=started.isoformat(),
        suite={},
        argv=[],
        lanes=list(lanes),
        checks=[check(name) for name in checks],
        cells=[(lane.id, name) for lane in lanes for name in checks],
    )
    ready = tuple(LaneRecord(lane=lane.id, at="", state="ready") for lane in lanes)
    found = {"lanes": more.pop("records", ready), "benchmarks": (), "end": None, "troubles": ()} | more
    return Bundle(file=f"{run}.jsonl", plan=plan, started=started, results=results, **found)


def verdicts(matrix: Matrix) -> list[list[str | None]]:
    return [[cell.verdict if cell else None for cell in row.cells] for row in matrix.rows]


def test_worst_verdict_wins():
    """A roll-up is the first of WORST_FIRST that occurs, for every pair of verdicts."""
    for place, verdict in enumerate(WORST_FIRST):
        assert all(worst([better, verdict]) == verdict for better in WORST_FIRST[place:])
    assert worst([]) is None


def test_families_group_checks_and_roll_up_by_lane():
    """Each family has its checks in the order of the plan and one roll-up a lane, with counts."""
    matrix = build([bundle(result(OVERLAY, "a/one", "known"), result(OVERLAY, "a/two"), result(OVERLAY, "b/one"))])
    assert [(family.name, len(family.rows)) for family in matrix.families] == [("a", 2), ("b", 1)]
    assert [roll.verdict for roll in matrix.families[0].roll_ups] == ["missing", "known"]
    assert matrix.families[0].roll_ups[1].counts == (("known", 1), ("pass", 1))
    assert matrix.counts == (("known", 1), ("pass", 2), ("missing", 3))


def test_passes_with_a_recorded_difference_are_counted():
    """A pass that left another tree, as recorded, is a pass, and is told apart; a known break is none of them."""
    recorded = sample.deviation(check("a/one"))
    differs = msgspec.structs.replace(result(OVERLAY, "a/one"), deviation=recorded)
    known = msgspec.structs.replace(result(OVERLAY, "a/two", "known"), deviation=recorded)
    matrix = build([bundle(differs, known, result(OVERLAY, "b/one"))])
    assert [roll.with_difference for family in matrix.families for roll in family.roll_ups] == [0, 1, 0, 0]
    assert matrix.families[0].roll_ups[1].counts == (("known", 1), ("pass", 1))
    assert matrix.with_difference == 1


def test_planned_and_unreported_is_missing():
    """A planned cell without a result is missing; a cell that nobody planned is empty."""
    whole = bundle(result(NATIVE, "a/one"), checks=("a/one", "a/two"))
    plan = msgspec.structs.replace(whole.plan, cells=[(NATIVE.id, "a/one"), (NATIVE.id, "a/two")])
    assert verdicts(build([dataclasses.replace(whole, plan=plan)])) == [["pass", None], ["missing", None]]


def test_missing_cells_make_good_news_partial():
    """A family of one pass and one missing cell does not read as passed."""
    roll = build([bundle(result(NATIVE, "a/one"))]).families[0].roll_ups[0]
    assert (roll.verdict, roll.partial, roll.word) == ("pass", True, "partial")


def test_incomplete_runs_make_good_news_partial():
    """Without a closing record even a family whose cells all passed does not read as passed."""
    results = [result(NATIVE, "a/one"), result(NATIVE, "a/two")]
    assert build([bundle(*results)]).families[0].roll_ups[0].word == "pass"
    assert build([bundle(*results, troubles=("torn",))]).families[0].roll_ups[0].word == "partial"


def test_a_newer_whole_run_makes_up_for_an_interrupted_one():
    """What counts is whether the cells that are shown come from a whole run."""
    results = [result(NATIVE, "a/one"), result(NATIVE, "a/two")]
    old = bundle(*results, run="old", day=1, troubles=("torn",))
    assert build([old, bundle(*results, run="new", day=2)]).families[0].roll_ups[0].word == "pass"
    assert build([old, bundle(results[0], run="new", day=2)]).families[0].roll_ups[0].word == "partial"


@pytest.mark.parametrize("state", ["error", "skipped", "unsupported", None])
def test_a_lane_that_never_started_is_one_word(state):
    """A daemon that did not start has one state with its cause, and no cells that would count as missing."""
    down = LaneRecord(lane=NATIVE.id, at="", state=state or "error", reason="dockerd died")
    up = LaneRecord(lane=OVERLAY.id, at="", state="ready")
    whole = [result(OVERLAY, name) for name in ("a/one", "a/two", "b/one")]
    matrix = build([bundle(*whole, records=(down, up) if state else (up,))])
    assert [(column.started, column.state) for column in matrix.columns] == [
        (False, state or "missing"),
        (True, "ready"),
    ]
    assert [roll.verdict for roll in matrix.families[0].roll_ups] == [state or "missing", "pass"]
    assert verdicts(matrix) == [[None, "pass"]] * 3
    assert matrix.counts == (("pass", 3),)
    assert not matrix.subsets


def test_a_lane_that_was_lost_has_missing_cells():
    """A daemon that started and died later is an error in each family, and its cells without a result say why."""
    down = LaneRecord(lane=NATIVE.id, at="", state="error", reason="dockerd died")
    family = build([bundle(result(NATIVE, "b/one"), records=(down,))]).families[0]
    assert family.roll_ups[0].verdict == "error"
    assert family.rows[0].cells[0].reason == "the lane is not ready (error): dockerd died"


def test_a_part_of_a_family_is_not_compared_with_the_whole():
    """A lane that was asked one check of two does not read as passed, and says how many it was not asked."""
    whole = [result(NATIVE, "a/one"), result(NATIVE, "a/two"), result(NATIVE, "b/one")]
    part = bundle(result(OVERLAY, "a/one"), lanes=(OVERLAY,), checks=("a/one",), run="part", day=2)
    matrix = build([bundle(*whole, lanes=(NATIVE,)), part])
    native, overlay = matrix.families[0].roll_ups
    assert (native.asked, native.unasked, native.word) == (2, 0, "pass")
    assert (overlay.asked, overlay.unasked, overlay.word) == (1, 1, "partial")
    assert [roll.verdict for roll in matrix.families[1].roll_ups] == ["pass", None]
    assert matrix.subsets
    (common,) = matrix.common
    assert [row.check.id for row in common.rows] == ["a/one"]
    assert [roll.word for roll in common.roll_ups] == ["pass", "pass"]
    assert matrix.counts == (("pass", 4),)


def test_reference_comes_first_and_kernels_in_order():
    """Columns are grouped by driver, native first, and 6.2 stands before 6.12."""

    def lane(driver: str, kernel: str) -> Lane:
        return Lane(id=f"{driver}-{kernel}", driver=driver, backing="ext4", engine="e", kernel=kernel)

    lanes = (lane("vfs", "6.12"), lane("overlay2", "6.1"), lane("vfs", "6.2"), lane("native", "6.1"))
    matrix = build([bundle(lanes=lanes)])
    assert [column.lane.id for column in matrix.columns] == ["native-6.1", "vfs-6.2", "vfs-6.12", "overlay2-6.1"]
    assert matrix.drivers == (("native", (0,)), ("vfs", (1, 2)), ("overlay2", (3,)))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["old-first", "new-first"])
def test_newer_run_wins_for_cells_it_has(order):
    """Of two runs of a lane the newer one counts, the older one fills what the newer did not report."""
    old = bundle(result(NATIVE, "a/one", "fail"), result(NATIVE, "a/two", "fail"), lanes=(NATIVE,), run="old", day=1)
    new = bundle(result(NATIVE, "a/one"), lanes=(NATIVE,), run="new", day=2)
    matrix = build([(old, new)[place] for place in order])
    assert verdicts(matrix) == [["pass"], ["fail"], ["missing"]]
    assert [row.cells[0].run for row in matrix.rows] == ["new", "old", "new"]
    note = f"Lane {NATIVE.id} was run by old and new; where several have a result, the newest is shown."
    assert matrix.notes == (note,)


def test_bundles_of_different_lanes_stand_side_by_side():
    """Runs on several machines make one matrix without a note."""
    matrix = build([bundle(lanes=(NATIVE,), run="x"), bundle(lanes=(OVERLAY,), run="y", day=2)])
    assert [column.lane for column in matrix.columns] == [NATIVE, OVERLAY]
    assert matrix.notes == ()


def test_different_definitions_of_a_lane_are_noted():
    """A lane id that means two things is said on the page."""
    other = msgspec.structs.replace(NATIVE, backing="xfs")
    matrix = build([bundle(lanes=(NATIVE,), run="x"), bundle(lanes=(other,), run="y", day=2)])
    assert matrix.columns[0].lane == other
    assert "defined differently" in matrix.notes[1]


def test_different_schemas_are_refused():
    """Two bundles of different schema do not share a page; the text names both."""
    with pytest.raises(BundleRefused, match=r"y\.jsonl, line 1: expected schema 1\.0 as in x\.jsonl, found 1\.1"):
        build([bundle(run="x"), bundle(run="y", day=2, schema="1.1")])


def test_nothing_is_no_matrix():
    """A page of no bundles is a mistake of the caller."""
    with pytest.raises(ValueError, match="at least one bundle"):
        build([])


def test_rows_differ_by_verdict_or_observation():
    """Lanes disagree when they answered differently; lanes that were not asked do not count."""

    def row(*results: Result) -> bool:
        return differs(build([bundle(*results, checks=("a/one",))]).rows[0])

    assert row(result(NATIVE, "a/one"), result(OVERLAY, "a/one", "known"))
    assert row(result(NATIVE, "a/one", seen="0 B"), result(OVERLAY, "a/one", seen="64 MiB"))
    assert not row(result(NATIVE, "a/one", seen="0 B"), result(OVERLAY, "a/one", seen="0 B"))
    assert not row(result(NATIVE, "a/one"), result(OVERLAY, "a/one", "unsupported"))
    assert not row(result(NATIVE, "a/one"))


def test_benchmarks_are_compared_by_workload_and_metric():
    """Records of one workload and metric stand side by side in the order of the columns."""
    dice = sample.random.Random(1)
    records = tuple(
        sample.benchmark(lane, name, "latency", "µs", dice) for name in ("w", "a") for lane in (OVERLAY, NATIVE)
    )
    comparisons = build([bundle(benchmarks=records)]).comparisons
    assert [comparison.workload for comparison in comparisons] == ["a", "w"]
    assert [lane.id for lane, _, _ in comparisons[0].records] == [NATIVE.id, OVERLAY.id]
