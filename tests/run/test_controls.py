"""A control that turns out otherwise than it has to voids the run, whatever pytest says of its checks."""

import tomllib
from pathlib import Path

import pytest

from roadworthy.verdict import deviations as module

CONFORMANCE = Path(module.__file__).parents[1] / "conformance"
CONTROL = """
from roadworthy.calls.answers import Refused
from roadworthy.reasons import Unsupported

@check("sample/control", control={control})
def test_control(declaration_of):
    '''It holds.'''
    if {outcome!r} == "refused":
        raise Refused("rename('a', 'b')", "EXDEV")
    if {outcome!r} == "unsupported":
        raise Unsupported("this driver has none")
"""
RECORDED = """
["sample/control"]
when = { driver = ["overlay2"] }
signature = "rename('a', 'b') was refused with EXDEV"
why = "no redirect"
source = "a document"
"""


@pytest.mark.parametrize(
    ("control", "outcome", "recorded", "code", "void"),
    [
        pytest.param(True, "kept", "", 0, False, id="control-passes"),
        pytest.param(True, "refused", "", 1, True, id="control-fails"),
        pytest.param(True, "refused", RECORDED, 1, True, id="control-is-recorded-as-broken"),
        pytest.param(True, "unsupported", "", 0, False, id="control-is-not-asked"),
        pytest.param(False, "refused", RECORDED, 0, False, id="no-control"),
    ],
)
def test_a_wrong_control_voids_the_run(run, fake_stand, deviations, control, outcome, recorded, code, void):
    """The summary says void, with lane and control, and the run fails even where the break is recorded."""
    deviations(recorded)
    done = run(CONTROL.format(control=control, outcome=outcome))
    assert done.code == code
    assert ("void: " in done.text) == void
    if void:
        assert "sample/control is " in done.text.partition("void: ")[2]


def test_no_control_has_a_recorded_deviation(declared_checks):
    """A control asks what no driver has a hand in, so nothing can be recorded of one."""
    controls = {identity for identity, found in declared_checks.items() if "control" in found}
    entries = [tomllib.loads(path.read_text()) for path in (CONFORMANCE / "deviations").glob("*.toml")]
    recorded = {name.partition("[")[0] for entry in entries for name in entry}
    assert controls
    assert recorded
    assert controls & recorded == set()
