"""Compare two runs: counts exactly, times by their intervals, corrected for the number of comparisons.

A time has changed if the difference of two log-ratios is further from zero than their intervals explain, after
Benjamini and Hochberg's correction over all times, and by more than a tenth. If kernel, engine, tools or machine
differ, the difference is attributed to them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from roadworthy.reports.environment import differences
from roadworthy.reports.series import NORMAL, Night, Series

#: A smaller change of a time does not count; two times within this band are called equivalent.
MAGNITUDE = 1.10
#: The share of reported changes that may be chance.
FALSE_DISCOVERIES = 0.05

Outcome = Literal["changed", "regressed", "improved", "environment", "undecided", "unchanged", "not compared"]
#: The order of a table.
OUTCOMES: tuple[Outcome, ...] = (
    "changed", "regressed", "improved", "environment", "undecided", "unchanged", "not compared",
)  # fmt: skip
#: Outcomes that need attention.
ALERTS: frozenset[Outcome] = frozenset({"changed", "regressed"})


@dataclass(frozen=True)
class Change:
    """One number before and after. `factor` is after/before with its interval; `chance` is the corrected p value."""

    series: Series
    before: Night | None
    after: Night | None
    factor: float | None
    low: float | None
    high: float | None
    chance: float | None
    outcome: Outcome
    environment: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Difference:
    """The difference of two log-ratios, with its standard error and its p value."""

    log: float
    error: float

    @classmethod
    def of(cls, before: Night, after: Night) -> Difference:
        return cls(after.log - before.log, math.hypot(before.error, after.error))

    @property
    def p(self) -> float:
        """The two-sided p value of the normal distribution, to which medians of a dozen rows and more are close."""
        if self.error == 0:
            return 1.0 if self.log == 0 else 0.0
        return math.erfc(abs(self.log) / self.error / math.sqrt(2))

    @property
    def interval(self) -> tuple[float, float]:
        return math.exp(self.log - NORMAL * self.error), math.exp(self.log + NORMAL * self.error)


def compare(before: Sequence[Series], after: Sequence[Series]) -> tuple[Change, ...]:
    """Compare the newest number of every series; alerts come first, then by name."""
    keys = {one.key: one for one in (*before, *after)}
    olds, news = ({one.key: one for one in side} for side in (before, after))
    pairs = [(keys[key], olds.get(key), news.get(key)) for key in sorted(keys)]
    found = [_change(series, _newest(old), _newest(new)) for series, old, new in pairs]
    corrected = corrections([change.chance for change in found])
    judged = [_judged(change, chance) for change, chance in zip(found, corrected, strict=True)]
    return tuple(sorted(judged, key=lambda change: (OUTCOMES.index(change.outcome), change.series.key)))


def corrections(chances: Sequence[float | None]) -> list[float | None]:
    """Correct p values for their number (Benjamini and Hochberg 1995); None stays None."""
    from scipy import stats

    known = [chance for chance in chances if chance is not None]
    corrected = iter(stats.false_discovery_control(known).tolist() if known else [])
    return [None if chance is None else next(corrected) for chance in chances]


def beyond(value: float, reference: float, tolerance: float) -> bool:
    """Whether a count has changed; `tolerance` is the share of `reference` by which it may differ."""
    return abs(value - reference) > tolerance * abs(reference)


def _newest(one: Series | None) -> Night | None:
    return one.nights[-1] if one else None


def _change(series: Series, before: Night | None, after: Night | None) -> Change:
    """The numbers of a change; `chance` is not corrected yet, and the outcome of a time is still undecided."""
    if before is None or after is None:
        side = "before" if after is None else "after"
        return Change(series, before, after, None, None, None, None, "not compared", reason=f"only measured {side}")
    changed = differences(before.environment, after.environment)
    for side, night in (("before", before), ("after", after)):
        if night.withheld:
            reason = f"{side}: {night.withheld}"
            return Change(series, before, after, None, None, None, None, "not compared", changed, reason)
    if series.kind == "count":
        factor = after.value / before.value if before.value else None
        differs = beyond(after.value, before.value, series.tolerance)
        outcome: Outcome = "changed" if differs else "unchanged"
        return Change(series, before, after, factor, None, None, None, outcome, changed)
    difference = Difference.of(before, after)
    low, high = difference.interval
    return Change(series, before, after, math.exp(difference.log), low, high, difference.p, "undecided", changed)


def _judged(change: Change, chance: float | None) -> Change:
    """The change with its corrected chance and, for a time, its outcome."""
    if chance is None or change.factor is None or change.low is None or change.high is None:
        return change
    outcome: Outcome = "undecided"
    if chance <= FALSE_DISCOVERIES and not 1 / MAGNITUDE < change.factor < MAGNITUDE:
        outcome = "regressed" if change.factor > 1 else "improved"
        if change.environment:
            outcome = "environment"
    elif change.low >= 1 / MAGNITUDE and change.high <= MAGNITUDE:
        outcome = "unchanged"
    numbers = (change.factor, change.low, change.high)
    return Change(
        change.series, change.before, change.after, *numbers, chance, outcome, change.environment, change.reason
    )
