"""A workload on the driver against the same on `native`: alternating blocks, a ratio with its interval, and guards.

Absolute times of one run mean little on a shared machine; a ratio of neighbouring blocks does. The order within a pair
is random, so that drift favours neither side. A guard that does not hold makes the result `invalid`: the reason is
shown instead of a verdict.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.records import Arm

#: Pairs of blocks, and resamples of the bootstrap; the seed makes a re-analysis give the same interval.
PAIRS = 12
RESAMPLES = 2000
SEED = 2016
#: A ratio within this band of 1 is called equivalent.
BAND = 1.05

Verdict = Literal["slower", "faster", "equivalent", "inconclusive", "invalid"]


@dataclass(frozen=True)
class Comparison:
    """The ratio arm/baseline of a cost (latency), with its 95 % interval."""

    baseline: Arm
    arm: Arm
    ratio: float
    low: float
    high: float

    def verdict(self, guards: dict[str, bool]) -> Verdict:
        """What the interval shows, where every guard holds."""
        if not all(guards.values()):
            return "invalid"
        if self.low > BAND:
            return "slower"
        if self.high < 1 / BAND:
            return "faster"
        return "equivalent" if self.low >= 1 / BAND and self.high <= BAND else "inconclusive"


def alternate(
    baseline: Callable[[], float], arm: Callable[[], float], pairs: int = PAIRS, seed: int = SEED
) -> tuple[list[float], list[float]]:
    """Measure both sides `pairs` times, in random order within each pair."""
    dice = random.Random(seed)
    sides: tuple[list[float], list[float]] = ([], [])
    for _ in range(pairs):
        for side in dice.sample((0, 1), 2):
            sides[side].append((baseline, arm)[side]())
    return sides


def compare(names: tuple[str, str], baseline: Sequence[float], arm: Sequence[float], seed: int = SEED) -> Comparison:
    """Analyse pairs of positive samples. The same samples give the same result, bit for bit."""
    logs = [math.log(b / a) for a, b in zip(baseline, arm, strict=True)]
    low, high = interval(logs, seed)
    return Comparison(
        summary(names[0], baseline, seed), summary(names[1], arm, seed),
        math.exp(statistics.median(logs)), math.exp(low), math.exp(high),
    )  # fmt: skip


def summary(name: str, samples: Sequence[float], seed: int) -> Arm:
    low, high = interval(samples, seed)
    return Arm(name=name, samples=list(samples), median=statistics.median(samples), low=low, high=high)


def interval(samples: Sequence[float], seed: int) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the median (Efron and Tibshirani 1993, chapter 13)."""
    dice = random.Random(seed)
    medians = sorted(statistics.median(dice.choices(samples, k=len(samples))) for _ in range(RESAMPLES))
    return medians[int(RESAMPLES * 0.025)], medians[int(RESAMPLES * 0.975) - 1]
