"""The picture of the house in CONTRIBUTING.md is that of the imports, and what the page lists is there."""

import re
import subprocess

import pytest
from picture import BEGIN, END, PAGE, ROOT, drawn, picture, reduced

from roadworthy.programs import ENVIRONMENT

TEXT = PAGE.read_text()


def test_the_picture_is_that_of_the_imports():
    """`make house` would change nothing."""
    assert drawn(TEXT, picture()) == TEXT, "the imports have changed: make house"


def test_the_menu_is_the_makefile_s():
    """What `make help` prints is what the page shows."""
    argv = ["make", "--no-print-directory", "-C", str(ROOT), "help"]
    menu = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout
    assert f"```console\n$ make help\n{menu}```\n" in TEXT


def test_every_test_of_the_house_is_among_the_rules():
    """Whoever adds a rule tells those who have to keep it; a rule that went is told of no more."""
    files = {path.name for path in (ROOT / "tests/house").glob("test_*.py")}
    assert set(re.findall(r"`(test_\w+\.py)`", TEXT)) == files


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", TEXT))))
def test_a_rule_s_test_is_there(name):
    """A rule is named by its test, which can be run by that name."""
    texts = [path.read_text() for path in (ROOT / "tests/house").glob("test_*.py")]
    assert any(re.search(rf"^def {name}\(", text, re.MULTILINE) for text in texts)


def test_an_arrow_that_another_way_implies_is_left_out():
    """The order of rooms is the same with fewer arrows."""
    assert reduced({"a": {"b", "c", "d"}, "b": {"c"}, "c": {"d"}}) == {"a": {"b"}, "b": {"c"}, "c": {"d"}}


def test_a_picture_takes_the_older_one_s_place():
    """What stands around it stays; a page without a place for it is refused."""
    assert drawn(f"above\n{BEGIN}old\n{END}below\n", "new\n") == f"above\n{BEGIN}new\n{END}below\n"
    with pytest.raises(AssertionError, match="no one place"):
        drawn("no marks\n", "new\n")
