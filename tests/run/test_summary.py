"""What a terminal says of verdicts and benchmarks behind a run."""

from types import SimpleNamespace

import pytest

from roadworthy.reports.records import Arm, Benchmark, Count, Deviation, Result
from roadworthy.run.summary import cost, counting, summary

ARM = Arm(name="native", samples=[1.0], median=1.0, low=1.0, high=1.0)
FOUND = Benchmark(
    lane="overlay2", benchmark="data/x", nodeid="x", at="now", metric="time per I/O", unit="ns", baseline=ARM, arm=ARM,
    ratio=1.26, ratio_low=1.06, ratio_high=2.78, verdict="slower", reason="",
)  # fmt: skip


def replaced(**changes):
    return Benchmark(**{**{name: getattr(FOUND, name) for name in FOUND.__struct_fields__}, **changes})


def test_a_number_has_its_interval_and_what_it_is_of():
    assert cost(FOUND) == "slower, time per I/O 1.26 [1.06, 2.78] of native"


def test_a_number_of_something_else_is_not_told():
    """The reason stands in its place, as on the page."""
    said = cost(replaced(verdict="invalid", reason="not true: the device saw the bytes"))
    assert said == "invalid, time per I/O: not true: the device saw the bytes"


def test_a_number_that_is_of_no_machine_says_so():
    assert cost(replaced(unpublished="measured under emulation")).endswith("of native (measured under emulation)")


def test_a_count_stands_beside_what_the_same_takes_without_the_driver():
    count = Count(lane="vfs", benchmark="space/x", nodeid="x", at="now", metric="inodes", unit="inodes", value=1200.0,
                  baseline=100.0)  # fmt: skip
    assert counting(count) == "inodes 1,200 inodes, 100 inodes without the driver"


LANE = SimpleNamespace(id="vfs-ext4", driver=SimpleNamespace(name="vfs"))
ENTRY = Deviation(why="why", source="a document", signature="mtime", when="driver = vfs", file="x.toml", line=1)


class Reporter:
    """Takes down what is written, without colours."""

    def __init__(self):
        self.text = ""

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
    bundle = SimpleNamespace(results=results, lanes=[], benchmarks=[], counts=[], void=list, path="bundle.jsonl")
    summary(reporter := Reporter(), [LANE], bundle, None)
    assert f"{LANE.id}{said}" in reporter.text
