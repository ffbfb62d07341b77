"""Whether benchmarks hold still where nothing differs: what `suite/null` says of the run that it belongs to.

Where a container's files are plain files of the file system below, the driver has no hand in what is done to them. What
differs there from a volume is the benchmark's own, and A/A cannot see what both of its sides have in common.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roadworthy.reports.records import Benchmark

#: The benchmark whose records answer.
IDENTITY = "suite/null"
#: No more than this share of the cells may differ.
SHARE = 0.05
#: A side is favoured where so uneven a split, or a more uneven one, has a smaller chance than this.
CHANCE = 0.001
#: Fewer cells than these say nothing: one that differs would be more than the share.
LEAST = 20
#: Rows of a cell that may say anything.
ROWS = 12


@dataclass(frozen=True)
class Null:
    """What the cells of one lane show. `differing` names those that differ; `below` and `above` count ratios by 1."""

    lane: str
    cells: int
    differing: tuple[str, ...]
    below: int
    above: int

    @property
    def chance(self) -> float:
        """The sign test's: how likely a coin falls as unevenly, to either side."""
        tosses = self.below + self.above
        if not tosses:
            return 1.0
        least = min(self.below, self.above)
        return min(1.0, 2 * sum(math.comb(tosses, heads) for heads in range(least + 1)) * 0.5**tosses)

    @property
    def holds(self) -> bool | None:
        """Whether no more differs than may and no side is favoured; None where there are too few cells."""
        if self.cells < LEAST:
            return None
        return len(self.differing) <= SHARE * self.cells and self.chance >= CHANCE

    @property
    def sentence(self) -> str:
        """The verdict with its numbers."""
        split = f"{self.below} below 1 and {self.above} above, by chance {self.chance:.2g}"
        found = f"{len(self.differing)} of {self.cells} cells differ, {split}"
        if self.holds is None:
            return f"the null driver says nothing: {found}; it takes {LEAST} cells"
        if self.holds:
            return f"the null driver holds: {found}"
        named = f" ({', '.join(self.differing[:5])})" if self.differing else ""
        return f"the null driver does not hold: {found}{named}; where no driver has a hand, the benchmarks differ"


def null_of(lane: str, records: Sequence[Benchmark]) -> Null:
    """What these records of one lane show.

    None of the cells are those that are invalid or have too few rows, and times that are not published.
    """
    shown = (record for record in records if record.verdict != "invalid" and not record.unpublished)
    cells = [record for record in shown if len(record.arm.samples) >= ROWS]
    differing = (f"{one.metric} {one.ratio:.2f}" for one in cells if one.verdict in ("slower", "faster"))
    below, above = (sum(sign * one.ratio > sign for one in cells) for sign in (-1, 1))
    return Null(lane, len(cells), tuple(differing), below, above)


def nulls(records: Iterable[Benchmark]) -> list[Null]:
    """One for each lane that has records of the null driver."""
    found: dict[str, list[Benchmark]] = {}
    for record in records:
        if record.benchmark == IDENTITY or record.benchmark.startswith(f"{IDENTITY}/"):
            found.setdefault(record.lane, []).append(record)
    return [null_of(lane, mine) for lane, mine in found.items()]
