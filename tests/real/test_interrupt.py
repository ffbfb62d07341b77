"""Ctrl-C in the middle of a check: an error in the bundle, and a clean host."""

import os
import signal

import pytest

from roadworthy.reports.bundle import read_bundle

pytestmark = pytest.mark.real

BLOCKING = """
@check("sample/first")
def test_first(fs):
    '''It holds.'''

@check("sample/blocks")
def test_blocks(fs):
    '''It never returns.'''
    fs.mkfifo("p")
    open("blocked", "w").close()
    fs.open("p", os.O_RDONLY)

@check("sample/last")
def test_last(fs):
    '''It is not asked.'''
"""


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 2), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, 131)],
    ids=["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"],
)
def test_an_interrupted_run_is_closed_and_clean(start, tmp_path, number, status):
    """The blocked check is an error, the first one keeps its verdict, the bundle is closed, and nothing is left."""
    run = start(BLOCKING)
    run.until(lambda: (tmp_path / "blocked").exists())
    run.ledger()
    run.process.send_signal(number)
    assert run.process.wait(30) == status
    assert run.verdicts() == {"sample/first": "pass", "sample/blocks": "error"}
    assert run.reasons()["sample/blocks"] == "interrupted"
    found = read_bundle(run.bundle)
    assert found.troubles == ()
    assert found.end.exit_status == status
    assert (run.bundle / "index.html").exists()
    assert "Traceback" not in run.text()
    assert run.left() == []


def test_a_run_that_is_to_outlive_its_terminal_does(start, tmp_path):
    """Below nohup(1), SIGHUP ends nothing."""
    run = start(BLOCKING, before=["env", "--ignore-signal=HUP"])
    run.until(lambda: (tmp_path / "blocked").exists())
    run.process.send_signal(signal.SIGHUP)
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(30) == 128 + signal.SIGTERM
    assert run.left() == []


def test_an_interrupt_while_the_daemon_starts_is_clean(start):
    """An interrupt before the first check ends the run with nothing left, too."""
    run = start(BLOCKING)
    run.until(lambda: bool(run.ledger()) and os.path.exists(f"/run/roadworthy/{run.run}/1/log"))
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(30) == 2
    assert run.verdicts() == {"sample/first": "error"}
    assert read_bundle(run.bundle).troubles == ()
    assert run.left() == []
