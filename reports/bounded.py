"""Read a file that a user names: a regular one, of a bounded size. A device never ends, and a pipe never begins."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_bounded(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes. Raises OSError, whose `strerror` says what is wrong."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)  # os.fdopen() refuses a directory
        raise OSError(errno.EINVAL, "expected a regular file", str(path))
    with os.fdopen(descriptor, "rb") as file:
        found = file.read(limit + 1)
    if len(found) > limit:
        raise OSError(errno.EFBIG, f"expected at most {limit >> 20} MiB", str(path))
    return found
