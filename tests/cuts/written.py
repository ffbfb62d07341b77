"""Logs of writes as a disk makes them."""

from roadworthy.machines.write_log import DISCARD, FLUSH, FUA, HEADER, MAGIC, SUPERBLOCK, WriteLog

SECTOR = 512
#: What a disk is told: a flush, and the flags of others.
FLUSHED = ("flush",)
__all__ = ["DISCARD", "FLUSH", "FLUSHED", "FUA", "SECTOR", "discarded", "log_of", "wrote"]


def wrote(at, data, flags=0):
    return ("write", at, data, flags)


def discarded(at, length):
    return ("discard", at, length)


def log_of(path, *told, counted=None, sector=SECTOR):
    """A log of what a disk was told; its superblock counts all of it, or as many entries as are `counted`.

    The log claims to have sectors of so many bytes.
    """
    packed = SUPERBLOCK.pack(MAGIC, 1, len(told) if counted is None else counted, sector).ljust(sector, b"\0")
    for kind, *words in told:
        at, data, flags = 0, b"", FLUSH
        if kind == "write":
            at, data, flags = words
        length = words[1] if kind == "discard" else len(data)
        at, flags = (words[0], DISCARD) if kind == "discard" else (at, flags)
        assert at % SECTOR == length % SECTOR == 0
        packed += HEADER.pack(at // SECTOR, length // SECTOR, flags, len(data)).ljust(sector, b"\0") + data
    path.write_bytes(packed)
    return WriteLog(path)
