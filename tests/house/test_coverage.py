"""docs/coverage.md names every check that there is, and no other, and says of each what the check itself says."""

import re

from coverage_page import NOT_RUN, PAGE, cells, checks_of, made, promises

COVERAGE = PAGE.read_text()
ROWS = [row for line in COVERAGE.splitlines() if (row := cells(line))]
CATALOGUE = [row for row in ROWS if row[0] != "-"]


def test_the_page_is_what_the_checks_say():
    """What a row asks is its check's promise, and the counts are those of the tables."""
    assert made(COVERAGE, promises()) == COVERAGE, "the checks have changed: make coverage"


def test_promises_and_counts_take_the_older_ones_place():
    """A row that has a check of its own gets its promise; a reason keeps its words, and counts as no answer."""
    page = (
        "has 9 rows in 9\nfamilies, **9 rows are answered by checks, 9 are not**; each of the 9 says why. "
        "9 checks ask more.\n"
        "## A. One\n| row | what it asks | answered by |\n|---|---|---|\n| a/b | Old. | `a/b` |\n"
        "| a/c | Other. | not run: see `a/b` |\n| a/d | Kept. | `a/b` |\n| - | Old. | `a/e` |\n"
    )
    said = made(page, {"a/b": "New.", "a/e": "Else."})
    assert "has 3 rows in 1\nfamilies, **2 rows are answered by checks, 1 are not**; each of the 1 says why." in said
    assert "1 checks ask more" in said
    assert "| a/b | New. | `a/b` |\n| a/c | Other. | not run: see `a/b` |\n| a/d | Kept. | `a/b` |\n" in said
    assert said.endswith("| - | Else. | `a/e` |\n")


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
    assert [row for row in ROWS if not checks_of(row[2]) and len(row[2].removeprefix(NOT_RUN)) < 30] == []


def test_no_row_is_there_twice():
    """A row stands in one family, and so does a check that asks more than the catalogue."""
    names = [row[0] for row in CATALOGUE]
    assert len(names) == len(set(names))
    besides = [name for row in ROWS if row[0] == "-" for name in checks_of(row[2])]
    assert len(besides) == len(set(besides))


def test_what_is_asked_besides_the_catalogue_answers_none_of_its_rows():
    """A check that answers a row of the catalogue asks no more than that."""
    answering = {name for *_, answer in CATALOGUE for name in checks_of(answer)}
    assert sorted({name for row in ROWS if row[0] == "-" for name in checks_of(row[2])} & answering) == []


def test_a_row_is_answered_by_the_check_of_its_name(declared_checks):
    """A row whose name is a check's is answered by that check, whatever others answer it, too."""
    assert [row[0] for row in CATALOGUE if row[0] in declared_checks and row[0] not in checks_of(row[2])] == []
