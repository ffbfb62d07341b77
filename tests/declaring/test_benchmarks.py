"""How a benchmark declares itself."""

import pytest

from roadworthy import NIGHTLY, SMOKE, WEEKLY, measured
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
        ("data", SMOKE, (), "is not a benchmark's id"),
        ("data/x", "daily", (), "'daily' is not a tier; expected one of smoke, nightly, weekly"),
        ("data/x", SMOKE, ("middle",), "'middle' is not a stratum"),
    ],
)
def test_a_wrong_declaration_is_refused(identity, tier, strata, said):
    """When the file is imported, with the words that may stand there."""
    with pytest.raises(ValueError, match=said):
        measured(identity, tier, strata=strata)


def test_a_virtual_clock_moves_by_what_it_is_told():
    """pytest-benchmark reads it before and after."""
    clock = VirtualClock()
    clock.advance(0.25)
    assert clock() == 0.25
