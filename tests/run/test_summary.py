"""What a terminal says of verdicts and benchmarks behind a run: a table each, drivers as columns, verdicts as marks."""

from types import SimpleNamespace

import msgspec
import pytest

from roadworthy.reports.records import Added, Arm, Benchmark, Count, Curve, Deviation, Result, Trend, Twin
from roadworthy.run.summary import summary
from roadworthy.run.tables import LEGEND, tables

ARM = Arm(name="native", samples=[2000.0] * 12, median=2000.0, low=2000.0, high=2000.0)
FOUND = Benchmark(
    lane="overlay2-ext4", benchmark="data/x/lower", nodeid="x", at="now", metric="time per I/O", unit="ns",
    baseline=ARM, arm=ARM, ratio=1.26, ratio_low=1.06, ratio_high=2.78, verdict="slower", reason="",
    twin=Twin(ratio=1.0, low=0.97, high=1.02, verdict="equivalent"),
)  # fmt: skip
LANES = [("overlay2-ext4", "overlay2"), ("vfs-ext4", "vfs")]


def replaced(**changes):
    return msgspec.structs.replace(FOUND, **changes)


def shown(*records, trends=(), counts=(), detail=0, lanes=LANES):
    return list(tables(records, trends, counts, lanes, detail))


def test_drivers_are_columns_and_metrics_are_rows():
    """Each benchmark has one table; what all of its lines would begin with stands once."""
    other = replaced(lane="vfs-ext4", ratio=1.0, ratio_low=0.98, ratio_high=1.02, verdict="equivalent")
    assert shown(FOUND, other, replaced(metric="time per stat")) == [
        "data/x, against native  overlay2             vfs",
        "time per I/O (lower)    > 1.26 [1.06, 2.78]  = 1.00 [0.98, 1.02]",
        "time per stat (lower)   > 1.26 [1.06, 2.78]",
        "",
        LEGEND,
    ]


def test_two_lanes_of_one_driver_go_by_their_ids():
    heading = shown(FOUND, replaced(lane="overlay2-xfs"), lanes=[*LANES, ("overlay2-xfs", "overlay2")])[0]
    assert heading.split()[-2:] == ["overlay2-ext4", "overlay2-xfs"]


def test_a_number_of_something_else_is_not_told():
    """The reason stands below the table, and a mark in the number's place."""
    lines = shown(replaced(verdict="invalid", reason="not true: the device saw the bytes"))
    assert lines[1] == "time per I/O (lower)    !"
    assert lines[2] == "  overlay2-ext4, time per I/O (lower): invalid, not true: the device saw the bytes"


def test_a_difference_within_the_baselines_own_is_not_told():
    """A ratio that A/A shows, too, has the mark of the undecided, and the reason names the A/A interval."""
    noisy = Twin(ratio=1.0, low=0.9, high=1.6, verdict="inconclusive")
    said = "\n".join(shown(replaced(ratio=1.5, ratio_low=1.4, ratio_high=1.55, twin=noisy)))
    assert "? 1.50 [1.40, 1.55]" in said
    assert "the interval alone says slower, but the ratio does not exceed that of the baseline against itself" in said


def test_a_number_that_is_of_no_machine_says_so():
    """It has no verdict."""
    lines = shown(replaced(unpublished="measured under emulation"))
    assert lines[1].endswith("  1.26 [1.06, 2.78]")
    assert lines[2].endswith("not published, measured under emulation")


def test_what_is_added_stands_beside_a_ratio_to_little():
    found = replaced(added=Added(value=3.3e6, low=2.1e6, high=4.4e6, flushes=2.0, flush=1.5e6))
    assert shown(found)[1].endswith("[1.06, 2.78] +3.3 ms [2.1 ms, 4.4 ms], 2 flushes of 1.5 ms")


def test_a_count_stands_beside_what_the_same_takes_without_the_driver():
    count = Count(lane="vfs-ext4", benchmark="space/x", nodeid="x", at="now", metric="inodes", unit="inodes",
                  value=1200.0, baseline=100.0)  # fmt: skip
    assert shown(counts=[count])[1] == "inodes     1,200 inodes / 100 inodes"


def test_a_trend_has_its_slope_and_what_the_place_in_the_row_adds():
    curve = Curve(name="overlay2", points=[(1, 5.0), (2, 429.0)], slope=424.0, slope_low=400.0, slope_high=450.0,
                  intercept=5.0, places=[1.3, 1.0])  # fmt: skip
    trend = Trend(
        lane="overlay2-ext4", benchmark="names/x/lower", nodeid="x", at="now", axis="depth", axis_unit="layers",
        metric="time per stat", unit="ns", baseline=curve, arm=curve, verdict="grows",
    )  # fmt: skip
    line = shown(trends=[trend])[1]
    assert line == "time per stat, by depth (lower)  / 424 ns per layer, by place in the row x1.3, x1"


def test_quiet_is_less_and_verbose_is_more():
    """A line for each benchmark and driver; or medians, the baseline against itself, rows, and system calls."""
    calls = Count(lane="overlay2-ext4", benchmark="data/x", nodeid="x", at="now", metric="system calls per I/O",
                  unit="calls", value=1.0)  # fmt: skip
    fewer = shown(FOUND, replaced(metric="time per stat", verdict="equivalent"), counts=[calls], detail=-1)
    assert fewer == ["data/x, overlay2: 1 slower, 1 equivalent"]
    assert not any("system calls" in line for line in shown(FOUND, counts=[calls]))
    more = shown(FOUND, counts=[calls], detail=1)
    assert more[1].endswith("[1.06, 2.78] 2 µs / 2 µs, A/A 0.97 to 1.02, 12 rows")
    assert any("system calls per I/O" in line for line in more)


LANE = SimpleNamespace(id="vfs-ext4", driver=SimpleNamespace(name="vfs"))
ENTRY = Deviation(why="why", source="a document", signature="mtime", when="driver = vfs", file="x.toml", line=1)


class Reporter:
    """Takes down what is written, without colours."""

    def __init__(self):
        self.text = ""
        self.config = SimpleNamespace(option=SimpleNamespace(verbose=0))

    def section(self, title, sep):
        self.text += f"{sep} {title}\n"

    def write(self, text, **_):
        self.text += text

    def write_line(self, text, **_):
        self.text += f"{text}\n"


def result(check, verdict="pass", deviation=None):
    return Result(
        lane=LANE.id, check=check, nodeid=check, verdict=verdict, at="", seconds=0.1, deviation=deviation
    )  # fmt: skip


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([result("a/one"), result("a/two", deviation=ENTRY)], "  2 pass (1 with a recorded difference)\n"),
        ([result("a/one"), result("a/two", "known", ENTRY)], "  1 known  1 pass\n"),
    ],
)
def test_passes_with_a_recorded_difference_are_counted_apart(results, said):
    """A pass that left another tree, as recorded, does not look like any other."""
    bundle = SimpleNamespace(
        results=results, lanes=[], benchmarks=[], trends=[], counts=[], void=list, path="bundle.jsonl"
    )  # fmt: skip
    summary(reporter := Reporter(), [LANE], bundle, None)
    assert f"{LANE.id}{said}" in reporter.text
