"""Let one run measure at a time, because two runs would disturb each other."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from roadworthy.deadline import wait_until
from roadworthy.stage import Stage
from roadworthy.upkeep.ledger import RUNTIME

#: Seconds after which a run stops waiting for another one; longer than a benchmark takes.
PATIENCE = 1800


@contextmanager
def measuring_alone(stage: Stage) -> Iterator[None]:
    """Hold the machine's measuring lock, an flock on a directory, while the block runs. Raises TimeoutError."""
    descriptor = os.open(RUNTIME, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with stage("waiting for another run that measures on this machine"):
            wait_until(lambda: taken(descriptor), PATIENCE, "another run that measures on this machine to end")
        yield
    finally:
        os.close(descriptor)


def taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
