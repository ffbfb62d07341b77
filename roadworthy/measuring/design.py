"""Rows of measurements: baseline, baseline again and arm, one after the other in random order, until enough is known.

A guard voids a whole row, never one sample, and nothing that was measured is thrown away: a void row is kept, and
another is taken in its place.
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
#: A place on the axis of a sweep, or a phase of what is measured by its name, or both; None where there is neither.
Point = TypeVar("Point", bound=Hashable)
#: What a row measures one after another: points of an axis, or kinds of calls.
Step = TypeVar("Step")
SIDES: tuple[Side, ...] = ("baseline", "again", "arm")
ORDERS = tuple(itertools.permutations(SIDES))
#: The interval is narrow enough at this half-width.
NARROW = 0.05
#: Void rows one after another after which no more are tried.
MOST_VOID = 3


@dataclass(frozen=True)
class Measured:
    """One measurement: its cost in the metric's unit, and what proves that it happened. `void` names a broken guard.

    One that counts system calls has no cost; `calls` are those by name, by whose they are.
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
    """How long rows are taken: until the interval is narrow or `seconds` are over, but at least `rows`."""

    seconds: float
    rows: int = LEAST_ROWS
    narrow: float = NARROW


#: Where times are not published: as few rows as show whether the counters of each are the same.
UNTIMED = Budget(0.0, rows=3)
#: Seconds for one benchmark, by tier. A night has twenty-five minutes for a driver, a smoke test three.
TIERS = {"smoke": Budget(6.0), "nightly": Budget(20.0), "weekly": Budget(90.0)}


def budget_of(tier: str, seconds: float | None, timed: bool) -> Budget:
    """How long one benchmark takes rows: its tier's time, or what the user gave, or as few as counters need."""
    if not timed:
        return UNTIMED
    return TIERS[tier] if seconds is None else Budget(seconds)


def sequences(steps: Sequence[Step], dice: random.Random) -> Iterator[list[Step]]:
    """Orders of the steps without end: in as many rows as there are steps each one is first, second and last once.

    What comes first bears what is cold for the first time. In an order that never changes that is a cost of the first
    step, and a trend that is none.
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
    """Take rows; the samples of each point that `measure` answers. `before` sets a row up, as with a fresh container.

    In each row all sides take the steps in one order, which changes from row to row. `warm` comes before a side's first
    step and is thrown away: it does on other files what the steps do.

    Void rows are among them. Where the first ones are void at every point, no more are tried; where some are, the whole
    ends after four times the budget.
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
            # Each of the six orders once in six rows: who comes first pays for what the row before has left behind.
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
    """Whether enough is known."""
    return of_samples(("", ""), samples, seed).ratio.half_width <= budget.narrow
