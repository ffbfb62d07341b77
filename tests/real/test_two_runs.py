"""Two runs at once on one host."""

import pytest

from roadworthy.deadline import wait_until
from roadworthy.reports.bundle import read_bundle

pytestmark = pytest.mark.real

CHECKS = """
from roadworthy.deadline import wait_until

@check("sample/first")
@lower(f=b"lower")
def test_first(fs):
    '''It holds.'''
    assert fs.load("f") == b"lower"
    open("up", "w").close()
    wait_until(lambda: os.path.exists("both"), 120, "the other run")

@check("sample/last")
@lower(f=b"lower")
def test_last(fs):
    '''It holds.'''
    fs.store("f", b"upper")
    assert fs.load("f") == b"upper"
"""


def test_F34_two_runs_at_once_share_nothing(start, tmp_path):
    """Two runs with the same checks on one driver have disjoint directories, sockets and devices; both are green."""
    runs, side_by_side = [], [tmp_path / "one", tmp_path / "two"]
    for directory in side_by_side:
        directory.mkdir()
        runs.append(start(CHECKS, directory=directory))
    for run, directory in zip(runs, side_by_side, strict=True):
        run.until(lambda up=directory / "up": up.exists(), 180)
        run.ledger()
    one, two = ({str(item.identity) for item in run.ledger()} for run in runs)
    assert one
    assert not one & two
    for directory in side_by_side:
        (directory / "both").touch()
    for run in runs:
        assert run.process.wait(120) == 0, run.text()
        assert read_bundle(run.bundle).troubles == ()
        wait_until(lambda run=run: run.left() == [], 20, "the run to be gone")
