"""One run measures at a time, and who waits knows for whom and how long."""

import fcntl
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from roadworthy.measuring import lock
from roadworthy.measuring.lock import measuring_alone

HOLDS = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def told(monkeypatch, tmp_path):
    """The stages of a run that measures in a directory of its own, as they are told."""
    monkeypatch.setattr(lock, "RUNTIME", tmp_path)
    names = []

    @contextmanager
    def stage(name):
        names.append(name)
        yield

    def measure():
        with measuring_alone(stage):
            return names

    return measure


def test_who_measures_alone_waits_for_nobody(told):
    assert told() == []


def test_the_process_that_is_waited_for_is_named(told, monkeypatch, tmp_path):
    """Its number, its words and the limit are told, in time and when the limit is over."""
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "held\n"
    monkeypatch.setattr(lock, "PATIENCE", 0.1)
    with pytest.raises(TimeoutError, match=rf"waited 0.1 s for process {other.pid} \(-c import fcntl, os"):
        told()
    other.communicate(timeout=10)
    (said,) = told()
    assert said.startswith(f"waiting for process {other.pid} (-c import fcntl")
    assert said.endswith("), which measures on this machine, for 0.1 s at most")


def test_a_holder_that_is_not_shown_is_another_run(monkeypatch, tmp_path):
    """As in another pid namespace, and on file systems whose device numbers stat(2) does not tell."""
    held = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        assert lock.holder(held).startswith(f"process {os.getpid()} (")
        shown = lock.LOCKS.read_text().replace(f" {os.getpid()} ", " 0 ")
        (tmp_path / "locks").write_text(shown)
        monkeypatch.setattr(lock, "LOCKS", tmp_path / "locks")
        assert lock.holder(held) == "another run"
    finally:
        os.close(held)


def test_a_process_that_has_ended_has_no_words():
    ended = subprocess.Popen(["true"])
    ended.wait(10)
    assert lock.command_of(ended.pid) == "ended meanwhile"
