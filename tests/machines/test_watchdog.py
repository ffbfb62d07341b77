"""What the watchdog sees of processes in a capsule, and what it does about it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from roadworthy.deadline import let_pass, wait_until
from roadworthy.machines import watchdog as watchdog_module
from roadworthy.machines import watchdog_process
from roadworthy.machines.capsule import Capsule
from roadworthy.machines.watchdog import Sight, Watchdog, Watched
from roadworthy.upkeep.ledger import Ledger

real = pytest.mark.real
LASTING = {"daemon": "any", "shim": "signal", "server": "outside"}
#: A process with a name, for a while, that ends with a status.
ACTOR = 'printf %s "$1" >/proc/$$/comm; sleep "$2" & wait; exit "$3"'


@pytest.fixture
def capsule(tmp_path):
    ledger = Ledger(tmp_path / "ledgers")
    made = Capsule(ledger, runtime=tmp_path)
    yield made
    made.close()
    ledger.close()


@pytest.fixture
def watchdog():
    made = Watchdog()
    yield made
    made.close()


def started(capsule, name, seconds=60, status=0):
    """Start a process of this name in the capsule: its number on this host, and nsenter(1) above it."""
    outer = capsule.start(["sh", "-c", ACTOR, "sh", name, str(seconds), str(status)], capsule.runtime / "log")
    below = []

    def named():
        below[:] = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if parent(pid) == outer.pid]
        return below and Path(f"/proc/{below[0]}/comm").read_text().strip() == name

    wait_until(named, 10, f"{name} to run")
    let_pass(watchdog_process.NAMED)
    return below[0], outer


def parent(pid):
    found = watchdog_process.status(pid)
    return int(found[1][1]) if found else 0


def trouble(watchdog):
    """What the watchdog says of the engine, once it does."""
    found = [""]
    wait_until(lambda: found.append(watchdog.look("lane").engine) or found[-1], 10, "trouble")
    return found[-1]


def ended(outer, seconds=5):
    wait_until(lambda: outer.poll() is not None, seconds, "a process to end")
    return outer.returncode


@real
def test_a_process_that_is_killed_ends_the_engine(capsule, watchdog):
    """A shim that a signal ended is named, and the daemon goes with it; what follows from that is no news."""
    daemon = started(capsule, "daemon")[1]
    shim, _ = started(capsule, "shim")
    watchdog.watch("lane", Watched(capsule.pid, LASTING, ("daemon",)))
    assert watchdog.look("lane") == Sight()
    os.kill(shim, signal.SIGUSR1)
    assert trouble(watchdog) == f"shim {shim} of the lane was killed by signal {signal.SIGUSR1:d}"
    assert ended(daemon) == -signal.SIGKILL
    assert watchdog.look("lane") == Sight()


@real
@pytest.mark.parametrize("stopped", ["daemon", "shim"])
def test_a_process_that_stays_stopped_ends_the_engine(capsule, watchdog, stopped):
    """It is not continued but killed, and so is the daemon; nsenter(1), which stopped with it, sees its end."""
    programs = {name: started(capsule, name) for name in ("daemon", "shim")}
    watchdog.watch("lane", Watched(capsule.pid, LASTING, ("daemon",)))
    pid, outer = programs[stopped]
    os.kill(pid, signal.SIGSTOP)
    assert trouble(watchdog) == f"{stopped} {pid} of the lane was stopped (state T)"
    assert ended(outer) == ended(programs["daemon"][1]) == -signal.SIGKILL


@real
def test_a_short_stop_is_no_trouble(capsule, watchdog):
    """A debugger may stop a process for a moment."""
    pid, outer = started(capsule, "daemon")
    watchdog.watch("lane", Watched(capsule.pid, LASTING, ("daemon",)))
    os.kill(pid, signal.SIGSTOP)
    let_pass(0.8)
    assert watchdog.look("lane") == Sight()
    os.kill(pid, signal.SIGCONT)
    let_pass(2.5)
    assert watchdog.look("lane") == Sight()
    assert outer.poll() is None


@real
def test_an_nsenter_that_is_stopped_alone_is_continued(capsule, watchdog):
    """Else it would not see the end of the program that it has started."""
    pid, outer = started(capsule, "daemon")
    watchdog.watch("lane", Watched(capsule.pid, LASTING, ("daemon",)))
    os.kill(outer.pid, signal.SIGSTOP)
    let_pass(1.2)
    os.kill(pid, signal.SIGUSR1)
    assert ended(outer) == -signal.SIGUSR1
    assert trouble(watchdog) == f"daemon {pid} of the lane was killed by signal {signal.SIGUSR1:d}"


@real
@pytest.mark.parametrize(
    ("name", "number", "said"),
    [
        ("daemon", 0, "ended with 3"), ("shim", 0, ""), ("shim", signal.SIGSEGV, "was killed by signal 11"),
        ("server", signal.SIGSEGV, ""), ("server", signal.SIGTERM, "was killed by signal 15"),
    ],
)  # fmt: skip
def test_which_ends_are_trouble(capsule, watchdog, name, number, said):
    """A daemon stays, a shim may leave by itself, and a driver's own server may crash, which is the driver's fault."""
    pid, outer = started(capsule, name, 60 if number else 2, 3)
    watchdog.watch("lane", Watched(capsule.pid, LASTING, ("daemon",)))
    if number:
        os.kill(pid, number)
    ended(outer)
    wanted = f"{name} {pid} of the lane {said}"
    assert watchdog.look("lane").troubles == ((wanted,) if said else ())


@real
def test_an_orphan_of_a_capsule_is_seen_as_it_ends(capsule, monkeypatch):
    """Kernels before 6.15 forget how a process ended; the capsule's first process gives the watchdog time to see it."""
    monkeypatch.setattr(watchdog_process, "exit_status", lambda descriptor: None)
    capsule.run(["sh", "-c", '(sh -c "$@" >/dev/null 2>&1 &)', "sh", ACTOR, "sh", "shim", "60", "0"])
    dog = watchdog_process.Watchdog(os.getpid())
    dog.poll.unregister(0)
    dog.answer({"watch": "lane", "pid": capsule.pid, "lasting": LASTING, "end": []})

    def shims():
        dog.tick()
        return [process for process in dog.processes() if process.descriptor >= 0]

    wait_until(lambda: bool(shims()), 10, "the shim to run")
    (shim,) = shims()
    os.kill(shim.pid, signal.SIGKILL)
    assert [descriptor for descriptor, _ in dog.poll.poll(5000)] == [shim.descriptor]
    assert dog.look("lane")["troubles"] == [f"shim {shim.pid} of the lane was killed by signal 9"]
    wait_until(lambda: watchdog_process.status(shim.pid) is None, 5, "the shim to be reaped")


@real
def test_a_stopped_process_of_a_container_is_told(capsule, watchdog):
    """It is in a process namespace below the capsule's, and nobody ends it."""
    outer = capsule.start(["unshare", "--pid", "--fork", "sleep", "60"], capsule.runtime / "log")
    watchdog.watch("lane", Watched(capsule.pid, LASTING, ("daemon",)))
    below = []

    def there():
        below[:] = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                    if parent(parent(pid)) == outer.pid]  # fmt: skip
        return bool(below)

    wait_until(there, 10, "a process in a namespace of its own")
    os.kill(below[0], signal.SIGSTOP)
    wait_until(lambda: bool(watchdog.look("lane").inside), 5, "it to be told")
    (said,) = watchdog.look("lane").inside
    assert said == f"sleep {below[0]} in a container of the lane is stopped (state T)"
    assert watchdog.look("lane").explains(silent=True) == said
    assert watchdog.look("lane").explains(silent=False) == ""


@real
def test_what_is_forgotten_is_no_trouble(capsule, watchdog):
    """A lane that goes down loses all of its processes."""
    pid, outer = started(capsule, "daemon")
    watchdog.watch("lane", Watched(capsule.pid, LASTING, ("daemon",)))
    watchdog.forget("lane")
    os.kill(pid, signal.SIGKILL)
    ended(outer)
    assert watchdog.look("lane") == Sight()


@real
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_watchdog_that_is_gone_has_a_successor(capsule, watchdog, monkeypatch, number):
    """A watchdog that was killed or stopped is replaced, and the lane is watched as before."""
    monkeypatch.setattr("roadworthy.machines.watchdog.ANSWER", 1.0)
    pid, _ = started(capsule, "daemon")
    watchdog.watch("lane", Watched(capsule.pid, LASTING, ("daemon",)))
    first = watchdog._process.pid
    os.kill(first, number)
    assert watchdog.look("lane") == Sight()
    assert watchdog._process.pid != first
    assert watchdog_process.status(first) is None
    os.kill(pid, signal.SIGKILL)
    assert trouble(watchdog) == f"daemon {pid} of the lane was killed by signal 9"


RUN = """
import os, sys
from roadworthy.machines.watchdog import Watchdog, Watched
watchdog = Watchdog()
watchdog.watch("lane", Watched(os.getpid(), {}, ()))
print(watchdog._process.pid, flush=True)
for line in sys.stdin:
    print(watchdog.look("lane").explains(silent=False), flush=True)
"""


@pytest.fixture
def a_run():
    """A process with a watchdog, and the watchdog's number."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as made:
        yield made, int(made.stdout.readline())
        made.kill()


def test_a_run_that_was_stopped_is_told(a_run):
    """The seconds for which the run was stopped, once."""
    run, _ = a_run
    os.kill(run.pid, signal.SIGSTOP)
    let_pass(2.2)
    os.kill(run.pid, signal.SIGCONT)
    run.stdin.write("\n\n")
    assert run.stdout.readline() == "this run itself was stopped for 2 s\n"
    assert run.stdout.readline() == "\n"


def test_a_watchdog_that_came_late_tells_it(a_run):
    """Whatever gave it no processor, as a suspended host does, gave the others none."""
    run, watchdog = a_run
    os.kill(watchdog, signal.SIGSTOP)
    let_pass(6.2)
    os.kill(watchdog, signal.SIGCONT)
    run.stdin.write("\n\n")
    assert re.fullmatch(r"this host gave the run's watchdog no processor for [67] s\n", run.stdout.readline())
    assert run.stdout.readline() == "\n"


@pytest.mark.parametrize("stopped", [False, True])
def test_a_watchdog_dies_with_its_run(a_run, stopped):
    """The kernel ends it even if it is stopped, and does not see the end of its input."""
    run, watchdog = a_run
    if stopped:
        os.kill(watchdog, signal.SIGSTOP)
    run.kill()
    run.wait()
    wait_until(lambda: watchdog_process.status(watchdog) is None, 5, "the watchdog to end")


def test_a_watchdog_that_cannot_be_begun_is_told_once(monkeypatch):
    """Whoever wants an engine watched hears why it is not; from then on there is nothing to see, and nothing to ask."""

    def fails(*_, **__):
        raise OSError(11, "Resource temporarily unavailable")

    made = Watchdog()
    monkeypatch.setattr(watchdog_module.subprocess, "Popen", fails)
    with pytest.raises(OSError, match="temporarily unavailable"):
        made.watch("lane", Watched(1, LASTING, ("daemon",)))
    made.forget("lane")
    assert made.look("lane") == Sight()
    made.close()
