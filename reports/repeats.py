"""The verdicts of several rounds of one check: how often they disagreed, and an upper bound of that rate."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roadworthy.reports.records import WORST_FIRST, Result, Verdict

#: The confidence of an upper bound.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Tally:
    """The verdicts of one check's rounds on one lane, worst first, with how often each occurred."""

    counts: tuple[tuple[Verdict, int], ...]

    @classmethod
    def of(cls, results: Iterable[Result]) -> Tally:
        counted = Counter(result.verdict for result in results)
        return cls(tuple((verdict, counted[verdict]) for verdict in WORST_FIRST if counted[verdict]))

    @property
    def rounds(self) -> int:
        return sum(count for _, count in self.counts)

    @property
    def flaky(self) -> bool:
        """Whether the rounds disagreed."""
        return len(self.counts) > 1

    @property
    def odd(self) -> int:
        """How many rounds had another verdict than most."""
        return self.rounds - max((count for _, count in self.counts), default=0)

    @property
    def rate(self) -> float:
        """The share of rounds with another verdict than most."""
        return self.odd / self.rounds if self.rounds else 0.0

    @property
    def bound(self) -> float:
        """The upper bound of the rate, with 95 % confidence."""
        return upper_bound(self.odd, self.rounds)

    def __str__(self) -> str:
        return ", ".join(f"{count} {verdict}" for verdict, count in self.counts)

    def sentence(self) -> str:
        """Rate and bound as a phrase."""
        return f"{self.odd} of {self.rounds} rounds differ ({self.rate:.1%}; below {self.bound:.1%} at 95 %)"


def upper_bound(odd: int, rounds: int, confidence: float = CONFIDENCE) -> float:
    """The Clopper-Pearson upper bound, one-sided: for none of n it is close to 3/n, the rule of three.

    It is the rate at which `odd` or fewer of `rounds` would be seen once in twenty times. Raises ValueError.
    """
    if not 0 <= odd <= rounds:
        raise ValueError(f"{odd} of {rounds} rounds")
    if odd == rounds:
        return 1.0
    low, high = odd / rounds, 1.0
    while high - low > 1e-12:
        rate = (low + high) / 2
        seen = sum(probability(k, rounds, rate) for k in range(odd + 1))
        low, high = (rate, high) if seen > 1 - confidence else (low, rate)
    return high


def probability(odd: int, rounds: int, rate: float) -> float:
    """The binomial distribution, through logarithms, because the factorials of a whole run are too large for floats."""
    ways = math.lgamma(rounds + 1) - math.lgamma(odd + 1) - math.lgamma(rounds - odd + 1)
    return math.exp(ways + odd * math.log(rate) + (rounds - odd) * math.log1p(-rate))


def by_check(results: Iterable[Result]) -> dict[tuple[str, str], list[Result]]:
    """The rounds of each check on each lane, in the order in which they were recorded."""
    found: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        found.setdefault((result.lane, result.check), []).append(result)
    return found


def flaky(results: Iterable[Result]) -> list[tuple[str, str, Tally]]:
    """Lane, check and tally of every check whose rounds disagreed."""
    tallies = [(*key, Tally.of(rounds)) for key, rounds in by_check(results).items()]
    return [found for found in tallies if found[2].flaky]


def worst_of(rounds: Sequence[Result]) -> Result:
    """The first of the results with the worst verdict."""
    return min(rounds, key=lambda result: WORST_FIRST.index(result.verdict))
