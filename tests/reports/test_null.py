"""The null driver's verdict: how many cells differ, whether a side is favoured, and where that is said."""

import msgspec
import pytest

from roadworthy.measuring.statistics import LEAST_ROWS
from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.null import IDENTITY, ROWS, null_of, nulls
from roadworthy.reports.page import page_text
from roadworthy.reports.records import SCHEMA, Arm, Benchmark, End, Lane, Plan
from roadworthy.run.results import BundleWriter

LANE = Lane(id="vfs-ext4-docker20.10-linux6.1", driver="vfs", backing="ext4", engine="docker-20.10", kernel="6.1")


def cell(ratio=1.0, verdict="equivalent", rows=12, **other):
    arm = Arm(name="vfs", samples=[1.0] * rows, median=1.0, low=1.0, high=1.0)
    fields = {"benchmark": IDENTITY, "metric": f"stat {ratio}", **other}
    return Benchmark(
        lane=LANE.id, nodeid="n", at="2026-01-01T00:00:01Z", unit="ns", baseline=arm, arm=arm, ratio=ratio,
        ratio_low=ratio, ratio_high=ratio, verdict=verdict, **fields,
    )  # fmt: skip


def even(count):
    return [cell(0.99 if at % 2 else 1.01) for at in range(count)]


def test_a_few_that_differ_are_chance_and_more_are_not():
    """One cell in twenty, and not one more."""
    found = null_of("l", [*even(38), cell(1.2, "slower"), cell(0.8, "faster")])
    assert (found.holds, found.cells, len(found.differing)) == (True, 40, 2)
    more = null_of("l", [*even(37), cell(1.2, "slower"), cell(0.8, "faster"), cell(0.7, "faster")])
    assert more.holds is False
    assert "3 of 40 cells differ" in more.sentence
    assert "stat 0.7 0.70" in more.sentence


@pytest.mark.parametrize(("below", "holds"), [(15, True), (24, True), (25, False), (6, True), (5, False)])
def test_a_side_that_is_favoured_is_noticed_where_no_cell_differs(below, holds):
    """Of thirty coins 25 fall to one side in fewer than one of a thousand runs."""
    found = null_of("l", [cell(0.99)] * below + [cell(1.01)] * (30 - below))
    assert found.holds is holds
    assert (found.below, found.above) == (below, 30 - below)


def test_cells_of_the_old_layout_do_not_hold():
    """What was measured of vfs when the volume's files lay deeper: 19 of 36 differed, 32 lay below 1."""
    found = null_of("l", [cell(0.92, "faster")] * 18 + [cell(1.22, "slower")] + [cell(0.98)] * 14 + [cell(1.01)] * 3)
    assert found.holds is False
    assert found.chance < 1e-5


def test_what_shows_nothing_is_no_cell():
    """Invalid ones, few rows and withheld times neither differ nor make what does a smaller share."""
    nothing = [cell(2.0, "invalid"), cell(2.0, "slower", rows=ROWS - 1), cell(2.0, "slower", unpublished="emulated")]
    assert null_of("l", [*even(20), *nothing * 20]).cells == 20
    assert null_of("l", even(19)).holds is None
    assert null_of("l", []).holds is None
    assert ROWS == LEAST_ROWS


def test_only_the_null_driver_answers_and_each_lane_for_itself():
    """A driver's own costs, and the layout that has to be found out, are none of it."""
    records = [*even(20), cell(benchmark=f"{IDENTITY}-uneven"), cell(benchmark="names/small-files"),
               *(msgspec.structs.replace(one, lane="other") for one in even(24))]  # fmt: skip
    assert [(found.lane, found.cells) for found in nulls(records)] == [(LANE.id, 20), ("other", 24)]


@pytest.mark.parametrize("slower", [0, 8])
def test_the_run_and_its_page_say_so(tmp_path, slower):
    """Beside the A/A line always; on top, and as void in the terminal, where it does not hold."""
    writer = BundleWriter(tmp_path)
    plan = Plan(schema=SCHEMA, run="20260101-000000-abcdef", started="2026-01-01T00:00:00Z", suite={}, argv=[],
                lanes=[LANE], checks=[], cells=[])  # fmt: skip
    every = [*even(30 - slower), *[cell(1.3, "slower")] * slower]
    for record in [plan, *(msgspec.structs.replace(one, metric=f"time {at}") for at, one in enumerate(every))]:
        writer.write(record)
    writer.write(End(finished="2026-01-01T00:01:00Z", exit_status=0, counts={}))
    page = page_text([read_bundle(tmp_path)])
    assert f"{slower} of 30 cells differ" in page
    assert ("Benchmarks are uneven." in page) == bool(slower)
    assert writer.spoilt() == bool(slower)
    assert len(writer.void()) == bool(slower)
