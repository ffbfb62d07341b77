"""A disk that is made again from its log."""

import pytest
from written import FLUSHED, discarded, log_of, wrote

from roadworthy.cuts.replica import Replica
from roadworthy.machines.write_log import LogDamaged

SIZE = 64 << 10
A, B, C = (bytes([number]) * 4096 for number in (1, 2, 3))


@pytest.fixture
def replica_of(tmp_path):
    """Make the replica of a disk that was told these things; its log's entries."""

    def made(*told, name="disk"):
        log = log_of(tmp_path / f"{name}.log", *told)
        entries = list(log.entries())
        return Replica(log.path, entries, tmp_path / name, SIZE), entries

    return made


def content(path, *blocks):
    whole = path.read_bytes()
    assert len(whole) == SIZE
    return tuple(whole[4096 * block : 4096 * (block + 1)] for block in blocks)


def test_it_holds_what_was_told_before_its_position_and_nothing_later(replica_of):
    replica, _ = replica_of(wrote(0, A), FLUSHED, wrote(4096, B), wrote(0, C))
    replica.advance(2)
    assert content(replica.image, 0, 1) == (A, bytes(4096))
    replica.advance(4)
    assert content(replica.image, 0, 1) == (C, B)


def test_what_was_discarded_is_zero(replica_of):
    replica, _ = replica_of(wrote(0, A + B), discarded(0, 4096))
    replica.advance(2)
    assert content(replica.image, 0, 1) == (bytes(4096), B)


def test_it_does_not_go_back(replica_of):
    replica, _ = replica_of(wrote(0, A), wrote(0, B))
    replica.advance(2)
    with pytest.raises(AssertionError, match="does not go back"):
        replica.advance(1)


def test_a_copy_has_what_arrived_beyond_it_and_the_replica_has_not(replica_of, tmp_path):
    """A write that was torn has its first bytes."""
    replica, entries = replica_of(wrote(0, A), FLUSHED, wrote(4096, B + B), wrote(0, C))
    replica.advance(2)
    replica.copy(tmp_path / "copy", [(entries[2], 4096)])
    assert content(tmp_path / "copy", 0, 1, 2) == (A, B, bytes(4096))
    assert content(replica.image, 0, 1, 2) == (A, bytes(4096), bytes(4096))
    replica.advance(4)
    assert content(replica.image, 0, 1, 2) == (C, B, B)


def test_equal_digests_are_equal_disks(replica_of, tmp_path):
    """A flush changes no disk; a write, what arrived of it, and where it went do."""
    replica, entries = replica_of(wrote(0, A), FLUSHED, FLUSHED, wrote(4096, B + B), wrote(0, C))
    replica.advance(1)
    first = replica.copy(tmp_path / "1")
    replica.advance(3)
    assert replica.copy(tmp_path / "2") == first
    others = [
        replica.copy(tmp_path / "3", [(entries[3], 8192)]),
        replica.copy(tmp_path / "4", [(entries[3], 4096)]),
        replica.copy(tmp_path / "5", [(entries[4], 4096)]),
    ]
    assert len({first, *others}) == 4
    assert replica.copy(tmp_path / "6", [(entries[3], 8192), (entries[4], 4096)]) not in others
    again, entries = replica_of(wrote(0, A), wrote(4096, B + B), name="other")
    again.advance(1)
    assert again.copy(tmp_path / "7", [(entries[1], 8192)]) == others[0]


def test_a_log_without_all_of_its_data_is_refused(replica_of, tmp_path):
    replica, _ = replica_of(wrote(0, A), wrote(4096, B))
    log = tmp_path / "disk.log"
    log.write_bytes(log.read_bytes()[:-1])
    with pytest.raises(LogDamaged, match="ends within entry 1"):
        replica.advance(2)
