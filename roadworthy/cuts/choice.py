"""Which cuts are looked at: all flushes of an operation, or a seeded sample and parts of what was written between.

Until a flush is over, a disk may have kept any part of what it was told since the flush before; after it, all of that.
So a cut is a flush, and what a disk may have kept beyond it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from roadworthy.cuts.replica import ATOM
from roadworthy.machines.write_log import FUA, Entry


@dataclass(frozen=True)
class Cut:
    """A moment of a log at which the power is cut.

    All entries before `position` have reached the disk, and of the writes behind it those of `beyond`, with the bytes
    that arrived. The next flush is entry `until`: before it is over, the cut may happen.
    """

    position: int
    until: int
    flush: int
    beyond: tuple[tuple[Entry, int], ...] = ()
    of: int = 0
    #: The seed that has chosen `beyond`; None if nothing was chosen.
    part: int | None = None

    @property
    def lacks_nothing(self) -> bool:
        """Whether the disk has kept all that it was told before `until`."""
        kept = len(self.beyond) == self.of and all(length == entry.length for entry, length in self.beyond)
        return self.position == self.until or (bool(self.of) and kept)

    def __str__(self) -> str:
        more = f" and {len(self.beyond)} of {self.of} later writes" if self.of else ""
        return f"flush {self.flush}{more}"


def flushes(entries: Sequence[Entry], begin: int, end: int) -> Iterator[Cut]:
    """The cuts of a log at its flushes from `begin` to `end`, which are positions in it.

    The first is `begin` itself, which follows a flush. A flush before which nothing was written adds no cut, and the
    last cut has everything.
    """
    at, number, told = begin, 0, False
    for entry in entries[begin:end]:
        if entry.flushes and told:
            yield Cut(at, entry.number, number)
            # A write that comes with its flush follows it.
            at, number, told = entry.number + (not entry.writes), number + 1, False
        told = told or entry.writes or entry.discards
    if told:
        yield Cut(at, end, number)
        number += 1
    yield Cut(end, end, number)


def parts(entries: Sequence[Entry], cut: Cut, seed: int) -> Cut:
    """A cut with a seeded part of what was written between its flush and the next one; the last write may be torn."""
    chosen = random.Random(seed)
    later = [entry for entry in entries[cut.position : cut.until] if entry.writes]
    share = chosen.choice((0.1, 0.5, 0.9))
    kept = [(entry, entry.length) for entry in later if chosen.random() < share or entry.flags & FUA]
    if kept and kept[-1][1] > ATOM and not kept[-1][0].flags & FUA:
        entry, length = kept[-1]
        kept[-1] = entry, ATOM * chosen.randint(1, length // ATOM)
    return Cut(cut.position, cut.until, cut.flush, tuple(kept), len(later), seed)


def chosen(
    entries: Sequence[Entry], begin: int, end: int, moments: Collection[int], most: float, seed: int
) -> list[Cut]:
    """At most `most` cuts of an operation, in the order of the log; all its flushes and no parts if it is infinite.

    The first ones are the last cut, which lacks nothing, and those in which one of the `moments`, positions of the log,
    lies: what is promised at that moment has to be on the disk then. A half of what is left are parts.
    """
    every = list(flushes(entries, begin, end))
    if math.isinf(most):
        return every
    most = int(most)
    near = [cut for cut in every if any(cut.position <= at <= cut.until for at in moments)]
    dice = random.Random(seed)
    dice.shuffle(near)
    first = list(dict.fromkeys([every[-1], *near]))[:most]
    others = [cut for cut in every if cut not in first]
    dice.shuffle(others)
    split = [cut for cut in every if any(entry.writes for entry in entries[cut.position : cut.until])]
    left = most - len(first)
    whole = others[: left - (left // 2 if split else 0)]
    torn = [parts(entries, dice.choice(split), dice.getrandbits(32)) for _ in range(left - len(whole)) if split]
    return sorted([*first, *whole, *torn], key=lambda cut: (cut.position, cut.of))
