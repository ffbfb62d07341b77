"""Whether a break is the recorded one: whole numbers in the failure's line, values and bounds of what was seen."""

import pytest

from roadworthy.reports.records import Observation
from roadworthy.verdict.matching import Wanted, holds_text, quantity, wanted


@pytest.mark.parametrize(
    ("signature", "line", "holds"),
    [
        ("EXDEV", "rename('a', 'b') was refused with EXDEV", True),
        ("assert 1 == 0", "assert 1 == 0", True),
        ("1 == 0", "assert 11 == 0", False),
        ("assert 2 == 1", "assert 2 == 10", False),
        ("2 == 1", "assert 0.2 == 1", False),
        ("16", "one byte took 16.0 MiB", False),
        ("16.0 MiB", "one byte took 16.0 MiB", True),
        ("6.0 MiB", "one byte took 16.0 MiB", False),
        ("with 16.", "it ended with 16.", True),
        ("", "anything", True),
        ("[a]", "a", False),
    ],
)
def test_numbers_of_a_signature_are_whole(signature, line, holds):
    """A signature is text, and the numbers at its ends are no part of longer ones."""
    assert holds_text(signature, line) is holds


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("48.4 MiB", (48.4, "MiB")),
        ("0 bytes", (0.0, "bytes")),
        ("1700 inodes or some more", (1700.0, "inodes or some more")),
        ("5", (5.0, "")),
        ("-3 ns", (-3.0, "ns")),
        ("1 lost, 0 repeated", (1.0, "lost, 0 repeated")),
        ("EXDEV", None),
        ("", None),
    ],
)
def test_a_quantity_is_a_number_and_a_unit(text, found):
    """What follows the number is its unit, in whatever words."""
    assert quantity(text) == found


SEEN = [Observation("size", "1 MiB"), Observation("inode", "same"), Observation("size", "16.2 MiB")]


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        ({"inode": "same"}, True),
        ({"inode": ["changed", "same"]}, True),
        ({"inode": "sam"}, False),
        ({"inode": "same", "size": "16.2 MiB"}, True),
        ({"inode": "changed", "size": "16.2 MiB"}, False),
        ({"size": "1 MiB"}, False),  # the last of its name counts
        ({"owner": "root"}, False),
        ({"size": {"at_least": "16.0 MiB", "at_most": "16.9 MiB"}}, True),
        ({"size": {"at_least": "16.2 MiB", "at_most": "16.2 MiB"}}, True),
        ({"size": {"at_least": "16.3 MiB", "at_most": "99 MiB"}}, False),
        ({"size": {"at_least": "1 MiB", "at_most": "16 MiB"}}, False),
        ({"size": {"at_least": "16 GiB", "at_most": "17 GiB"}}, False),
        ({"inode": {"at_least": "1", "at_most": "2"}}, False),
    ],
)
def test_what_was_seen_is_as_recorded_or_not(row, holds):
    """Every condition has to hold: a value as it is, or a number between two, in their unit."""
    assert all(one.holds(SEEN) for one in wanted(row)) is holds


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "observed is a table"),
        ("same", "observed is a table"),
        ({"inode": 5}, "takes a text, a list of texts, or at_least and at_most"),
        ({"inode": ""}, "takes a text"),
        ({"inode": []}, "takes a text"),
        ({"size": {"at_least": "1 MiB"}}, "needs at_least and at_most"),
        ({"size": {"at_least": "1 MiB", "at_most": "2 MiB", "about": "1 MiB"}}, "needs at_least and at_most"),
        ({"size": {"at_least": "1 MiB", "at_most": "2 GiB"}}, "two numbers in one unit"),
        ({"size": {"at_least": "2 MiB", "at_most": "1 MiB"}}, "the smaller first"),
        ({"size": {"at_least": "some", "at_most": "more"}}, "two numbers in one unit"),
    ],
)
def test_a_condition_that_cannot_be_used_is_refused(row, reason):
    """A range with an open end would fit a far worse break; a unit is part of a number."""
    with pytest.raises(ValueError, match=reason):
        wanted(row)


def test_a_condition_is_told_in_words():
    """The page shows what a break is known by."""
    assert str(Wanted("inode", ("same", "none"))) == "inode: same or none"
    assert str(Wanted("size", (), "16.0 MiB", "16.9 MiB")) == "size: 16.0 MiB to 16.9 MiB"
