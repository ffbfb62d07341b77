"""Let one run measure at a time, because two runs would disturb each other."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roadworthy.deadline import wait_until
from roadworthy.stage import Stage
from roadworthy.upkeep.ledger import RUNTIME

#: Seconds after which a run stops waiting for another one; longer than a benchmark takes.
PATIENCE = 1800
LOCKS = Path("/proc/locks")


@contextmanager
def measuring_alone(stage: Stage) -> Iterator[None]:
    """Hold the machine's measuring lock, an flock on a directory, while the block runs. Raises TimeoutError."""
    descriptor = os.open(RUNTIME, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not taken(descriptor):
            other = holder(descriptor)
            with stage(f"waiting for {other}, which measures on this machine, for {PATIENCE} s at most"):
                wait_until(lambda: taken(descriptor), PATIENCE, f"{other}, which measures on this machine, to end")
        yield
    finally:
        os.close(descriptor)


def taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def holder(descriptor: int) -> str:
    """Who holds the lock, in words; see proc_locks(5). A process in another pid namespace has no number here."""
    locked = os.fstat(descriptor)
    wanted = f"{os.major(locked.st_dev):02x}:{os.minor(locked.st_dev):02x}:{locked.st_ino}"
    for line in LOCKS.read_text().splitlines():
        fields = line.split()
        if "->" in fields or fields[1] != "FLOCK" or fields[5] != wanted or int(fields[4]) <= 0:
            continue
        return f"process {fields[4]} ({command_of(int(fields[4]))})"
    return "another run"


def command_of(pid: int) -> str:
    """The words of a process, its interpreter left out, cut to a line."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "ended meanwhile"
    if Path(words[0]).name.startswith("python"):
        words = words[1:]
    return " ".join(" ".join(words).split())[:80]
