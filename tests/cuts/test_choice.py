"""Which cuts of a log are looked at."""

import math

import pytest
from written import FLUSH, FLUSHED, FUA, discarded, log_of, wrote

from roadworthy.cuts.choice import Cut, chosen, flushes, parts

BLOCK = b"a" * 4096
W = wrote(0, BLOCK)


@pytest.fixture
def entries(tmp_path):
    """The entries of a log of these things."""
    return lambda *told: list(log_of(tmp_path / "log", *told).entries())


def spans(cuts):
    return [(cut.position, cut.until) for cut in cuts]


# --- at flushes


def test_a_cut_is_after_each_flush_and_may_happen_until_the_next_is_over(entries):
    """The first is where the operation begins, the last lacks nothing."""
    told = entries(W, FLUSHED, W, W, FLUSHED, W, FLUSHED, W)
    assert spans(flushes(told, 2, 8)) == [(2, 4), (5, 6), (7, 8), (8, 8)]
    assert [cut.flush for cut in flushes(told, 2, 8)] == [0, 1, 2, 3]


def test_a_flush_of_nothing_adds_no_cut(entries):
    told = entries(W, FLUSHED, FLUSHED, FLUSHED, W, FLUSHED)
    assert spans(flushes(told, 0, 6)) == [(0, 1), (2, 5), (6, 6)]


def test_what_is_discarded_changes_a_disk(entries):
    assert spans(flushes(entries(W, FLUSHED, discarded(0, 4096), FLUSHED), 0, 4)) == [(0, 1), (2, 3), (4, 4)]


def test_a_write_that_comes_with_a_flush_follows_it(entries):
    """What was written before has arrived when it is begun; it may be lost itself."""
    told = entries(W, wrote(0, BLOCK, FLUSH), W, FLUSHED)
    assert spans(flushes(told, 0, 4)) == [(0, 1), (1, 3), (4, 4)]


def test_nothing_outside_of_the_operation_is_cut(entries):
    told = entries(*(W, FLUSHED) * 5)
    assert spans(flushes(told, 4, 8)) == [(4, 5), (6, 7), (8, 8)]


def test_an_operation_that_writes_nothing_has_one_cut(entries):
    assert spans(flushes(entries(W, FLUSHED, FLUSHED, FLUSHED), 2, 4)) == [(4, 4)]


# --- parts of what is written between two flushes


def wide(count, length=4):
    """Some flushes with `count` writes of so many blocks after them, and one more."""
    writes = [wrote(number * len(BLOCK) * length, BLOCK * length) for number in range(count)]
    return W, FLUSHED, *writes, FLUSHED, W, FLUSHED


def test_a_part_is_of_what_was_written_until_the_next_flush(entries):
    told = entries(*wide(20))
    cut = Cut(2, 22, 1)
    sizes = set()
    for seed in range(50):
        part = parts(told, cut, seed)
        numbers = [entry.number for entry, _ in part.beyond]
        assert (part.position, part.until, part.flush, part.of) == (2, 22, 1, 20)
        assert set(numbers) <= set(range(2, 22))
        assert numbers == sorted(set(numbers))
        sizes.add(len(numbers))
    assert min(sizes) < 5
    assert max(sizes) > 15


def test_a_part_is_stable(entries):
    """A seed names it, so that a finding can be made again."""
    told, cut = entries(*wide(20)), Cut(2, 22, 1)
    assert parts(told, cut, 7) == parts(told, cut, 7)
    assert len({parts(told, cut, seed).beyond for seed in range(20)}) > 10


def test_what_was_written_with_force_unit_access_has_arrived(entries):
    """Such a write is on the medium when it is answered, and is not torn."""
    told = entries(
        W, FLUSHED, *[wrote(8192 * one, BLOCK * 2, FUA if one % 5 == 4 else 0) for one in range(10)], FLUSHED
    )
    for seed in range(50):
        kept = {entry.number: length for entry, length in parts(told, Cut(2, 12, 1), seed).beyond}
        assert (kept.get(6), kept.get(11)) == (8192, 8192)


def test_only_the_last_write_is_torn_and_at_whole_blocks(entries):
    told = entries(*wide(20))
    lengths = [[length for _, length in parts(told, Cut(2, 22, 1), seed).beyond] for seed in range(60)]
    assert all(length == 16384 for kept in lengths for length in kept[:-1])
    assert {kept[-1] for kept in lengths if kept} == {4096, 8192, 12288, 16384}


def test_a_block_is_written_as_a_whole(entries):
    told = entries(*wide(20, length=1))
    assert {length for seed in range(30) for _, length in parts(told, Cut(2, 22, 1), seed).beyond} == {4096}


@pytest.mark.parametrize(
    ("kept", "lacks_nothing"),
    [([4096, 8192], True), ([4096, 4096], False), ([4096], False), ([], False)],
    ids=["all", "torn", "one of two", "none"],
)
def test_a_part_that_is_all_lacks_nothing(entries, kept, lacks_nothing):
    told = entries(W, FLUSHED, W, wrote(4096, BLOCK * 2), FLUSHED)
    cut = Cut(2, 4, 1, tuple(zip(told[2:4], kept, strict=False)), of=2)
    assert cut.lacks_nothing is lacks_nothing
    assert not Cut(2, 4, 1).lacks_nothing
    assert Cut(5, 5, 2).lacks_nothing


# --- a sample


def many(entries, flushed=20):
    return entries(*((W, wrote(4096, BLOCK * 2), FLUSHED) * flushed))


def test_all_flushes_and_no_parts_are_chosen_if_nothing_limits_them(entries):
    told = many(entries)
    assert chosen(told, 0, 60, [], math.inf, 1) == list(flushes(told, 0, 60))
    assert len(chosen(told, 0, 60, [], math.inf, 1)) == 21


@pytest.mark.parametrize("most", [1, 2, 4, 10])
def test_a_sample_is_no_larger_than_asked_and_in_the_order_of_the_log(entries, most):
    told = many(entries)
    found = chosen(told, 0, 60, [31], most, 1)
    assert len(found) == most
    assert [cut.position for cut in found] == sorted(cut.position for cut in found)
    assert (60, 60) in spans(found), "the last cut, which lacks nothing, is always looked at"


def test_cuts_in_which_something_is_acknowledged_come_first(entries):
    """There what is promised has to be on the disk: after the acknowledgement, before the next flush."""
    told = many(entries)
    assert {(30, 32), (48, 50), (60, 60)} <= set(spans(chosen(told, 0, 60, [31, 50], 4, 1)))


def test_a_half_of_the_others_are_parts(entries):
    told = many(entries)
    found = chosen(told, 0, 60, [31], 10, 1)
    assert sum(bool(cut.of) for cut in found) == 4
    assert len({(cut.position, cut.beyond) for cut in found}) > 8


def test_a_sample_is_stable(entries):
    told = many(entries)
    assert chosen(told, 0, 60, [31], 10, 5) == chosen(told, 0, 60, [31], 10, 5)
    assert len({tuple(chosen(told, 0, 60, [31], 10, seed)) for seed in range(10)}) > 5


def test_a_sample_of_more_than_there_are_has_all_flushes(entries):
    told = many(entries, flushed=3)
    assert set(flushes(told, 0, 9)) <= set(chosen(told, 0, 9, [], 20, 1))
