"""The analysis of samples: ratios with intervals, slopes, verdicts. Equal samples give equal results, bit for bit.

Absolute times of one run mean little on a shared machine, but ratios within a row are meaningful. Every row has the
baseline twice and the arm once, so that each result comes with the difference of the baseline from itself.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from roadworthy.reports.records import Added, Arm, Curve, Sample, Twin

#: The version of the method, stored with every record; it changes if equal samples may give another result.
METHOD = "5"
RESAMPLES = 2000
SEED = 2016
#: `slower` and `faster` need a ratio beyond this one, because nobody notices a smaller difference.
MARGIN = 1.05
#: `equivalent` needs the whole interval within this ratio of 1.
BAND = 1.10
#: `slower` and `faster` need an interval whose distance from 1 is at least this share of its width: if it is closer,
#: too many resamples come near 1. An interval of a dozen rows is also too narrow.
APART = 0.25

#: From this ratio on, the cost that the arm adds is published beside the ratio.
FAR = 3.0
#: Fewer rows give no verdict, because so few can lie on one side by chance.
LEAST_ROWS = 12

Verdict = Literal["slower", "faster", "equivalent", "inconclusive"]


@dataclass(frozen=True)
class Ratio:
    """A ratio of costs with its 95 % interval."""

    ratio: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """The verdict of the interval alone."""
        if self.apart and self.ratio > MARGIN:
            return "slower"
        if self.apart and self.ratio < 1 / MARGIN:
            return "faster"
        return "equivalent" if self.low >= 1 / BAND and self.high <= BAND else "inconclusive"

    @property
    def apart(self) -> bool:
        """Whether the interval is on one side of 1 and far enough from it for its width, on the logarithmic scale."""
        low, high = math.log(self.low), math.log(self.high)
        distance = max(low, -high)
        return distance > 0 and distance >= APART * (high - low)

    @property
    def half_width(self) -> float:
        """Half the interval's width on the logarithmic scale, as a share of the ratio."""
        return math.expm1((math.log(self.high) - math.log(self.low)) / 2)


@dataclass(frozen=True)
class Analysis:
    """The result of analysing rows."""

    baseline: Arm
    arm: Arm
    ratio: Ratio
    twin: Ratio
    added: Added | None = None

    def twin_record(self) -> Twin:
        return Twin(ratio=self.twin.ratio, low=self.twin.low, high=self.twin.high, verdict=self.twin.verdict)


def analyse(
    names: tuple[str, str], baseline: Sequence[float], again: Sequence[float], arm: Sequence[float], seed: int = SEED,
    places: Sequence[Sequence[float]] = (),
) -> Analysis:  # fmt: skip
    """Analyse rows of positive costs. The arm is compared with each of the two baselines in its row.

    The mean of the two would be a biased baseline: noise only adds time, and a mean of two samples is disturbed more
    often than one sample. With three equal sides, that made the arm seem the fastest.

    `places` has, for each side, the logarithms of the effects of its places in the rows, see `place_effects`.
    """
    rows = zip(*([math.log(value) for value in side] for side in (baseline, again, arm)), strict=True)
    added = zip(*places, strict=True) if places else ((0.0, 0.0, 0.0) for _ in arm)
    logs = [
        [log - effect for log, effect in zip(row, more, strict=True)] for row, more in zip(rows, added, strict=True)
    ]
    return Analysis(
        summary(names[0], [*baseline, *again], seed), summary(names[1], arm, seed),
        ratio_of([[c - a, c - b] for a, b, c in logs], seed), ratio_of([[b - a] for a, b, _ in logs], seed),
    )  # fmt: skip


def of_samples(names: tuple[str, str], samples: Sequence[Sample], seed: int = SEED) -> Analysis:
    """Analyse stored samples; rows with a void sample are left out. Raises ValueError if no row is left."""
    rows = whole_rows(samples)
    if not rows:
        raise ValueError("no row in which all guards held")
    effects = place_effects(rows)
    sides = ("baseline", "again", "arm")
    baseline, again, arm = ([row[side].value for row in rows] for side in sides)
    places = [[effects[row[side].order] for row in rows] for side in sides]
    found = analyse(names, baseline, again, arm, seed, places)
    return replace(found, added=added(rows, seed)) if found.ratio.ratio >= FAR else found


def added(rows: Sequence[Mapping[str, Sample]], seed: int = SEED) -> Added:
    """The median difference of the arm from the baselines in its row, its interval, and the flushes in it."""
    differences = [[row["arm"].value - row[side].value for side in ("baseline", "again")] for row in rows]
    low, high = interval_of_rows(differences, seed)
    arm, baseline = (flushes(rows, sides) for sides in (("arm",), ("baseline", "again")))
    value = statistics.median(itertools.chain.from_iterable(differences))
    return Added(value=value, low=low, high=high, flushes=max(0.0, arm - baseline))


def flushes(rows: Sequence[Mapping[str, Sample]], sides: Sequence[str]) -> float:
    """The device's flushes per operation of these sides; 0 if none are counted."""
    samples = [row[side] for row in rows for side in sides]
    counted = sum(sample.counters.get("device flushes", 0.0) for sample in samples)
    return counted / (sum(sample.operations for sample in samples) or 1)


def place_effects(rows: Sequence[Mapping[str, Sample]]) -> dict[int, float]:
    """The effect of each place in a row on the logarithm of a cost, independent of the side.

    The first side of a row often pays for what the row before left behind, or for a container's first lookups. Every
    side has every place equally often, so that the effect biases no side; it is removed because it would widen the
    interval. It is estimated once from all rows, not in each resampling, and the interval omits its uncertainty.
    """
    found: dict[int, list[float]] = {}
    for side in ("baseline", "again", "arm"):
        usual = statistics.median(math.log(row[side].value) for row in rows)
        for row in rows:
            found.setdefault(row[side].order, []).append(math.log(row[side].value) - usual)
    return {order: statistics.median(effects) for order, effects in found.items()}


def whole_rows(samples: Sequence[Sample]) -> list[Mapping[str, Sample]]:
    """The rows that have three samples, none of them void, in their order."""
    rows: dict[int, dict[str, Sample]] = {}
    for sample in samples:
        rows.setdefault(sample.row, {})[sample.side] = sample
    return [row for _, row in sorted(rows.items()) if len(row) == 3 and not any(s.void for s in row.values())]


def unvoided(sample: Sample) -> Sample:
    """Return the sample as if its guards had held, for the numbers shown beside `invalid`."""
    return msgspec.structs.replace(sample, void="")


def ratio_of(rows: Sequence[Sequence[float]], seed: int = SEED) -> Ratio:
    """The median ratio and its interval, from rows of log-ratios; rows have one length and are resampled whole."""
    low, high = interval_of_rows(rows, seed)
    return Ratio(math.exp(statistics.median(itertools.chain.from_iterable(rows))), math.exp(low), math.exp(high))


def summary(name: str, samples: Sequence[float], seed: int = SEED) -> Arm:
    low, high = interval(samples, seed)
    return Arm(name=name, samples=list(samples), median=statistics.median(samples), low=low, high=high)


def interval(samples: Sequence[float], seed: int = SEED) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the median (Efron and Tibshirani 1993, chapter 13)."""
    return interval_of_rows([[sample] for sample in samples], seed)


def interval_of_rows(rows: Sequence[Sequence[float]], seed: int = SEED) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the median of all values in rows; rows are resampled whole."""
    import numpy
    from scipy import stats

    if len({tuple(row) for row in rows}) == 1:
        only = statistics.median(rows[0])
        return only, only  # nothing to resample; scipy warns about it
    found = stats.bootstrap(
        tuple(numpy.asarray(column) for column in zip(*rows, strict=True)),
        lambda *columns, axis: numpy.median(numpy.concatenate(columns, axis=axis), axis=axis),
        paired=True, vectorized=True, axis=0, n_resamples=RESAMPLES, confidence_level=0.95, method="percentile",
        rng=numpy.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)


def curve(name: str, points: Mapping[float, Sequence[Sample]]) -> Curve:
    """The Theil-Sen line through the samples at each point of an axis (Sen 1968), with the slope's 95 % interval.

    The effect of a sample's place in the row, see `point_effects`, is removed first; medians stay as measured.
    """
    from scipy import stats

    effects = point_effects(points)
    xs = [x for x, samples in points.items() for _ in samples]
    ys = [sample.value / effects[sample.place] for samples in points.values() for sample in samples]
    medians = [(x, statistics.median(sample.value for sample in samples)) for x, samples in sorted(points.items())]
    places = [effects[place] for place in sorted(effects)]
    if len(set(ys)) == 1:  # nothing to estimate, and too many ties for scipy's variance
        return Curve(
            name=name, points=medians, slope=0.0, slope_low=0.0, slope_high=0.0, intercept=ys[0], places=places
        )  # fmt: skip
    line = stats.theilslopes(ys, xs, alpha=0.95)
    return Curve(
        name=name, points=medians, slope=float(line.slope), slope_low=float(line.low_slope),
        slope_high=float(line.high_slope), intercept=float(line.intercept), places=places,
    )  # fmt: skip


def point_effects(points: Mapping[float, Sequence[Sample]]) -> dict[int, float]:
    """The factor by which each place among the points of a row raises a cost, independent of the point."""
    found: dict[int, list[float]] = {}
    for samples in points.values():
        usual = statistics.median(sample.value for sample in samples)
        for sample in samples:
            found.setdefault(sample.place, []).append(sample.value / usual)
    return {place: statistics.median(factors) for place, factors in found.items()}


def trend_verdict(baseline: Curve, arm: Curve) -> Literal["grows", "falls", "flat", "inconclusive"]:
    """Whether the arm's cost grows along the axis by more than the baseline's.

    `grows` needs a slope interval above the baseline's, and a rise over the axis of more than a tenth of the lowest
    cost, `falls` the opposite; `flat` needs an interval that excludes both.
    """
    first, last = arm.points[0][0], arm.points[-1][0]
    least = 0.1 * min(cost for _, cost in arm.points)
    low, high = ((slope - baseline.slope) * (last - first) for slope in (arm.slope_low, arm.slope_high))
    if arm.slope_low > baseline.slope_high and low > least:
        return "grows"
    if arm.slope_high < baseline.slope_low and high < -least:
        return "falls"
    return "flat" if -least <= low and high <= least else "inconclusive"


def quantiles(bins: Mapping[float, int], wanted: Mapping[str, float]) -> dict[str, float]:
    """Quantiles of a histogram summed over blocks, because percentiles of blocks must not be averaged."""
    total = sum(bins.values())
    found: dict[str, float] = {}
    for name, share in wanted.items():
        seen = 0
        for value in sorted(bins):
            seen += bins[value]
            if seen >= share * total:
                found[name] = value
                break
    return found


def answer(guards: Mapping[str, bool], analysis: Analysis | None, void: str) -> tuple[Any, str]:
    """The verdict of a record and its reason.

    Broken guards, too few rows, and a baseline that differs from itself take precedence over the ratio's own verdict.
    """
    broken = [sentence for sentence, holds in guards.items() if not holds]
    if broken:
        return "invalid", "; ".join(f"not true: {sentence}" for sentence in broken)
    if analysis is None:
        return "invalid", f"not true: {void}" if void else "no row in which all guards held"
    rows = len(analysis.arm.samples)
    if rows < LEAST_ROWS:
        why = f", in others not: {void}" if void else ""
        return "inconclusive", f"all guards held in {rows} rows of the {LEAST_ROWS} that it takes{why}"
    if analysis.twin.verdict in ("slower", "faster"):
        # A difference must exceed that of the baseline from itself.
        itself = max(analysis.twin.high, 1 / analysis.twin.low)
        if not (analysis.ratio.low > itself or analysis.ratio.high < 1 / itself):
            own = f"{analysis.twin.verdict} than itself ({analysis.twin.ratio:.2f})"
            return "inconclusive", f"the baseline is {own}: nothing can be told"
    return analysis.ratio.verdict, ""
