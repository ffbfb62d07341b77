"""The null driver: whether the records of `suite/null` show no difference if the driver plays no part.

If a container's files are plain files of the backing file system, calls on them bypass the driver. A difference from
the volume is then a fault of the benchmark, which A/A cannot show if it affects both baselines.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roadworthy.reports.records import Benchmark

#: The benchmark whose records are judged.
IDENTITY = "suite/null"
#: The largest share of cells that may differ.
SHARE = 0.05
#: A side is favoured if a split at least as uneven has a smaller probability than this.
CHANCE = 0.001
#: The least number of cells: with fewer, a single difference would exceed the share.
LEAST = 20
#: The least number of rows of a cell.
ROWS = 12


@dataclass(frozen=True)
class Null:
    """The cells of one lane. `differing` names those that differ; `below` and `above` count ratios by side of 1."""

    lane: str
    cells: int
    differing: tuple[str, ...]
    below: int
    above: int

    @property
    def chance(self) -> float:
        """The p value of the two-sided sign test: how likely a coin falls at least as unevenly."""
        tosses = self.below + self.above
        if not tosses:
            return 1.0
        least = min(self.below, self.above)
        return min(1.0, 2 * sum(math.comb(tosses, heads) for heads in range(least + 1)) * 0.5**tosses)

    @property
    def holds(self) -> bool | None:
        """Whether no more cells differ than may and no side is favoured; None if there are too few cells."""
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
    """Judge records of one lane.

    Records that are invalid, have too few rows, or are not published are left out.
    """
    shown = (record for record in records if record.verdict != "invalid" and not record.unpublished)
    cells = [record for record in shown if len(record.arm.samples) >= ROWS]
    differing = (f"{one.metric} {one.ratio:.2f}" for one in cells if one.verdict in ("slower", "faster"))
    below, above = (sum(sign * one.ratio > sign for one in cells) for sign in (-1, 1))
    return Null(lane, len(cells), tuple(differing), below, above)


def nulls(records: Iterable[Benchmark]) -> list[Null]:
    """Judge each lane that has records of the null driver."""
    found: dict[str, list[Benchmark]] = {}
    for record in records:
        if record.benchmark == IDENTITY or record.benchmark.startswith(f"{IDENTITY}/"):
            found.setdefault(record.lane, []).append(record)
    return [null_of(lane, mine) for lane, mine in found.items()]
