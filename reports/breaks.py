"""Where a series of nights breaks: change points that last, split where the environment changes.

They are found by ruptures' kernel change points (Arlot, Celisse and Harchaoui 2019) on log-ratios in units of the
series' own noise; the kernel is short enough that a single odd night has no effect. The penalty was tuned on simulated
series without a change (tests hold it): three in a hundred noisy ones show a break of a tenth, and no quiet one does,
before the correction for the number of series.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from roadworthy.reports.changes import FALSE_DISCOVERIES, MAGNITUDE, beyond, corrections
from roadworthy.reports.environment import differences
from roadworthy.reports.series import NORMAL, Night, Series

#: Fewer nights say too little about a time's noise.
LEAST_NIGHTS = 14
#: A change that lasts fewer nights does not count.
LASTING = 3
#: A single last night is reported if its whole interval is beyond this ratio.
ALARM = 1.25
PENALTY = 1.6
#: The width of the kernel: it distinguishes levels that are sqrt(1/0.1) times the spread of a night apart.
GAMMA = 0.1
#: Half of the normal distribution lies within so many standard deviations of its middle.
QUARTILE = 0.6745

What = Literal["regression", "improvement", "count changed", "environment", "alarm"]
#: What makes the exit status 1 while it is recent.
ALERTS: frozenset[What] = frozenset({"regression", "count changed", "alarm"})


@dataclass(frozen=True)
class Break:
    """Something that happened in a series on the night `at` (an index into its nights), and what it was before."""

    series: Series
    at: int
    what: What
    before: float
    after: float
    chance: float | None = None
    environment: tuple[str, ...] = ()

    @property
    def night(self) -> Night:
        return self.series.nights[self.at]

    @property
    def age(self) -> int:
        """How many nights were measured since then."""
        return len(self.series.nights) - 1 - self.at


def breaks(found: Sequence[Series]) -> tuple[Break, ...]:
    """Return what happened in all series, the newest first; times are corrected for the number of series."""
    counts = [one for series in found if series.kind == "count" for one in _of_counts(series)]
    times = [series for series in found if series.kind == "time"]
    # A series without a candidate counts as one that was tested.
    looked = [one for series in times for one in list(_of_times(series)) or [_nothing(series)]]
    corrected = zip(looked, corrections([one.chance for one in looked]), strict=True)
    sure = [replace(one, chance=chance) for one, chance in corrected]
    lasting = [one for one in sure if one.chance is not None and one.chance <= FALSE_DISCOVERIES]
    alarms = [one for series in times for one in _alarm(series, lasting)]
    return tuple(sorted([*counts, *lasting, *alarms], key=lambda one: (one.age, one.series.name)))


def too_short(series: Series) -> bool:
    """Whether a time was measured on too few nights for change points."""
    return series.kind == "time" and len(series.usable) < LEAST_NIGHTS


def change_points(values: Sequence[float], noise: float) -> list[int]:
    """Return where the level of `values` changes, as indices of the first value of each new level."""
    import numpy
    import ruptures

    if len(values) < 2 * LASTING:
        return []
    middle = statistics.median(values)
    scaled = numpy.array([[(value - middle) / noise] for value in values])
    search = ruptures.KernelCPD(kernel="rbf", min_size=LASTING, params={"gamma": GAMMA})
    found = search.fit(scaled).predict(pen=PENALTY)
    return [int(place) for place in found[:-1]]


def lasts(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether at least three nights on either side lie nearer to their own side's level."""
    middle = (statistics.median(before) + statistics.median(after)) / 2
    rises = statistics.median(after) > middle
    sides = ((before, not rises), (after, rises))
    return all(sum((value > middle) == above for value in side) >= LASTING for side, above in sides)


def noise_of(values: Sequence[float], nights: Sequence[Night]) -> float:
    """Return the spread of a night around its level, from neighbours, so that a step does not count as noise.

    It is at least the median error of the nights' own intervals.
    """
    steps = [abs(later - earlier) for earlier, later in itertools.pairwise(values)]
    spread = statistics.median(steps) / QUARTILE / math.sqrt(2) if steps else 0.0
    return max(spread, statistics.median(night.error for night in nights), 1e-4)


def _of_counts(series: Series) -> Iterator[Break]:
    for at, (before, after) in enumerate(itertools.pairwise(series.nights), start=1):
        if beyond(after.value, before.value, series.tolerance):
            changed = differences(before.environment, after.environment)
            yield Break(series, at, "count changed", before.value, after.value, environment=changed)


def _of_times(series: Series) -> Iterator[Break]:
    """The candidates of one series: change points between two environments, and where the environment changed."""
    places = [at for at, night in enumerate(series.nights) if not night.withheld]
    if len(places) < LEAST_NIGHTS:
        return
    nights = [series.nights[at] for at in places]
    logs = [night.log for night in nights]
    noise = noise_of(logs, nights)
    splits = [at for at in range(1, len(nights)) if nights[at].environment != nights[at - 1].environment]
    edges = [0, *splits, len(nights)]
    points = [start + point for start, end in itertools.pairwise(edges)
              for point in change_points(logs[start:end], noise)]  # fmt: skip
    levels = sorted({0, len(nights), *splits, *points})
    for start, at, end in zip(levels, levels[1:], levels[2:], strict=False):
        before, after = logs[start:at], logs[at:end]
        step = statistics.median(after) - statistics.median(before)
        if abs(step) <= math.log(MAGNITUDE) or not lasts(before, after):
            continue
        environment = differences(nights[at - 1].environment, nights[at].environment)
        what: What = "environment" if environment else "regression" if step > 0 else "improvement"
        yield Break(
            series, places[at], what, math.exp(statistics.median(before)),
            math.exp(statistics.median(after)), _chance(step, noise, len(before), len(after), len(nights)), environment,
        )  # fmt: skip


def _chance(step: float, noise: float, before: int, after: int, tried: int) -> float:
    """Return how likely such a step is without a change, at the best of `tried` places."""
    from scipy import stats

    t = abs(step) / (noise * math.sqrt(1 / before + 1 / after))
    return min(1.0, tried * 2 * float(stats.t.sf(t, tried - 2)))


def _nothing(series: Series) -> Break:
    """A placeholder for a series in which nothing happened."""
    return Break(series, 0, "improvement", 1.0, 1.0, chance=1.0)


def _alarm(series: Series, known: Sequence[Break]) -> Iterator[Break]:
    """Yield the last night if its whole interval lies beyond ALARM; it needs a second run to confirm it."""
    nights = series.usable
    if len(nights) <= LASTING or nights[-1] is not series.nights[-1]:
        return
    begun = max((one.at for one in known if one.series is series), default=0)
    reference = [night for night in series.nights[begun:-1] if not night.withheld]
    if len(reference) < LASTING:
        return
    level, last = statistics.median(night.log for night in reference), nights[-1]
    if last.log - NORMAL * last.error - level > math.log(ALARM):
        environment = differences(reference[-1].environment, last.environment)
        what: What = "environment" if environment else "alarm"
        at = len(series.nights) - 1
        yield Break(series, at, what, math.exp(level), last.value, environment=environment)
