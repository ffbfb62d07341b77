"""A clock that stands still while its process does, and deadlines that are read from it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from roadworthy.clock import BEAT, LATE, RunningClock
from roadworthy.deadline import let_pass


@pytest.fixture
def told():
    """The times that the clock below tells, and the clock that is made of it."""
    times = [100.0]
    return times, RunningClock(lambda: times[0], beats=False)


def test_it_counts_the_time_between_readings(told):
    """Readings that lie close together tell the time between them."""
    times, clock = told
    begun = clock()
    for _ in range(10):
        times[0] += LATE
        clock()
    assert clock() - begun == pytest.approx(10 * LATE)


def test_a_stop_counts_as_a_beat(told):
    """A long time without a reading is not this process's, and the clock never goes back."""
    times, clock = told
    begun = clock()
    times[0] += 70
    assert clock() - begun == pytest.approx(BEAT)
    times[0] += 0.5
    assert clock() - begun == pytest.approx(BEAT + 0.5)


def test_nobody_has_to_read_it():
    """It reads itself, so that a long call of ours counts in full."""
    clock = RunningClock()
    begun, told = clock(), time.monotonic()
    let_pass(LATE + 0.5)
    assert clock() - begun == pytest.approx(time.monotonic() - told, abs=0.1)


def test_a_fork_has_a_clock_of_its_own():
    """A fork has no threads; its clock goes on nevertheless."""
    text = """
import os
from roadworthy.clock import LATE, running
from roadworthy.deadline import let_pass
running()
child = os.fork()
if child == 0:
    begun = running()
    let_pass(LATE + 0.5)
    os._exit(running() - begun < LATE)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", text], timeout=30, check=False).returncode == 0


STOPPED = {
    "wait_until": "from roadworthy.deadline import wait_until\nend = time.monotonic() + 2.5\n"
                  "wait_until(lambda: time.monotonic() > end, 2.0, 'an answer')",
    "run": "from roadworthy.programs import run\nrun(['sleep', '1.5'], 2.0)",
}  # fmt: skip


@pytest.mark.parametrize("way", STOPPED)
def test_F37_no_deadline_passes_while_this_process_is_stopped(way):
    """What comes while nobody can look for it is not late."""
    text = f"import time\nprint(flush=True)\n{STOPPED[way]}"
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE) as stopped:
        assert stopped.stdout.readline() == b"\n"
        let_pass(0.5)
        os.kill(stopped.pid, signal.SIGSTOP)
        let_pass(3)
        os.kill(stopped.pid, signal.SIGCONT)
    assert stopped.returncode == 0
