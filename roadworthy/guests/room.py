"""Room for guests: how many this host can hold at once, over all runs that boot some."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roadworthy.deadline import wait_until
from roadworthy.upkeep.ledger import LEDGERS

#: The directory of lock files, one for each place. A lock ends with its process, so that a dead run holds no place.
PLACES = LEDGERS.parent / "guests"
#: Seconds to wait for other guests: a lane under emulation takes some ten minutes, and several may be waiting.
PATIENCE = 4 * 3600.0


def places(memory: int) -> int:
    """How many guests of `memory` bytes fit: one for each core, and three quarters of the memory for all of them."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(os.cpu_count() or 1, total * 3 // 4 // memory))


def processors(at_once: int | None = None) -> int:
    """How many processors a guest gets: two, or one if as many guests as there are cores run `at_once`.

    An emulated processor that waits for a core delays the others of its guest: on two cores, two guests of one
    processor do half as much again in the same time as two guests of two. `at_once` is by default the number of
    pytest-xdist's workers.
    """
    at_once = at_once or int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return max(1, min(2, (os.cpu_count() or 1) // at_once))


@contextmanager
def room(memory: int, directory: Path = PLACES) -> Iterator[None]:
    """Hold a place for one guest while the block runs; wait for one if all are taken. Raises TimeoutError."""
    directory.mkdir(parents=True, exist_ok=True)
    held: list[int] = []

    def taken() -> bool:
        for number in range(places(memory)):
            descriptor = os.open(directory / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            held.append(descriptor)
            return True
        return False

    wait_until(taken, PATIENCE, "room for another virtual machine")
    try:
        yield
    finally:
        os.close(held[0])
