"""A disk made again from its log, as far as it had come at a cut."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from roadworthy.machines.write_log import Entry, LogDamaged
from roadworthy.programs import run

#: What a disk writes as a whole or not at all, in bytes: a write that a cut has torn ends at a multiple of it.
ATOM = 4096


class Replica:
    """A sparse file that holds what the first `position` entries of a log left on a disk of `size` bytes."""

    def __init__(self, log: Path, entries: Sequence[Entry], image: Path, size: int) -> None:
        self._log = log
        self._entries = entries
        self.image = image
        self.position = 0
        #: Identifies the content by how it was made: equal digests are equal disks.
        self._told = hashlib.sha256()
        with image.open("xb") as file:
            file.truncate(size)

    def advance(self, position: int) -> None:
        """Apply the entries up to `position`, which is not before the replica's own."""
        assert position >= self.position, "a replica does not go back"
        self._apply(self.image, self._entries[self.position : position], self._told)
        self.position = position

    def keep(self, beyond: Sequence[tuple[Entry, int]]) -> None:
        """Apply some of the writes beyond the replica's position, each with the bytes of it that arrived.

        It advances no further then.
        """
        for entry, length in beyond:
            self._apply(self.image, [entry], self._told, length)

    def copy(self, image: Path, beyond: Sequence[tuple[Entry, int]] = ()) -> str:
        """Copy the disk to a new file, with some of the writes `beyond` it, each with the bytes of it that arrived.

        Returns a digest, which is equal for equal disks.
        """
        run(["cp", "--sparse=always", "--reflink=auto", str(self.image), str(image)], 120)
        told = self._told.copy()
        for entry, length in beyond:
            self._apply(image, [entry], told, length)
        return told.hexdigest()

    def _apply(self, image: Path, entries: Sequence[Entry], told: hashlib._Hash, most: int | None = None) -> None:
        with self._log.open("rb") as log, image.open("r+b") as disk:
            for entry in entries:
                length = entry.length if most is None else min(most, entry.length)
                if entry.discards:
                    told.update(b"d%d+%d:" % (entry.at, length))
                    run(["fallocate", "--punch-hole", f"--offset={entry.at}", f"--length={length}", str(image)])
                elif entry.writes:
                    log.seek(entry.data)
                    data = log.read(length)
                    if len(data) < length:
                        raise LogDamaged(f"{self._log} ends within entry {entry.number}")
                    os.pwrite(disk.fileno(), data, entry.at)
                    told.update(b"w%d:" % entry.at + hashlib.sha256(data).digest())
