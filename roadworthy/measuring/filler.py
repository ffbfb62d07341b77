"""Content that no file system stores as a hole or compresses to nothing."""

from __future__ import annotations

import os
from functools import cache

from roadworthy.calls.process import Process
from roadworthy.trees.layers import File


def filler(size: int) -> File:
    """A file of `size` bytes that no file system stores as a hole or compresses to nothing."""
    piece = filling()
    return File(content=(piece * (size // len(piece) + 1))[:size])


@cache
def filling() -> bytes:
    """What it is filled with, over and over."""
    return bytes((at * 167 + (at >> 8) * 13 + (at >> 16) * 7) & 0xFF for at in range(1 << 16))


def fill(fs: Process, path: str, size: int) -> None:
    """Write such a file through a process, on the device when this returns."""
    piece = filler(1 << 20).content
    fs.store(path, b"")
    descriptor = fs.open(path, os.O_WRONLY)
    for offset in range(0, size, len(piece)):
        fs.pwrite(descriptor, piece[: size - offset], offset)
    fs.fsync(descriptor, 120)
    fs.close(descriptor)
