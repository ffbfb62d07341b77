"""Content that no file system stores as a hole or compresses to nothing."""

from __future__ import annotations

import os
import random
from functools import cache

from roadworthy.calls.process import Process
from roadworthy.trees.layers import File

PIECE = 1 << 20


def filler(size: int) -> File:
    """A file of `size` bytes that no file system stores as a hole or compresses to nothing; the same each time."""
    pieces = [piece(at) for at in range(size // PIECE + 1)]
    return File(content=b"".join(pieces)[:size])


@cache
def piece(at: int) -> bytes:
    """One MiB of it. No two of them are alike, as what is written twice compresses to half."""
    return random.Random(at).randbytes(PIECE)


def fill(fs: Process, path: str, size: int) -> None:
    """Write such a file through a process, on the device when this returns."""
    fs.store(path, b"")
    descriptor = fs.open(path, os.O_WRONLY)
    for offset in range(0, size, PIECE):
        fs.pwrite(descriptor, piece(offset // PIECE)[: size - offset], offset)
    fs.fsync(descriptor, 120)
    fs.close(descriptor)
