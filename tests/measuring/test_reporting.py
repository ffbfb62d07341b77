"""What a record says of the samples that it is made of."""

from types import SimpleNamespace

import pytest

from roadworthy.declaring.benchmarks import Declaration
from roadworthy.declaring.features import Feature
from roadworthy.measuring.clock import VirtualClock
from roadworthy.measuring.reporting import Reporter, named, per_operation, with_work_and_wait
from roadworthy.reports.records import Arm, Benchmark, Sample


@pytest.mark.parametrize(
    ("point", "unit", "name"),
    [
        (None, "", "a/b/upper"),
        (65536, "B", "a/b/upper@64KiB"),
        (16 << 20, "B", "a/b/upper@16MiB"),
        (8, "layers", "a/b/upper@8"),
    ],
)
def test_names_of_records(point, unit, name):
    """The stratum and the place on an axis are part of every name."""
    assert named("a/b", "upper", point, unit) == name


def test_counters_are_of_the_arm_and_of_one_operation():
    """What void rows and the baseline did is not in them."""
    flushes = {"baseline": 5.0, "again": 5.0, "arm": 20.0}
    samples = [
        Sample(
            row=row, order=0, side=side, value=1.0, operations=10, counters={"flushes": flushes[side]},
            void="x" if row == 1 else "",
        )
        for row in range(3)
        for side in flushes
    ]  # fmt: skip
    assert per_operation(samples) == {"flushes per operation": 2.0}


def test_work_and_wait_are_told_apart():
    """Of commits that mostly wait, the shortest tell the work and the mean tells the wait."""
    samples = [40.0, 42.0, *map(float, range(100, 1000, 50))]
    arm = Arm(name="x", samples=samples, median=1.0, low=1.0, high=1.0)
    record = Benchmark(
        lane="l", benchmark="b", nodeid="n", at="", metric="m", unit="ms", baseline=arm, arm=arm, ratio=1.0,
        ratio_low=1.0, ratio_high=1.0, verdict="equivalent",
    )  # fmt: skip
    found = with_work_and_wait(record).arm.quantiles
    assert 40 <= found["work (p5)"] <= 42
    assert found["wait (mean)"] == pytest.approx(sum(samples) / len(samples))


class FakeBenchmark:
    """pytest-benchmark's fixture, which takes rounds by the clock."""

    name = fullname = "test"

    def __init__(self, clock):
        self.clock = clock
        self.table = []

    def pedantic(self, function, rounds, iterations):
        begun = self.clock()
        for _ in range(rounds * iterations):
            function()
        self.table.append((self.name, self.clock() - begun))


@pytest.mark.parametrize(
    ("void", "rows"), [("", {"test[native t]": 24.0, "test[overlay2 t]": 12.0}), ("read too little", {})]
)
def test_what_is_invalid_is_not_ranked(void, rows):
    """pytest-benchmark's table gets both sides of what was measured, and nothing of what a guard has voided."""
    clock = VirtualClock()
    fake = FakeBenchmark(clock)
    lane = SimpleNamespace(id="lane", driver=SimpleNamespace(name="overlay2"))
    reporter = Reporter(lane, Declaration("a/b", "Works.", "smoke", Feature.NONE), "node", None, fake, clock)
    samples = [
        Sample(row=row, order=0, side=side, value=1e9, void=void)
        for row in range(12)
        for side in ("baseline", "again", "arm")
    ]
    record = reporter.cost(samples, "t", "ns", "", None, "", {}, None, None)
    assert (record.verdict == "invalid") == bool(void)
    assert dict(fake.table) == rows
