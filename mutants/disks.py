"""Faulty disks: what of a log of writes has reached a disk that lies about them.

Each gets the entries of a log and the position at which an operation begins in it. It returns as many entries, because
positions in a log are moments: what a moment brought to the disk, instead of what the disk was told then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from roadworthy.machines.write_log import DISCARD, FLUSH, Entry

Disk = Callable[[Sequence[Entry], int], Sequence[Entry]]
DISKS: dict[str, Disk] = {}
#: How many writes a disk's cache holds: what some images and containers take, and not all that was written before.
CACHE = 300
#: The bytes of a request with which file systems write the data of many files at once.
LARGE = 128 << 10
#: The bytes of a block of the file system, so that a small file gets the data of another one.
BLOCK = 4096


def disk(name: str) -> Callable[[Disk], Disk]:
    """Register a disk under its name in the catalogue."""

    def registered(function: Disk) -> Disk:
        if name in DISKS:
            raise ValueError(f"two disks are called {name}")
        DISKS[name] = function
        return function

    return registered


@disk("disk-drops-flushes")
def drops_flushes(entries: Sequence[Entry], begin: int) -> Sequence[Entry]:
    """Flushes report success; a write leaves the disk's cache, the oldest first, when a later one needs its place."""
    cached: deque[Entry] = deque()
    return [arrived(entry, pushed_out(cached, entry)) for entry in entries]


def pushed_out(cached: deque[Entry], entry: Entry) -> Entry | None:
    """Put a write or a discard into the cache, and return the one that leaves it."""
    if entry.writes or entry.discards:
        cached.append(entry)
    return cached.popleft() if len(cached) > CACHE else None


@disk("disk-shifts-large-writes")
def shifts_large_writes(entries: Sequence[Entry], begin: int) -> Sequence[Entry]:
    """Large writes report success, and each of their blocks holds the data of the next one."""
    return [
        replace(entry, data=entry.data + BLOCK, length=entry.length - BLOCK)
        if entry.number >= begin and entry.writes and entry.length >= LARGE
        else entry
        for entry in entries
    ]


def arrived(told: Entry, write: Entry | None) -> Entry:
    """The entry of a moment at which the disk was told one thing, and another has reached it, or nothing."""
    if write is None:
        return Entry(told.number, 0, 0, told.flags & FLUSH, 0)
    return replace(write, number=told.number, flags=write.flags & DISCARD | told.flags & FLUSH)
