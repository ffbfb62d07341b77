"""docs/architecture.md describes every room of the house in the order of its floors, and a walk through files."""

import re

import pytest
from test_imports import FLOOR, FLOORS, ROOT

PAGE = (ROOT / "docs/architecture.md").read_text()
DESCRIBED = re.findall(r"^- \*\*`([\w.]+)/?`\*\*: ", PAGE, re.MULTILINE)
WALK = re.findall(r"^(\d+)\. `([^`]+)` `[^`]+`: ", PAGE, re.MULTILINE)


def test_every_room_is_described():
    """Each room has its sentence, once, and none stands above a room of a higher floor."""
    rooms = [name.removesuffix(".py") for name in DESCRIBED]
    assert sorted(rooms) == sorted(name for floor in FLOORS for name in floor)
    assert [FLOOR[name] for name in rooms] == sorted(FLOOR[name] for name in rooms)


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_room_is_called_as_it_lies_there(name):
    """A file of the hall has its ending, a wing is a folder."""
    assert (ROOT / "roadworthy" / name).exists()


def test_the_walk_is_counted():
    """Its files are numbered through, and it turns back at most twice."""
    assert [int(number) for number, _ in WALK] == list(range(1, len(WALK) + 1))
    assert len(WALK) > 20
    assert len(re.findall(r"^\*\*The \w+ turn\*\*", PAGE, re.MULTILINE)) == 2
