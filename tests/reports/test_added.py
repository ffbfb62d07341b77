"""What a driver adds to a baseline far below it, in words."""

import msgspec

from roadworthy.reports.added import added
from roadworthy.reports.records import Added, Arm, Benchmark

ARM = Arm(name="native", samples=[4e3] * 12, median=4e3, low=4e3, high=4e3)
FOUND = Benchmark(
    lane="overlay2", benchmark="copy-up/metadata", nodeid="x", at="now", metric="time per chmod", unit="ns",
    baseline=ARM, arm=ARM, ratio=990.87, ratio_low=166.93, ratio_high=1594.58, verdict="slower",
    added=Added(value=3.3e6, low=2.1e6, high=4.4e6, flushes=2.0, flush=1.5e6),
)  # fmt: skip


def test_what_is_added_has_its_interval_and_its_flushes():
    """How many there are, and what one costs on this device."""
    assert added(FOUND) == "+3.3 ms [2.1 ms, 4.4 ms], 2 flushes of 1.5 ms"


def test_flushes_are_named_where_they_are_most_of_it():
    """Some that hardly count are in the counters."""
    few = msgspec.structs.replace(FOUND.added, flushes=0.1)
    assert added(msgspec.structs.replace(FOUND, added=few)) == "+3.3 ms [2.1 ms, 4.4 ms]"


def test_there_is_nothing_to_say_where_the_ratio_says_enough():
    """Nor of a time that is no number, or that is not published."""
    for changes in ({"added": None}, {"verdict": "invalid"}, {"unpublished": "emulated"}):
        assert added(msgspec.structs.replace(FOUND, **changes)) == ""
