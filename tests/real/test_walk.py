"""A run enters the files that docs/architecture.md says, in the order that it says."""

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
#: Writes down which files of the checkout functions are called in; one after the other, once each time.
FOLLOWER = """
import json
import os
import sys

entered, names = [], {{}}

def follow(frame, event, argument):
    path = frame.f_code.co_filename
    if event == "call" and path.startswith("{root}/") and frame.f_code.co_name != "<module>":
        if path not in names:
            names[path] = os.path.relpath(os.path.realpath(path), "{root}")
        if entered[-1:] != [names[path]]:
            entered.append(names[path])

sys.setprofile(follow)

def pytest_unconfigure():
    sys.setprofile(None)
    with open("entered.json", "w") as file:
        json.dump(entered, file)
"""


def test_a_driver_s_name_goes_the_way_that_is_told(start, tmp_path):
    """Every file of the list is entered after the one before it; a file in between may be one that is not told of."""
    told = re.findall(r"^\d+\. `([^`]+)`: ", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)
    run = start(CHECK, conftest=FOLLOWER.format(root=ROOT))
    assert run.end() == 0, run.text()
    entered = iter(json.loads((tmp_path / "entered.json").read_text()))
    assert next((path for path in told if path not in entered), None) is None, "is not entered, or too early"
