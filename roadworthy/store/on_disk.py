"""Reading of a layer's directory: nothing is followed out of it, and no access time changes.

The directory comes through a mount that refuses changes (`sealed.py`); what is opened here is opened for reading.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roadworthy.store.crc64 import Crc64

AT_ONCE = 1 << 20
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def opened(name: str, directory: int | None = None, flags: int = 0) -> Iterator[int]:
    """Yield a descriptor of a file or, with O_DIRECTORY, of a directory. Raises OSError."""
    descriptor = os.open(name, READ | os.O_NOATIME | flags, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def file_below(top: Path, path: str) -> Iterator[int]:
    """Yield a descriptor of a file by its path below a directory, however long that is. Raises OSError.

    No symbolic link is followed: an image may have one where its tar has a directory too, and it may lead anywhere.
    """
    held = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        *names, last = path.split("/")
        for name in names:
            below = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=held)
            os.close(held)
            held = below
        with opened(last, held) as found:
            yield found
    finally:
        os.close(held)


def content(descriptor: int) -> Iterator[bytes]:
    """The content of a file, piece by piece. Raises OSError."""
    while piece := os.read(descriptor, AT_ONCE):
        yield piece


def digest_of(descriptor: int, algorithm: str) -> tuple[bytes, int, int]:
    """The digest of a file's content, how many of its blocks hold only zeroes, and how many blocks it has."""
    state = Crc64() if algorithm == "crc64" else hashlib.new(algorithm)
    zeroes = blocks = 0
    for piece in content(descriptor):
        state.update(piece)
        for begin in range(0, len(piece), 4096):
            block = piece[begin : begin + 4096]
            blocks += 1
            zeroes += block.count(0) == len(block)
    return state.digest(), zeroes, blocks


def attributes_of(directory: int, name: str) -> dict[str, bytes]:
    """All extended attributes of an entry, symbolic links not followed. Raises OSError."""
    where = f"/proc/self/fd/{directory}/{name}" if name else f"/proc/self/fd/{directory}"
    follow = not name  # the name of a descriptor is a link of its own
    try:
        names = os.listxattr(where, follow_symlinks=follow)
        return {name: os.getxattr(where, name, follow_symlinks=follow) for name in names}
    except OSError as reason:
        if reason.errno == errno.EOPNOTSUPP:
            return {}
        raise
