"""Mutants of the suite's own code: each is one change, and what is said to make no difference is one of them."""

import ast
from pathlib import Path

import pytest
from mutate import EQUIVALENT, MODULES, equivalent, mutants, noticed, tomllib

ROOT = Path(__file__).parents[2]


def test_a_mutant_is_one_change():
    """Of a comparison, an operator, a constant and what is returned, by the function that it is in."""
    source = "def f(a):\n    if not a < 1 and True:\n        return a + 2\n    return False\n"
    found = {change.split(": ", 1)[1]: ast.unparse(ast.parse(text)).splitlines() for _, change, text in mutants(source)}
    assert "a < 1  ->  a <= 1" in found
    assert found["a + 2  ->  a - 2"] == [
        "def f(a):",
        "    if not a < 1 and True:",
        "        return a - 2",
        "    return False",
    ]
    assert {"not a < 1 and True  ->  not a < 1 or True", "not a < 1  ->  not not a < 1", "True  ->  False", "1  ->  2",
            "2  ->  3", "False  ->  True", "return a + 2  ->  return None"} < found.keys()  # fmt: skip
    assert len(found) == 9
    assert {change.split(": ")[0] for _, change, _ in mutants(source)} == {"f"}


@pytest.mark.parametrize("module", tomllib.loads(EQUIVALENT.read_text()))
def test_what_makes_no_difference_is_a_change_of_today(module):
    """An entry whose code has changed says nothing any more."""
    today = {change for _, change, _ in mutants((ROOT / module).read_text())}
    assert not equivalent(module).keys() - today
    assert all(len(reason) > 20 for reason in equivalent(module).values())


def test_what_makes_no_difference_is_of_a_module_that_is_changed():
    """A module that nobody changes has no entries."""
    assert tomllib.loads(EQUIVALENT.read_text()).keys() <= MODULES.keys()


def test_a_failure_of_the_tests_is_noticed(tmp_path):
    """And a success is none."""
    (tmp_path / "test_it.py").write_text("def test_it():\n    assert 1 + 1 == 2\n")
    assert not noticed(tmp_path, ["test_it.py"])
    (tmp_path / "test_it.py").write_text("def test_it():\n    assert 1 + 1 == 3\n")
    assert noticed(tmp_path, ["test_it.py"])
