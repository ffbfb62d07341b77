"""A log of a disk as QEMU's blklogwrites writes it, and the file beside it, made by hand."""

from __future__ import annotations

import msgspec
from written import SECTOR, log_of, wrote

from roadworthy.cuts.kept import SCHEMA, Acknowledged, Asked, Capture, beside
from roadworthy.machines.write_log import FLUSH, FUA

BLOCK = 4096
WRITE, FLUSHED = 0, FLUSH


def log(path, *entries, sector=SECTOR):
    """Write a log of entries `(flags, block, byte)`: a write fills one block with a byte; a flush has no block."""
    told = [wrote(one[0] * BLOCK, one[1] * BLOCK, flags) if one else ("flush",) for flags, *one in entries]
    return log_of(path, *told, sector=sector).path


def captured(path, begin, end, **more):
    """Write what a log is of: a load of two calls, acknowledged at its end."""
    capture = Capture(
        schema=SCHEMA, lane="overlay2-ext4-docker20.10-linux6.1", operation="load", does="docker load of an image.",
        backing="ext4", size=8 * BLOCK, begin=begin, end=end, moments=[Acknowledged("the image", 6)],
        calls=[Asked("POST /images/load", "200", 5), Asked("GET /images/i/json", "200", 6)],
    )  # fmt: skip
    beside(path).write_bytes(msgspec.json.encode(msgspec.structs.replace(capture, **more)))
    return path


def load(path):
    """A load of six entries after two that had made the file system; it has three flushes with something to flush."""
    entries = [
        (WRITE, 0, b"a"), (FLUSHED,),
        (WRITE, 1, b"b"), (FLUSHED,), (FLUSHED,), (WRITE, 2, b"c"), (FLUSH | FUA, 3, b"d"), (WRITE, 1, b"e"),
    ]  # fmt: skip
    return captured(log(path, *entries), 2, 8)
