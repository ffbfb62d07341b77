"""Rows of measurements: baseline, baseline again and arm in random order, until the interval is narrow.

A guard voids a whole row, never one sample. A void row is kept in the record, and another row is taken.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from roadworthy.measuring.statistics import LEAST_ROWS, SEED, of_samples, whole_rows
from roadworthy.reports.records import Sample

Side = Literal["baseline", "again", "arm"]
#: A point on the axis of a sweep, the name of a phase, or both; None if there is neither.
Point = TypeVar("Point", bound=Hashable)
#: What a side of a row measures in turn: points of an axis, or kinds of calls.
Step = TypeVar("Step")
SIDES: tuple[Side, ...] = ("baseline", "again", "arm")
ORDERS = tuple(itertools.permutations(SIDES))
#: The half-width at which an interval is narrow enough.
NARROW = 0.05
#: After so many void rows, the rows may end early; see `rows`.
MOST_VOID = 3


@dataclass(frozen=True)
class Measured:
    """One measurement: its cost in the metric's unit, with counters as proof of the work. `void` names a broken guard.

    A measurement that counts system calls has the cost 0; `calls` holds counts by process group and call name.
    """

    cost: float
    operations: int = 0
    bytes: int = 0
    counters: Mapping[str, float] = field(default_factory=dict)
    void: str = ""
    raw: str = ""
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Budget:
    """When rows end: when the interval is narrow or `seconds` have passed, but not before `rows` rows."""

    seconds: float
    rows: int = LEAST_ROWS
    narrow: float = NARROW


#: The budget if times are not published: enough rows to show whether their counters agree.
UNTIMED = Budget(0.0, rows=3)
#: The budget of one benchmark, by tier. A nightly run has twenty-five minutes for a driver, a smoke test three.
TIERS = {"smoke": Budget(6.0), "nightly": Budget(20.0), "weekly": Budget(90.0)}


def budget_of(tier: str, seconds: float | None, timed: bool) -> Budget:
    """The budget of a benchmark: that of its tier, or `seconds` from the user; UNTIMED if times are not published."""
    if not timed:
        return UNTIMED
    return TIERS[tier] if seconds is None else Budget(seconds)


def sequences(steps: Sequence[Step], dice: random.Random) -> Iterator[list[Step]]:
    """Yield orders of the steps without end: in each n orders of n steps, every step is at every place once.

    The first step of a row pays for cold caches. In a fixed order, one step would always pay, and a sweep would show a
    trend that does not exist.
    """
    while True:
        mixed = dice.sample(list(steps), len(steps))
        turns = [mixed[at:] + mixed[:at] for at in range(len(mixed))]
        yield from dice.sample(turns, len(turns))


def rows(
    budget: Budget,
    measure: Callable[[Side, Step], Mapping[Point, Measured]],
    steps: Sequence[Step],
    before: Callable[[], None] = lambda: None,
    warm: Callable[[Side], object] = lambda side: None,
    seed: int = SEED,
    clock: Callable[[], float] = time.monotonic,
) -> dict[Point, list[Sample]]:
    """Take rows; return the samples of each point that `measure` returns, void ones included.

    `before` prepares a row, for instance with a fresh container. In each row all sides take the steps in one order,
    which changes from row to row. `warm` runs before a side's first step and is not measured: it does on other files
    what the steps do.

    If the first rows are void at every point, rows end after MOST_VOID of them; if some point lacks valid rows, they
    end after four times the budget.
    """
    dice = random.Random(seed)
    begun = clock()
    samples: dict[Point, list[Sample]] = {}
    orders: list[tuple[Side, ...]] = []
    turns = sequences(steps, random.Random(seed))
    number = 0
    while True:
        before()
        if not orders:
            # Six rows have the six orders, once each: the first side pays for what the row before left behind.
            orders = dice.sample(ORDERS, len(ORDERS))
        turn = next(turns)
        for order, side in enumerate(orders.pop()):
            warm(side)
            for place, step in enumerate(turn):
                for point, found in measure(side, step).items():
                    samples.setdefault(point, []).append(
                        Sample(
                            row=number, order=order, place=place, side=side, value=found.cost,
                            operations=found.operations, bytes=found.bytes, counters=dict(found.counters),
                            void=found.void, raw=found.raw,
                        )
                    )  # fmt: skip
        number += 1
        passed = clock() - begun
        counts = [len(whole_rows(found)) for found in samples.values()]
        if min(counts) < budget.rows:
            if number - min(counts) >= MOST_VOID and (max(counts) == 0 or passed > 4 * budget.seconds):
                return samples
        elif passed >= budget.seconds or all(narrow(found, budget, seed) for found in samples.values()):
            return samples


def narrow(samples: list[Sample], budget: Budget, seed: int) -> bool:
    """Whether the ratio's interval is narrow enough for the budget."""
    return of_samples(("", ""), samples, seed).ratio.half_width <= budget.narrow
