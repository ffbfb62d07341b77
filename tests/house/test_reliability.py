"""docs/reliability.md has every fault with the tests that show what holds, or the reason why there is none."""

from reliability_page import NO_TEST, PAGE, answering, cells, made

RELIABILITY = PAGE.read_text()
ROWS = [row for line in RELIABILITY.splitlines() if (row := cells(line))]


def test_the_faults_page_is_what_the_tests_say():
    """What holds is what the tests of a row say, and the counts are those of the table."""
    assert made(RELIABILITY, answering()) == RELIABILITY, "the tests have changed: make reliability"


def test_every_fault_has_a_test_or_a_reason():
    """The table has all 64 faults in their order; one without a test says why."""
    assert [row[0] for row in ROWS] == [f"F{number:02}" for number in range(1, 65)]
    answered = set(answering())
    assert [row[0] for row in ROWS if row[0] not in answered and len(row[2].removeprefix(NO_TEST)) < 40] == []
    assert [row[0] for row in ROWS if row[0] not in answered and not row[2].startswith(NO_TEST)] == []
    assert answered - {row[0] for row in ROWS} == set()


def test_what_answers_a_fault_says_what_holds():
    """A test whose name has the number of a row has a docstring."""
    assert [test for found in answering().values() for test, said, _ in found if not said.endswith(".")] == []


def test_a_row_is_made_of_its_answering():
    """A row takes the words, the names and the needs of its tests; a reason stays while there is no test."""
    page = (
        "has 9 faults: **9 have a test, 0 have a reason**\n| F01 | cut | old | old |\n| F02 | - | no test: why | - |\n"
    )
    answers = {"F01": [("tests/a.py::test_F01_x", "It holds.", ["real"]), ("tests/b.py::test_F01_y", "So.", [])]}
    assert made(page, answers) == (
        "has 2 faults: **1 have a test, 1 have a reason**\n"
        "| F01 | cut | It holds. So. | [`test_F01_x`](../tests/a.py) (root), [`test_F01_y`](../tests/b.py) |\n"
        "| F02 | - | no test: why | - |\n"
    )
