"""How a benchmark declares itself."""

import pytest

from reports.records import Sample
from roadworthy import NIGHTLY, SMOKE, WEEKLY, measured
from roadworthy.measuring.bench import filler, named, per_operation
from roadworthy.measuring.clock import VirtualClock


def marks(tier):
    def function(): ...

    return {mark.name for mark in measured("data/x", tier)(function).pytestmark}


def test_a_tier_holds_those_before_it():
    """A night runs the smoke tests too, a week everything."""
    assert marks(SMOKE) == {"measured", "smoke", "nightly", "weekly"}
    assert marks(NIGHTLY) == {"measured", "nightly", "weekly"}
    assert marks(WEEKLY) == {"measured", "weekly"}


@pytest.mark.parametrize(
    ("identity", "tier", "strata", "said"),
    [
        ("data", SMOKE, (), "is no benchmark's id"),
        ("data/x", "daily", (), "'daily' is no tier; it is one of smoke, nightly, weekly"),
        ("data/x", SMOKE, ("middle",), "'middle' is no stratum"),
    ],
)
def test_a_wrong_declaration_is_refused(identity, tier, strata, said):
    """When the file is imported, with the words that may stand there."""
    with pytest.raises(ValueError, match=said):
        measured(identity, tier, strata=strata)


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


def test_a_filler_has_its_size_and_is_not_empty():
    """No file system stores it as a hole."""
    content = filler(100_000).content
    assert len(content) == 100_000
    assert len(set(content[:65536])) > 200
    assert b"\0" * 64 not in content


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


def test_a_virtual_clock_moves_by_what_it_is_told():
    """pytest-benchmark reads it before and after."""
    clock = VirtualClock()
    clock.advance(0.25)
    assert clock() == 0.25
