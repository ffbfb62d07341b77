"""docs/repro.md: what scripts have shown, each of a recorded break that exists."""

import re

from repro_page import PAGE

from roadworthy.declaring.known import checks_known
from roadworthy.drivers import DRIVERS
from roadworthy.verdict import deviations

ROWS = re.findall(r"^\| ([\w:-]+) \| `([^`]+)` \| (\S+) \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE)


def test_twenty_breaks_are_shown():
    """By scripts that were run; the page says of the others why they have none."""
    shown = {(driver, check) for driver, check, _, outcome in ROWS if outcome == "shown"}
    assert len({check.partition("[")[0] for _, check in shown}) >= 20


def test_every_row_is_a_recorded_break():
    """A check that is renamed does not stay in the table; after that: make repro."""
    entries = deviations.load(PAGE.parents[1] / "conformance/deviations").entries
    recorded = {entry.check.partition("[")[0] for entry in entries}
    assert ROWS
    for driver, check, _, _ in ROWS:
        assert driver in DRIVERS
        assert check.partition("[")[0] in checks_known()
        assert check.partition("[")[0] in recorded


def test_counts_are_those_of_the_table():
    (count,) = re.findall(r"^(\d+) recorded breaks: ", PAGE.read_text(), re.MULTILINE)
    assert int(count) == len(ROWS)
