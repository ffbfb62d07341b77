"""The position in the log of a disk whose writes are under way at once."""

from roadworthy.machines.write_log import DISCARD, FLUSH, HEADER, MAGIC, SUPERBLOCK, WriteLog

SECTOR = 512


def written(path, *told, counted):
    """A log of entries, each a flag and data; its superblock counts only as many as are `counted`."""
    packed = [SUPERBLOCK.pack(MAGIC, 1, counted, SECTOR).ljust(SECTOR, b"\0")]
    for flags, length, data in told:
        packed.append(HEADER.pack(8, length // SECTOR, flags, 0).ljust(SECTOR, b"\0") + data)
    path.write_bytes(b"".join(packed))


def test_an_older_superblock_does_not_hide_an_entry(tmp_path):
    """QEMU answers a flush after its entry is written, but an older write may write the superblock after it."""
    told = [(0, SECTOR, b"a" * SECTOR), (DISCARD, 4096, b""), (FLUSH, 0, b"")]
    written(tmp_path / "log", *told, counted=1)
    log = WriteLog(tmp_path / "log")
    assert log.position() == 3
    written(tmp_path / "log", *told, (0, SECTOR, b"b" * SECTOR), counted=4)
    assert log.position() == 4


def test_an_entry_that_is_not_yet_there_is_counted_if_the_superblock_does(tmp_path):
    """The log has a hole while an earlier write is under way."""
    written(tmp_path / "log", (FLUSH, 0, b""), (0, 0, b""), (FLUSH, 0, b""), counted=3)
    assert WriteLog(tmp_path / "log").position() == 3
