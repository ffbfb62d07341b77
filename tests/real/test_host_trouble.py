"""What happens to our own processes is not the driver's: killed, stopped or continued, it costs one check its verdict.

A person, a script or the kernel may kill or stop any process of a run: the daemon, its containerd, the shim of a
container, an agent, pytest itself. The check that was running is an `error` which names the process; all others get
their verdicts, and no verdict is `hang`.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from roadworthy.deadline import let_pass, wait_until
from roadworthy.machines.watchdog import PROCESS as WATCHDOG
from roadworthy.reports.bundle import read_bundle
from roadworthy.upkeep import reaper

pytestmark = pytest.mark.real

CHECKS = """
@check("sample/before")
@lower(f=b"data")
def test_before(fs):
    '''It holds.'''
    assert fs.load("f") == b"data"

@check("sample/struck")
def test_struck(fs, container):
    '''It is running when something happens.'''
    open("running", "w").close()
    while not os.path.exists("over"):
        fs.getpid()
        container.inspect()

@check("sample/after")
@lower(f=b"data")
def test_after(fs, other):
    '''It holds.'''
    assert fs.load("f") == b"data"

@check("sample/own")
def test_own(containers):
    '''It holds, in a container of its own.'''
    own = containers.process(live := containers.run())
    own.store("g", b"more")
    containers.commit(live.stop())

@check("sample/last")
def test_last(fs):
    '''It holds.'''
    fs.getpid()
"""
#: The verdicts of the checks during which nothing happens.
OTHERS = dict.fromkeys(["sample/before", "sample/after", "sample/own", "sample/last"], "pass")
SHORT = "import roadworthy.calls.process\nroadworthy.calls.process.CALL_DEADLINE = 3.0\n"
DRIVER = os.environ.get("ROADWORTHY_STRUCK_DRIVER", "overlay2")


def processes(run, program):
    """The processes of a run with this name, which may be the beginning of one, by their numbers on this host."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            named = (process / "comm").read_text().strip() == program
            if named and any(run.run in word for word in command_line(process.name)):
                found.append(int(process.name))
    return found


def command_line(pid):
    """The words of a process's command line; none if there is no such process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    return []


def watchdog(run):
    """The watchdog of a run, which is the last word of its command line."""
    every = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    (found,) = [pid for pid in every if command_line(pid)[-3:-1] == [str(WATCHDOG), str(run.process.pid)]]
    return found


def stop(pid):
    """Stop a process, and see that it is stopped."""
    os.kill(pid, signal.SIGSTOP)
    status = Path(f"/proc/{pid}/stat")
    wait_until(lambda: status.read_text().rpartition(")")[2].split()[0] == "T", 10, f"process {pid} to stop")


def struck(start, directory, act, text=CHECKS, conftest="", seconds=15, options=()):
    """A whole run during whose second check `act` is called; it has ended, and left nothing.

    The struck check is told that it is over once it has ended, or after so many seconds.
    """
    run = start(text, *options, conftest=conftest, driver=DRIVER)
    run.until(lambda: (directory / "running").exists(), 600)
    run.ledger()
    act(run)
    with suppress(TimeoutError):
        wait_until(lambda: len(run.results()) > 1, seconds, "the check to end by itself")
    assert "containerd is still running" not in run.log()  # a daemon that finds a dying one waits for it in vain
    (directory / "over").touch()
    run.process.wait(400 + seconds)
    assert "INTERNALERROR" not in run.text()
    assert read_bundle(run.bundle).troubles == ()
    assert run.left() == []
    return run


@pytest.mark.parametrize("program", ["containerd-shim", "containerd"])
def test_F11_a_killed_part_of_the_engine_costs_one_check(start, tmp_path, program):
    """The shim of the container in which a check runs, and the containerd, which the daemon replaces by itself."""
    pids = []

    def act(run):
        let_pass(1)  # the watchdog looks twice a second: it knows nothing of who comes and goes between two looks
        pids.extend(processes(run, program))
        os.kill(pids[0], signal.SIGKILL)

    run = struck(start, tmp_path, act)
    assert run.verdicts() == {**OTHERS, "sample/struck": "error"}
    assert f"{program} {pids[0]} of the lane was killed by signal 9" in run.reasons()["sample/struck"]


@pytest.mark.parametrize("program", ["dockerd", "containerd", "containerd-shim"])
def test_a_stopped_daemon_is_replaced_and_costs_one_check(start, tmp_path, program):
    """It is not continued, because nobody knows what it missed; and nobody waits for its answers."""
    pids = []

    def act(run):
        pids.extend(processes(run, program))
        stop(pids[0])

    run = struck(start, tmp_path, act)
    assert run.verdicts() == {**OTHERS, "sample/struck": "error"}
    assert f"{program} {pids[0]} of the lane was stopped (state T)" in run.reasons()["sample/struck"]


def test_a_killed_shim_of_a_second_daemon_is_an_error(start, tmp_path):
    """A check may stop and kill a daemon of its own; what others do to its containers is no fault of the driver."""
    text = CHECKS.replace("(fs, container)", "(lane_daemon, own_containers)").replace(
        'open("running"',
        """lane_daemon.engine.restart(kill=True)
    fs = own_containers.process(container := own_containers.run())
    open("running\"""",
    )
    pids = []

    def act(run):
        let_pass(1)
        pids.extend(pid for pid in processes(run, "containerd-shim") if f"/{run.run}/2/" in " ".join(command_line(pid)))
        os.kill(pids[0], signal.SIGKILL)

    run = struck(start, tmp_path, act, text)
    assert run.verdicts() == {**OTHERS, "sample/struck": "error"}
    assert f"containerd-shim {pids[0]} of the lane was killed by signal 9" in run.reasons()["sample/struck"]


def test_no_deadline_runs_while_the_run_is_stopped(start, tmp_path):
    """An answer that came while pytest was stopped, for longer than the call's deadline, is taken."""

    def act(run):
        let_pass(1)  # it waits for the answer then
        stop(run.process.pid)
        let_pass(6)
        (tmp_path / "over").touch()
        os.kill(run.process.pid, signal.SIGCONT)

    text = CHECKS.replace("fs.getpid()", 'fs.begin("look_often", "none", 2.0).answer(4.0)')
    run = struck(start, tmp_path, act, text)
    assert run.verdicts() == {**OTHERS, "sample/struck": "pass"}


LATE = """
import time

@check("sample/before")
def test_before(fs):
    '''It holds.'''
    fs.getpid()

@check("sample/struck")
def test_struck(fs, observe):
    '''It takes less than three seconds.'''
    begun = time.monotonic()
    open("running", "w").close()
    while not os.path.exists("over"):
        fs.getpid()
    assert observe("seconds", time.monotonic() - begun) < 3

@check("sample/after")
def test_after(fs):
    '''It holds.'''
    fs.getpid()
"""


def test_what_breaks_while_the_run_is_stopped_is_an_error(start, tmp_path):
    """A check that fails says nothing about the driver if pytest was stopped meanwhile."""

    def act(run):
        stop(run.process.pid)
        let_pass(5)
        (tmp_path / "over").touch()
        os.kill(run.process.pid, signal.SIGCONT)

    run = struck(start, tmp_path, act, LATE)
    assert run.verdicts() == {"sample/before": "pass", "sample/struck": "error", "sample/after": "pass"}
    assert "this run itself was stopped for 5 s" in run.reasons()["sample/struck"]


def test_a_stopped_agent_is_an_error(start, tmp_path):
    """A process in a container that somebody stopped answers nothing, which is no fault of the driver."""
    stopped = 'fs.begin("kill", fs.getpid(), 19)\n    open("running"'
    run = struck(start, tmp_path, lambda run: None, CHECKS.replace('open("running"', stopped), SHORT)
    assert run.verdicts() == {**OTHERS, "sample/struck": "error"}
    assert "in a container of the lane is stopped (state T)" in run.reasons()["sample/struck"]


@pytest.mark.guest
def test_a_stopped_virtual_machine_costs_one_check(start, tmp_path):
    """QEMU is killed, and the machine is booted again: a guest that was stopped for long has wrong clocks."""
    pids = []

    def act(run):
        pids.extend(processes(run, "qemu-system-x86"))
        stop(pids[0])

    run = struck(start, tmp_path, act, seconds=1200, options=("--kernel=6.1",))
    assert run.verdicts() == {**OTHERS, "sample/struck": "error"}
    assert f"qemu-system-x86 {pids[0]} of the lane was stopped (state T)" in run.reasons()["sample/struck"]


def test_a_killed_run_with_a_stopped_daemon_leaves_nothing(start, tmp_path):
    """A stopped daemon stops the nsenter(1) above it, which then reaps nobody; the capsule ends all the same."""
    run = start(CHECKS, "-q")
    run.until(lambda: (tmp_path / "running").exists(), 300)
    run.ledger()
    for pid in processes(run, "dockerd"):
        os.kill(pid, signal.SIGSTOP)
    for pid in processes(run, "nsenter"):
        os.kill(pid, signal.SIGSTOP)
    seen = watchdog(run)
    os.kill(seen, signal.SIGSTOP)
    run.process.kill()
    run.process.wait(10)
    found = [one for one in run.alive() if not one.startswith("loop")]
    wait_until(lambda: not set(found) & set(run.alive()), 20, f"{found} to go with the run")
    wait_until(lambda: not command_line(seen), 5, "the watchdog to go with the run")
    reaper.reap()
    wait_until(lambda: run.left() == [], 20, "the reaper")
