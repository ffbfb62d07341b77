"""Content that no file system stores as a hole or compresses to nothing."""

from __future__ import annotations

import os
import random
from functools import cache

from roadworthy.calls.process import Process
from roadworthy.trees.layers import File

PIECE = 1 << 20


def filler(size: int) -> File:
    """A file of `size` bytes that no file system stores as a hole or compresses to nothing; equal on each call."""
    pieces = [piece(at) for at in range(size // PIECE + 1)]
    return File(content=b"".join(pieces)[:size])


@cache
def piece(at: int) -> bytes:
    """Return MiB number `at` of the content. Pieces differ, so that no file system deduplicates or compresses them."""
    return random.Random(at).randbytes(PIECE)


def fill(fs: Process, path: str, size: int) -> None:
    """Write `size` bytes of this content to a file through a process, and sync it."""
    fs.store(path, b"")
    descriptor = fs.open(path, os.O_WRONLY)
    for offset in range(0, size, PIECE):
        fs.pwrite(descriptor, piece(offset // PIECE)[: size - offset], offset)
    fs.fsync(descriptor, 120)
    fs.close(descriptor)
