"""Counting system calls: the tracer's table, what is left out of a total, and the processes that it is put upon."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from roadworthy.calls.toolbox import Toolbox
from roadworthy.measuring import system_calls
from roadworthy.measuring.system_calls import (
    ENGINE,
    NotAsked,
    NotCounted,
    SystemCalls,
    metric_of,
    of_fio,
    parsed,
    total,
)
from roadworthy.programs import run
from roadworthy.supplies.packages import needs

TABLE = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 71.43    0.000020           2        10           newfstatat
 28.57    0.000008           2         3         1 openat
  0.00    0.000000           0         5           futex
------ ----------- ----------- --------- --------- ----------------
100.00    0.000028           1        18         1 total
"""


def test_the_tracer_s_table_is_read():
    """Calls that failed are calls; the last line is none."""
    assert parsed(TABLE) == {"newfstatat": 10, "openat": 3, "futex": 5}
    assert parsed("") == {}


def test_waiting_and_memory_are_not_in_the_total():
    """How often a program waited is no matter of its work."""
    assert total(parsed(TABLE)) == 13


def test_of_fio_its_job_is_counted():
    """It looks at the machine before it begins, and that has nothing to do with the file."""
    assert of_fio({"": {"pread64": 260, "openat": 188, "fsync": 1}, "server": {"read": 9}}) == {
        "": {"pread64": 260, "fsync": 1}, "server": {"read": 9},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("timed", "whose", "name"),
    [
        ("time per stat", "", "system calls per stat"),
        ("time to create", ENGINE, "system calls to create, the engine"),
        ("next container to read a MiB", "", "system calls, next container to read a MiB"),
    ],
)
def test_a_count_is_called_after_the_time(timed, whose, name):
    """So that both are found together."""
    assert metric_of(timed, whose) == name


class Here:
    """This machine as a place, with programs that are started in it."""

    scale = 1.0

    def __init__(self, runtime, tools):
        self.runtime, self.tools = runtime, tools

    def run(self, argv, seconds=60):
        return run(argv, seconds)

    def start(self, argv, log):
        with Path(log).open("ab") as output:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def path(self, inside):
        return Path(inside)

    def toolbox(self, tools):
        return str(self.tools)


@pytest.fixture
def strace():
    if not shutil.which("strace"):
        pytest.skip(needs("strace"))


@pytest.fixture
def tools(tmp_path):
    """A toolbox whose loader runs this machine's strace."""
    for name, text in {"lib/ld.so": 'shift 2; exec "$@"', "bin/strace": 'exec strace "$@"'}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


@pytest.fixture
def ticking(tmp_path, strace):
    """A process of a name of its own that looks at a file again and again."""
    program = tmp_path / f"ticking-{os.getpid()}"
    program.symlink_to("/bin/sh")
    # A subshell, because dash starts a simple command with vfork(2), for which strace may wait for ever.
    running = subprocess.Popen([program, "-c", "while :; do [ -e /nowhere ] || (exec sleep 0.01); done"])
    yield running.pid
    running.kill()
    running.wait()


def calls_of(tools, daemon, *programs, monkeypatch):
    """Nothing but the process itself: other daemons of this machine are not ours to trace."""
    monkeypatch.setattr(SystemCalls, "_named", lambda self, name: [])
    return SystemCalls(Here(tools, tools), Toolbox(tools, "ld.so", frozenset(programs)), "report", lambda: daemon)


def seen(calls):
    with calls.of_engine() as found:
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            with calls.of_engine() as inner:
                assert inner == {}, "a block that is counted counts nothing by itself"
    return found


def test_a_process_that_runs_is_watched_for_a_while(monkeypatch, tools, ticking):
    """What it and its children do while the block runs is counted, and it goes on afterwards."""
    calls = calls_of(tools, ticking, "strace", monkeypatch=monkeypatch)
    for _ in range(2):
        found = seen(calls)[ENGINE]
        assert found["execve"] >= 1
        assert sum(found.values()) > 10


def test_a_process_that_is_gone_by_then_is_not_waited_for(monkeypatch, tools, ticking):
    """The others are counted."""
    calls = calls_of(tools, ticking, "strace", monkeypatch=monkeypatch)
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    monkeypatch.setattr(calls, "_named", lambda name: [str(gone.pid)])
    assert seen(calls)[ENGINE]["execve"] >= 1


def test_processes_are_found_by_their_whole_name(tools, ticking):
    """A driver's server comes with the first container, and none is nothing to be counted."""
    calls = SystemCalls(Here(tools, tools), Toolbox(tools, "ld.so", frozenset({"strace"})), "report", lambda: 0)
    assert str(ticking) in calls._named(f"ticking-{os.getpid()}")  # and its child, until that becomes sleep(1)
    assert calls._named("ticking") == []
    with calls._of([]) as found:
        pass
    assert found == {}


def test_a_tracer_that_cannot_attach_says_so(monkeypatch, tools, ticking):
    """With its own words."""
    (tools / "bin/strace").write_text("#!/bin/sh\necho not permitted >&2; exit 1\n")
    calls = calls_of(tools, ticking, "strace", monkeypatch=monkeypatch)
    with pytest.raises(NotCounted, match="not permitted"), calls.of_engine():
        pass


def test_a_tracer_that_does_not_let_go_is_killed(monkeypatch, tools, ticking):
    """Its processes run on, and what it counted is lost."""
    (tools / "bin/strace").write_text("#!/bin/sh\ntrap '' INT; echo process attached\nwhile :; do sleep 0.05; done\n")
    monkeypatch.setattr(system_calls, "LETS_GO", 1.0)
    calls = calls_of(tools, ticking, "strace", monkeypatch=monkeypatch)
    with pytest.raises(NotCounted, match="did not let go"), calls.of_engine():
        pass
    assert not Path(f"/proc/{(tools / 'strace.pid').read_text().strip()}").exists()
    assert Path(f"/proc/{ticking}").exists()


def test_a_toolbox_without_a_tracer_says_what_to_install(monkeypatch, tools):
    """Before anything is done."""
    calls = calls_of(tools, 0, monkeypatch=monkeypatch)
    with pytest.raises(NotCounted, match=needs("strace")), calls.instead_of_time():
        pass
    assert not calls.counting


def test_where_no_ratio_is_told_processes_are_not_traced(tools):
    """Their calls say that a ratio compares like with like; the engine's, and a server's, are the driver's cost."""

    def counting(server=""):
        toolbox = Toolbox(tools, "ld.so", frozenset({"strace"}))
        return SystemCalls(Here(tools, tools), toolbox, "report", lambda: 1, server, timed=False)

    with pytest.raises(NotAsked), counting().instead_of_time():
        pass
    with counting("fuse-overlayfs").instead_of_time():
        pass
    engine = counting()
    engine.engine_works = True
    with engine.instead_of_time():
        assert engine.counting
