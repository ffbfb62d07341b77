"""docs/coverage.md names every check that there is, and no other, and its counts are what its tables hold."""

import re
from pathlib import Path

COVERAGE = (Path(__file__).parents[2] / "docs/coverage.md").read_text()
ROWS = [
    tuple(cell.strip() for cell in line.strip("| ").split(" | "))
    for line in COVERAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| row |")
]
CATALOGUE = [row for row in ROWS if row[0] != "-"]


def checks_of(answer):
    """The checks that a cell names as its row's answer: a reason may name others."""
    return [] if answer.startswith("not run: ") else re.findall(r"`([a-z]+/[^`]+)`", answer)


def test_every_check_that_is_named_exists(declared_checks):
    """The tables name checks by their ids, those that a reason points to included."""
    named = {name for *_, answer in ROWS for name in re.findall(r"`([a-z]+/[A-Za-z0-9-]+)`", answer)}
    assert named - set(declared_checks) == set()


def test_every_check_is_an_answer(declared_checks):
    """Each check of the suite answers a row, or is listed besides the catalogue."""
    assert set(declared_checks) - {name for *_, answer in ROWS for name in checks_of(answer)} == set()


def test_every_row_has_an_answer_or_a_reason():
    """A row says what it asks, and has checks, or the reason why none can run."""
    assert [row for row in ROWS if not re.fullmatch(r"[a-z]+/[A-Za-z0-9-]+|-", row[0])] == []
    assert [row for row in ROWS if not row[1].endswith(".")] == []
    assert [row for row in ROWS if not checks_of(row[2]) and len(row[2].removeprefix("not run: ")) < 30] == []


def test_no_row_is_there_twice():
    """A row stands in one family."""
    names = [row[0] for row in CATALOGUE]
    assert len(names) == len(set(names))


def test_the_counts_are_those_of_the_tables():
    """How many rows there are, are answered, and are not, as the text says it."""
    rows, families = map(int, re.search(r"has (\d+) rows in (\d+)\s+families", COVERAGE).groups())
    answered, missing = map(
        int, re.search(r"\*\*(\d+) rows are answered by checks, (\d+) are not\*\*", COVERAGE).groups()
    )
    more = int(re.search(r"(\d+) checks ask more", COVERAGE)[1])
    assert len(re.findall(r"^## [A-Z]\. ", COVERAGE, re.MULTILINE)) == families
    assert len(CATALOGUE) == rows
    assert sum(bool(checks_of(answer)) for *_, answer in CATALOGUE) == answered
    assert rows - answered == missing
    assert len(ROWS) - rows == more
