"""Faulty disks: what they make of a log, told as lists of what was written and flushed."""

import pytest
from written import FLUSH, FLUSHED, FUA, discarded, log_of, wrote

from roadworthy.mutants import disks
from roadworthy.mutants.disks import DISKS, LARGE
from roadworthy.mutants.run import MutantRun


@pytest.fixture
def entries(tmp_path):
    """The entries of a log of these things."""
    return lambda *told: list(log_of(tmp_path / "log", *told).entries())


def numbered(count, at=0):
    return [wrote((at + number) * 4096, bytes([number % 255]) * 4096) for number in range(count)]


@pytest.mark.parametrize("name", DISKS)
def test_positions_stay(entries, name):
    """They are moments: when something was acknowledged, and where flushes are."""
    told = entries(*numbered(5), FLUSHED, wrote(0, bytes(2 * LARGE)), FLUSHED, *numbered(400), FLUSHED)
    found = DISKS[name](told, 3)
    assert [entry.number for entry in found] == [entry.number for entry in told]
    assert [entry.flushes for entry in found] == [entry.flushes for entry in told]
    assert found != told


def test_a_write_leaves_the_cache_when_a_later_one_needs_its_place(entries, monkeypatch):
    """The oldest first, with what it was told then; flushes change nothing."""
    monkeypatch.setattr(disks, "CACHE", 2)
    told = entries(*numbered(2), FLUSHED, discarded(8192, 4096), FLUSHED, wrote(4096, b"b" * 4096, FLUSH | FUA))
    found = DISKS["disk-drops-flushes"](told, 0)
    assert [(entry.at, entry.length, entry.flags) for entry in found] == [
        (0, 0, 0), (0, 0, 0), (0, 0, FLUSH), (0, 4096, 0), (0, 0, FLUSH), (4096, 4096, FLUSH),
    ]  # fmt: skip
    assert (found[3].data, found[5].data) == (told[0].data, told[1].data)


def test_a_large_write_is_shifted_once_the_operation_has_begun(entries):
    large = wrote(0, bytes(LARGE))
    told = entries(large, wrote(0, bytes(LARGE - 4096)), large, discarded(0, LARGE))
    found = DISKS["disk-shifts-large-writes"](told, 1)
    assert [entry.length for entry in found] == [LARGE, LARGE - 4096, LARGE - 4096, LARGE]
    assert [new.data - old.data for new, old in zip(found, told, strict=True)] == [0, 0, 4096, 0]


def test_what_a_faulty_disk_changes_is_counted_for_the_check_that_runs(entries):
    """A disk of any other mutant is sound."""
    made = MutantRun("disk-shifts-large-writes")
    made.begin("durability.x")
    told = entries(wrote(0, bytes(LARGE)), *numbered(3), wrote(0, bytes(LARGE)), FLUSHED)
    assert made.told(told, 0) != told
    assert made.hits() == {"durability.x": 2}
    made.become("load-again-does-nothing")
    assert made.told(told, 0) == told
    assert made.hits() == {}
