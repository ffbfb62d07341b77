"""Processes that no signal ends, in state D: a file system that is frozen, a FUSE server that never answers.

The check that meets one is a `hang` which says where in the kernel it sleeps. Whoever holds such a process cannot be
ended either, so that the lane goes on in a new capsule; the old one stays behind and in the ledger, until it is freed.
"""

import fcntl
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from roadworthy.deadline import wait_until
from roadworthy.reports.bundle import read_bundle
from roadworthy.upkeep import reaper

pytestmark = pytest.mark.real

CHECKS = """
from roadworthy.deadline import wait_until

@check("sample/before")
@lower(f=b"data")
def test_before(fs):
    '''It holds.'''
    assert fs.load("f") == b"data"

@check("sample/stuck")
def test_stuck(fs, containers):
    '''It never returns.'''
    open("running", "w").close()
    wait_until(lambda: os.path.exists("stuck"), 60, "the test")
    BODY

@check("sample/after")
@lower(f=b"data")
def test_after(fs):
    '''It holds.'''
    assert fs.load("f") == b"data"
"""
SHORT = """
import roadworthy.calls.process
import roadworthy.engines.engine
roadworthy.calls.process.CALL_DEADLINE = 3.0
roadworthy.engines.engine.ANSWER_DEADLINE = 15.0
"""
SERVER = Path(__file__).with_name("hung_server.py")
#: The ioctls of fsfreeze(8), and the seconds after which a file system is thawed in any case: the kernel says of a
#: process that sleeps for two minutes that something is wrong, and other runs on this host would read that.
FIFREEZE, FITHAW = 0xC0045877, 0xC0045878
LONGEST = 100.0


def data_root(run):
    """The file system of the lane's data root, by a path that this process sees."""
    (capsule, *_) = run.capsules
    table = Path(f"/proc/{capsule['pid']}/mountinfo").read_text().splitlines()
    where = next(line.split()[4] for line in table if " /dev/loop" in line)
    return Path(f"/proc/{capsule['pid']}/root{where}")


@contextmanager
def frozen(path):
    """Freeze a file system while the block runs."""
    descriptor = os.open(path, os.O_RDONLY)
    thaw = threading.Timer(LONGEST, thawed, [descriptor])
    try:
        fcntl.ioctl(descriptor, FIFREEZE, 0)
        thaw.start()
        yield
    finally:
        thaw.cancel()
        thaw.join()
        thawed(descriptor)
        os.close(descriptor)


def thawed(descriptor):
    """Thaw a file system; one that is not frozen stays as it is."""
    with suppress(OSError):
        fcntl.ioctl(descriptor, FITHAW, 0)


@contextmanager
def unanswered(path, pid):
    """Mount a file system that never answers in a capsule's mounts, while the block runs. Its server is outside."""
    path.mkdir()
    inside = str(path).removeprefix(f"/proc/{pid}/root")
    words = ["nsenter", f"--mount=/proc/{pid}/ns/mnt", "--", sys.executable, "-S", str(SERVER), inside]
    server = subprocess.Popen(words, stdout=subprocess.PIPE)
    try:
        assert server.stdout.readline() == b"mounted\n"
        yield
    finally:
        server.kill()
        server.communicate(timeout=10)


def met(start, directory, body, stuck):
    """A whole run that meets `stuck` in its second check; it says what it left, and all of it goes when it is freed."""
    run = start(CHECKS.replace("BODY", body), conftest=SHORT)
    run.until(lambda: (directory / "running").exists(), 120)
    run.ledger()
    with stuck(data_root(run)):
        (directory / "stuck").touch()
        wait_until(lambda: len(run.results()) > 1, 80, "the verdict on the check")
        status = run.process.wait(60)
        said, held = run.text(), run.alive()
    assert status == 1, said
    assert run.verdicts() == {"sample/before": "pass", "sample/stuck": "hang", "sample/after": "pass"}, said
    assert "(state D)" in run.reasons()["sample/stuck"]
    assert "a new daemon is started on a new disk" in said
    assert "left behind, `roadworthy reap` tries again: capsule" in said
    assert "INTERNALERROR" not in said
    assert [one for one in held if one.startswith("capsule")]
    assert read_bundle(run.bundle).troubles == ()
    reaper.reap()
    wait_until(lambda: run.left() == [], 30, "what was freed to go")
    return run


def test_F12_a_frozen_file_system_is_a_hang_and_the_run_goes_on(start, tmp_path):
    """A write to a frozen file system is a hang that names where it sleeps; the next check has a daemon of its own."""
    run = met(start, tmp_path, 'fs.store("g", b"more")', frozen)
    assert "did not return within 3 s" in run.reasons()["sample/stuck"]


def test_F10_a_daemon_that_does_not_answer_is_a_hang_and_the_run_goes_on(start, tmp_path):
    """A request that the daemon does not answer in time is a hang; the next check has another daemon."""
    run = met(start, tmp_path, "containers.run()", frozen)
    assert "the daemon did not answer" in run.reasons()["sample/stuck"]
    assert re.search(r"dockerd is in overlay2\.\S+, and waits there in \S+ \(syscall\)", run.reasons()["sample/stuck"])


def test_an_agent_that_waits_says_where_it_is(start, tmp_path):
    """A call that a signal can reach is a hang that names the agent's own function; the next check is asked."""
    (tmp_path / "stuck").touch()
    run = start(CHECKS.replace("BODY", 'fs.mkfifo("pipe"); fs.load("pipe")'), conftest=SHORT)
    assert run.end() == 1, run.text()
    assert run.verdicts() == {"sample/before": "pass", "sample/stuck": "hang", "sample/after": "pass"}, run.text()
    said = r"load\('pipe'\) did not return within 3 s; the agent is in call_load\(\), line \d+ of its program"
    assert re.search(said, run.reasons()["sample/stuck"])
    assert run.left() == []


@pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="needs FUSE: modprobe fuse")
def test_F13_a_server_that_never_answers_is_a_hang_and_the_run_goes_on(start, tmp_path):
    """A call that waits for a FUSE server for ever is a hang; what holds it is left, and goes with the server."""

    def stuck(path):
        return unanswered(path / "volume/hung", int(path.parts[2]))

    run = met(start, tmp_path, 'containers.process(containers.run()).listdir("/volume/hung")', stuck)
    assert "listdir('/volume/hung') did not return within 3 s" in run.reasons()["sample/stuck"]
