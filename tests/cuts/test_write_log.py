"""The log of a disk, as dm-log-writes and QEMU's blklogwrites write it."""

import pytest
from written import DISCARD, FLUSH, FLUSHED, FUA, SECTOR, discarded, log_of, wrote

from roadworthy.machines.write_log import LogDamaged, WriteLog


def test_entries_are_read_in_their_order_and_lead_to_their_data(tmp_path):
    """A discard has a length and no data; what follows it is found all the same."""
    told = wrote(4096, b"a" * 1024), FLUSHED, discarded(8192, 4096), wrote(512, b"b" * 512, FUA)
    log = log_of(tmp_path / "log", *told)
    found = list(log.entries())
    assert [(one.number, one.at, one.length, one.flags) for one in found] == [
        (0, 4096, 1024, 0), (1, 0, 0, FLUSH), (2, 8192, 4096, DISCARD), (3, 512, 512, FUA),
    ]  # fmt: skip
    whole = (tmp_path / "log").read_bytes()
    assert [whole[one.data : one.data + one.length] for one in found if one.writes] == [b"a" * 1024, b"b" * 512]
    assert [one.number for one in found if one.flushes] == [1]
    assert [one.number for one in found if one.discards] == [2]


def test_an_older_superblock_hides_no_entry_from_the_position(tmp_path):
    """QEMU answers a flush after its entry is written, but an older write may write the superblock after it."""
    told = wrote(0, b"a" * 512), discarded(4096, 4096), FLUSHED
    log = log_of(tmp_path / "log", *told, counted=1)
    assert log.position() == 3
    assert [one.number for one in log.entries()] == [0]
    log_of(tmp_path / "log", *told, wrote(512, b"b" * 512), counted=4)
    assert log.position() == 4


def test_the_position_counts_what_is_being_written_if_the_superblock_does(tmp_path):
    """The log has a hole while an earlier write is under way."""
    assert log_of(tmp_path / "log", FLUSHED, wrote(0, b"", 0), FLUSHED, counted=3).position() == 3


def test_a_write_may_come_with_a_flush(tmp_path):
    (entry,) = log_of(tmp_path / "log", wrote(0, b"a" * 512, FLUSH | FUA)).entries()
    assert entry.writes
    assert entry.flushes


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "has no superblock"), (b"\0" * SECTOR, "is no log of writes: it begins with 0x0")],
    ids=["empty", "another file"],
)
def test_what_is_no_log_is_refused(tmp_path, content, told):
    (tmp_path / "log").write_bytes(content)
    with pytest.raises(LogDamaged, match=told):
        WriteLog(tmp_path / "log").position()


def test_a_log_that_ends_before_its_count_is_refused(tmp_path):
    log = log_of(tmp_path / "log", wrote(0, b"a" * 512), counted=2)
    with pytest.raises(LogDamaged, match="ends before entry 1 of 2"):
        list(log.entries())
