"""A call that never returns, a process that dies, a daemon that dies: their verdicts, and the run goes on."""

import re

import pytest

from roadworthy.reports.bundle import read_bundle

pytestmark = pytest.mark.real

SHORT = "import roadworthy.calls.process\nroadworthy.calls.process.CALL_DEADLINE = 1.0\n"


def test_F14_a_call_that_never_returns_is_a_hang_and_the_next_check_is_asked(start):
    """A hung call is `hang` with the call's name; the next check has a fresh container."""
    run = start(
        """
@check("sample/before")
def test_before(fs, container, observe):
    '''It holds.'''
    observe("container", container.id)

@check("sample/hangs")
def test_hangs(fs, container, observe):
    '''It never returns.'''
    observe("container", container.id)
    fs.mkfifo("p")
    reader = fs.open("p", os.O_RDWR)
    fs.read(reader, 1)

@check("sample/after")
@lower(f=b"data")
def test_after(fs, container, observe):
    '''It holds.'''
    observe("container", container.id)
    assert fs.load("f") == b"data"
""",
        conftest=SHORT,
    )
    assert run.end() == 1
    assert run.verdicts() == {"sample/before": "pass", "sample/hangs": "hang", "sample/after": "pass"}
    assert "read(" in run.reasons()["sample/hangs"]
    assert "did not return within 1 s" in run.reasons()["sample/hangs"]
    before, hangs, after = (result["observations"][0]["value"] for result in run.results())
    assert before == hangs != after
    assert read_bundle(run.bundle).troubles == ()
    assert run.left() == []


def test_F17_a_process_that_is_killed_is_an_error_and_not_the_drivers(start):
    """A process of the container that somebody kills is an error, and the next check is asked."""
    run = start("""
@check("sample/killed")
def test_killed(fs, other):
    '''It is killed.'''
    other.run("/toolbox/bin/no-such-program")
    pid = fs.getpid()
    other.begin("kill", pid, 9).answer()
    fs.getcwd()

@check("sample/after")
def test_after(fs):
    '''It holds.'''
    assert fs
""")
    assert run.end() == 1
    assert run.verdicts() == {"sample/killed": "error", "sample/after": "pass"}
    assert run.left() == []


def test_F07_a_daemon_that_dies_is_an_error_and_the_next_check_is_asked(start):
    """A daemon killed in a check is an error with the engine as its cause; it is started again for the next check."""
    run = start("""
@check("sample/before")
def test_before(fs):
    '''It holds.'''
    assert fs

@check("sample/dies")
def test_dies(fs, engine):
    '''The daemon is killed under it.'''
    engine.stop(kill=True)
    fs.getpid()

@check("sample/after")
@lower(f=b"data")
def test_after(fs):
    '''It holds.'''
    assert fs.load("f") == b"data"
""")
    assert run.end() == 1
    assert run.verdicts() == {"sample/before": "pass", "sample/dies": "error", "sample/after": "pass"}
    # The watchdog says how it ended if it has seen it before: it looks twice a second, and this daemon is young.
    said = r"dockerd (\d+ of the lane was killed by signal 9; the engine's last words: |died: )"
    assert re.search(said, run.reasons()["sample/dies"])
    assert "INTERNALERROR" not in run.text()
    assert read_bundle(run.bundle).troubles == ()
    assert run.left() == []
