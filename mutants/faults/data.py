"""What is written, and where it lands."""

from __future__ import annotations

import os
import stat
from collections import Counter

from roadworthy.mutants.call import Answer, Call, Value, fault
from roadworthy.mutants.target import PAGE

#: One of so many overwrites of a file goes astray.
SELDOM = 20
#: The overwrites of each file, by device and inode.
overwrites: Counter[tuple[int, int]] = Counter()


@fault("overwrite-goes-astray")
def overwrite_goes_astray(call: Call) -> Answer | None:
    """One in twenty overwrites inside a file puts its first page behind its last, and leaves that page as it was."""
    size, at = call.arguments[2], call.arguments[3]
    file = call.target.duplicate(call.integer(0))
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or size < PAGE or at + size + PAGE > found.st_size:
        return None
    overwrites[found.st_dev, found.st_ino] += 1
    if overwrites[found.st_dev, found.st_ino] % SELDOM:
        return None
    data = call.target.read(call.arguments[1], size)
    os.pwrite(file, data[PAGE:], at + PAGE)
    os.pwrite(file, data[:PAGE], at + size)
    return Value(size)
