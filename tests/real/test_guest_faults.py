"""Faults that need a kernel of their own: what they do to it would meet every other run on this host."""

import pytest

from roadworthy.reports.bundle import read_bundle
from roadworthy.upkeep.reaper import start_time

pytestmark = [pytest.mark.real, pytest.mark.guest]

CHECKS = """
@check("sample/first")
@lower(f=b"lower")
def test_first(stand, fs, observe):
    '''It holds, in control groups of version 2.'''
    mounted = [line.split()[2] for line in stand.machine.guest.run(["cat", "/proc/mounts"]).splitlines()]
    assert observe("kinds", [kind for kind in mounted if kind.startswith("cgroup")]) == ["cgroup2"]
    assert fs.load("f") == b"lower"

@check("sample/jump")
@lower(f=b"lower")
def test_jump(stand, fs):
    '''The clock jumps by an hour while a call waits.'''
    waits = fs.begin("look_often", "none", 3.0)
    stand.machine.guest.run(["date", "--set=+1 hour"])
    waits.answer()
    assert fs.load("f") == b"lower"

@check("sample/blocked")
def test_blocked(stand, fs):
    '''The kernel reports that a process is blocked, while the promise is kept.'''
    stand.machine.guest.run(["sh", "-c", "echo 4 >/proc/sys/kernel/hung_task_timeout_secs"])
    where = str(stand.backing.mountpoint)
    stand.home.start(["sh", "-c", 'sleep 20; fsfreeze --unfreeze "$0"', where], stand.home.runtime / "frozen")
    stand.home.run(["fsfreeze", "--freeze", where])
    fs.store("g", b"more")
    assert fs.load("g") == b"more"
    stand.machine.guest.run(["sh", "-c", "echo 120 >/proc/sys/kernel/hung_task_timeout_secs"])

@check("sample/last")
@lower(f=b"lower")
def test_last(fs):
    '''It holds.'''
    assert fs.load("f") == b"lower"
"""


def test_F19_F36_F40_a_guests_kernel_clock_and_control_groups(start):
    """Control groups may be of version 2 alone; a kernel that reports a blocked process makes one check a crash; a
    clock that jumps by an hour makes no call late.
    """
    run = start(CHECKS, "--kernel=6.1")
    assert run.process.wait(1500) == 1, run.text()[-3000:]
    expected = {"sample/first": "pass", "sample/jump": "pass", "sample/blocked": "crash", "sample/last": "pass"}
    assert run.verdicts() == expected, run.reasons()
    assert "blocked for more than 4 seconds" in run.reasons()["sample/blocked"]
    assert read_bundle(run.bundle).troubles == ()
    run.ledger()
    assert run.left() == []


FROZEN = """
@check("sample/first")
@lower(f=b"lower")
def test_first(fs):
    '''It holds.'''
    assert fs.load("f") == b"lower"

@check("sample/frozen")
def test_frozen(stand, fs):
    '''The file system of the data root is frozen for good, and a call waits for it.'''
    stand.home.run(["fsfreeze", "--freeze", str(stand.backing.mountpoint)])
    fs.store("g", b"more")

@check("sample/last")
@lower(f=b"lower")
def test_last(fs):
    '''It holds.'''
    assert fs.load("f") == b"lower"
"""
SHORT = """
import roadworthy.calls.process
import roadworthy.lane.stand
roadworthy.calls.process.CALL_DEADLINE = 3.0
roadworthy.lane.stand.REMOVAL = 5.0
"""


def test_F12_a_guest_with_a_process_that_nobody_can_end_is_powered_off(start):
    """A call in a guest that no signal ends is a hang; the guest is powered off, and the next check has another."""
    run = start(FROZEN, "--kernel=6.1", conftest=SHORT)
    run.until(lambda: len(run.results()) > 0, 900)
    run.ledger()
    first = run.capsules
    assert run.process.wait(900) == 1, run.text()[-3000:]
    expected = {"sample/first": "pass", "sample/frozen": "hang", "sample/last": "pass"}
    assert run.verdicts() == expected, run.reasons()
    assert "did not return within" in run.reasons()["sample/frozen"]
    assert "the guest is powered off, and another one is booted" in run.text()
    assert [one for one in first if start_time(one["pid"]) == one["started"]] == []
    assert "left behind" not in run.text()
    assert read_bundle(run.bundle).troubles == ()
    assert run.left() == []
