"""What a terminal says of benchmarks behind a run."""

from roadworthy.reports.records import Added, Arm, Benchmark, Count
from roadworthy.run.summary import cost, counting

ARM = Arm(name="native", samples=[1.0], median=1.0, low=1.0, high=1.0)
FOUND = Benchmark(
    lane="overlay2", benchmark="data/x", nodeid="x", at="now", metric="time per I/O", unit="ns", baseline=ARM, arm=ARM,
    ratio=1.26, ratio_low=1.06, ratio_high=2.78, verdict="slower", reason="",
)  # fmt: skip


def replaced(**changes):
    return Benchmark(**{**{name: getattr(FOUND, name) for name in FOUND.__struct_fields__}, **changes})


def test_a_number_has_its_interval_and_what_it_is_of():
    assert cost(FOUND) == "slower, time per I/O 1.26 [1.06, 2.78] of native"


def test_what_is_added_stands_beside_a_ratio_to_little():
    found = replaced(added=Added(value=3.3e6, low=2.1e6, high=4.4e6, flushes=2.0, flush=1.5e6))
    assert cost(found).endswith("1.26 [1.06, 2.78] of native, +3.3 ms [2.1 ms, 4.4 ms], 2 flushes of 1.5 ms")


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
