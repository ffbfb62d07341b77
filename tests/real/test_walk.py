"""A run enters the files that docs/architecture.md says, by the functions and in the order that it says."""

import json
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
CHECK = """
@check("sample/writes")
@lower(f=b"lower")
def test_writes(fs):
    '''What is written is read.'''
    fs.store("f", b"new")
    assert fs.load("f") == b"new"
"""
#: Writes down which functions of the checkout are called.
FOLLOWER = """
import json
import os
import sys

entered, names = [], {{}}

def follow(frame, event, argument):
    code = frame.f_code
    if event == "call" and code.co_filename.startswith("{root}/"):
        if code not in names:
            names[code] = os.path.relpath(os.path.realpath(code.co_filename), "{root}"), code.co_qualname
        entered.append(names[code])

sys.setprofile(follow)

def pytest_unconfigure():
    sys.setprofile(None)
    with open("entered.json", "w") as file:
        json.dump(entered, file)
"""


def test_a_driver_s_name_goes_the_way_that_is_told(start, tmp_path):
    """Every function of the list is called after the one before it; what is called in between may not be told of."""
    page = (ROOT / "docs/architecture.md").read_text()
    told = [list(step) for step in re.findall(r"^\d+\. `([^`]+)` `([^`]+)`: ", page, re.MULTILINE)]
    run = start(CHECK, conftest=FOLLOWER.format(root=ROOT))
    assert run.end() == 0, run.text()
    entered = iter(json.loads((tmp_path / "entered.json").read_text()))
    assert next((step for step in told if step not in entered), None) is None, "is not called, or too early"
