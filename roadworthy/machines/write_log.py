"""The log of a disk: every write, flush and discard in the order in which they reached it.

The format is that of the kernel's Documentation/admin-guide/device-mapper/log-writes.rst, which QEMU's blklogwrites
writes too: a superblock, then entries of one header sector each, with the data of a write behind its header.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
SUPERBLOCK = struct.Struct("<QQQI")
HEADER = struct.Struct("<QQQQ")
#: Bytes; no disk has larger sectors.
LARGEST_SECTOR = 64 << 10


class LogDamaged(Exception):
    """The log is not one, or ends within an entry that its superblock counts."""


@dataclass(frozen=True)
class Entry:
    """One entry. `at` and `length` are bytes of the disk, `data` the offset of a write's data in the log.

    A flush may come with a write: the kernel's REQ_PREFLUSH, which happens before it. FUA makes the write itself last.
    """

    number: int
    at: int
    length: int
    flags: int
    data: int

    @property
    def discards(self) -> bool:
        return bool(self.flags & DISCARD)

    @property
    def writes(self) -> bool:
        return bool(self.length) and not self.flags & (DISCARD | MARK)

    @property
    def flushes(self) -> bool:
        return bool(self.flags & FLUSH)


class WriteLog:
    """The log in a file, which may still grow."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: How many entries have been seen, and the offset behind them.
        self._seen = 0, 0

    def position(self) -> int:
        """How many entries the log has: what the disk was told until now. Raises LogDamaged.

        Entries behind those that the superblock counts are counted, too: before QEMU 9.0, of several writes that were
        under way at once an older one may be the last to write the superblock, see blk_log_writes_co_do_log().
        """
        count, sector = self._superblock()
        number, at = self._seen
        at = at or sector
        with self.path.open("rb") as file:
            while len(read := os.pread(file.fileno(), HEADER.size, at)) == HEADER.size and any(read):
                _, sectors, flags, _ = HEADER.unpack(read)
                at += sector + (0 if flags & (DISCARD | MARK) else sectors * sector)
                number += 1
        self._seen = number, at
        return max(number, count)

    def _superblock(self) -> tuple[int, int]:
        """The number of entries, and the bytes of a sector."""
        with self.path.open("rb") as file:
            read = file.read(SUPERBLOCK.size)
        if len(read) < SUPERBLOCK.size:
            raise LogDamaged(f"{self.path} has no superblock")
        magic, _, count, sector = SUPERBLOCK.unpack(read)
        if magic != MAGIC:
            raise LogDamaged(f"{self.path} is no log of writes: it begins with {magic:#x}")
        if sector < HEADER.size or sector > LARGEST_SECTOR:
            raise LogDamaged(f"{self.path} has sectors of {sector} bytes")
        return count, sector

    def entries(self) -> Iterator[Entry]:
        """Yield the entries, the first first. Raises LogDamaged."""
        count, sector = self._superblock()
        with self.path.open("rb") as file:
            size, at = os.fstat(file.fileno()).st_size, sector
            for number in range(count):
                file.seek(at)
                read = file.read(HEADER.size)
                if len(read) < HEADER.size:
                    raise LogDamaged(f"{self.path} ends before entry {number} of {count}")
                where, sectors, flags, _ = HEADER.unpack(read)
                found = Entry(number, where * sector, sectors * sector, flags, at + sector)
                at = found.data + (found.length if found.writes else 0)
                if at > size:
                    raise LogDamaged(f"{self.path} ends within entry {number} of {count}")
                yield found
