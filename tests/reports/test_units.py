"""Numbers in the words of a reader."""

import pytest

from roadworthy.reports.units import amount, brief, exact, number, per


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (1_930_000, "ns", "1.93 ms"),
        (999, "us", "999 µs"),
        (0.5, "ns", "0.5 ns"),
        (0, "ns", "0 ns"),
        (-2_000, "ns", "-2 µs"),
        (120, "s", "120 s"),
        (64 << 20, "B", "64 MiB"),
        (1023, "bytes", "1,023 B"),
        (16_384, "pages", "16,384 pages"),
        (3.14159, "", "3.14"),
    ],
)
def test_amounts_are_in_the_unit_that_suits_them(value, unit, said):
    """Times and sizes are scaled, everything else keeps its unit."""
    assert amount(value, unit) == said


def test_counts_keep_all_their_digits():
    """A count that is compared exactly is shown exactly; a size also in a unit that suits it."""
    assert exact(1_234_567, "inodes") == "1,234,567 inodes"
    assert exact(67_108_865, "B") == "64 MiB (67,108,865 B)"
    assert exact(12, "B") == "12 B"
    assert exact(2.5, "mounts") == "2.5 mounts"


def test_a_slope_names_its_step():
    """Of bytes a step is a MiB; of other axes one."""
    assert per(0.9, "ns", "B") == "944 µs per MiB"
    assert per(1500, "ns", "layers") == "1.5 µs per layer"


def test_units_that_stand_beside_are_not_said_twice():
    """A column's unit is left out, unless another one is used."""
    assert brief(81_920, "pages") == "81,920"
    assert brief(2048, "B") == "2 KiB"
    assert number(0.0000123) == "1.23e-05"
