"""What samples show: intervals, verdicts, slopes; what is there is found, what is not there is not."""

import dataclasses
import itertools
import math
import random

import msgspec
import pytest

from roadworthy.measuring.statistics import (
    METHOD,
    Ratio,
    added,
    analyse,
    answer,
    curve,
    flushes,
    interval,
    interval_of_rows,
    of_samples,
    quantiles,
    trend_verdict,
    unvoided,
    whole_rows,
)
from roadworthy.reports.records import Curve, Sample

NAMES = ("native", "overlay2")


def simulated(effect, seed, rows=40, spread=0.08):
    """Rows of a noisy machine: a drifting level, noise on every sample, an arm that costs `effect` times more."""
    dice = random.Random(seed)
    level, found = 100.0, ([], [], [])
    for _ in range(rows):
        level *= math.exp(dice.gauss(0, 0.1))
        for side, factor in zip(found, (1.0, 1.0, effect), strict=True):
            side.append(level * factor * math.exp(dice.gauss(0, spread)))
    return found


def samples_of(rows, void=()):
    return [
        Sample(row=row, order=order, side=side, value=value, void="broken" if row in void else "")
        for row, values in enumerate(zip(*rows, strict=True))
        for order, (side, value) in enumerate(zip(("baseline", "again", "arm"), values, strict=True))
    ]


def test_what_this_version_of_the_method_says_of_some_samples():
    """Stored records name the version: other numbers for these samples need another one."""
    found = analyse(NAMES, *simulated(1.1, 7))
    assert (found.baseline.name, found.arm.name) == NAMES
    numbers = (found.ratio.ratio, found.ratio.low, found.ratio.high, found.twin.low, found.baseline.high)
    expected = (1.0789812834261996, 1.0440087508118956, 1.104869627727069, 0.9940821901794539, 61.90238011377916)
    assert (METHOD, numbers) == ("5", pytest.approx(expected, rel=1e-9))
    placed = of_samples(NAMES, flushed())
    numbers = (placed.ratio.low, placed.ratio.high, placed.added.low, placed.added.high)
    expected = (747.1970539918893, 816.8455328286523, 3773262.888252399, 5484094.980895667)
    assert numbers == pytest.approx(expected, rel=1e-9)


def test_a_slowdown_of_a_fifth_is_found():
    """Of ten tries with an arm that costs 20 % more, nine or more say slower."""
    found = [analyse(NAMES, *simulated(1.2, seed)).ratio.verdict for seed in range(10)]
    assert found.count("slower") >= 9


def test_a_speedup_of_a_fifth_is_found():
    """The sign is right the other way round too."""
    found = [analyse(NAMES, *simulated(1 / 1.2, seed)).ratio.verdict for seed in range(10)]
    assert found.count("faster") >= 9


def test_nothing_is_found_where_nothing_is():
    """Of twenty tries with equal arms, nineteen or more are silent; and so is the baseline against itself."""
    found = [analyse(NAMES, *simulated(1.0, seed)) for seed in range(100, 120)]
    assert sum(one.ratio.verdict in ("slower", "faster") for one in found) <= 1
    assert sum(one.twin.verdict in ("slower", "faster") for one in found) <= 1


def test_noise_that_only_adds_favours_no_side():
    """Sides that are alike lie below 1 as often as above it, however skewed what disturbs them."""
    below = differing = 0
    for seed in range(200):
        dice = random.Random(seed)
        rows = [[math.exp(dice.expovariate(1 / 0.1)) for _ in range(12)] for _ in range(3)]
        found = analyse(NAMES, *rows).ratio
        below += found.ratio < 1
        differing += found.high < 1
    assert 80 <= below <= 120  # the middle 99.5 % of two hundred throws of a coin
    assert differing <= 16  # 2.5 in a hundred, and what intervals of a dozen rows are too narrow


def test_on_a_busy_machine_alike_is_seldom_told_apart():
    """Noise that is three times a difference: of two hundred comparisons of like with like, few say anything."""
    found = [analyse(NAMES, *simulated(1.0, seed, rows=12, spread=0.4)) for seed in range(200)]
    told = [one for ratio in found for one in (ratio.ratio, ratio.twin) if one.verdict in ("slower", "faster")]
    assert len(told) <= 15  # two in a hundred are 8 of 400; the binomial's upper 99 % are 15


def test_the_same_samples_give_the_same_answer():
    """A re-analysis is equal bit for bit."""
    rows = simulated(1.1, 7)
    assert analyse(NAMES, *rows) == analyse(NAMES, *rows)


def test_the_interval_holds_the_truth():
    """A 95 % interval misses the true median now and then, and not often."""
    missed = 0
    for seed in range(100):
        dice = random.Random(seed)
        low, high = interval([dice.gauss(10, 1) for _ in range(25)])
        missed += not low <= 10 <= high
    assert missed <= 12


def test_equal_samples_have_no_width():
    """Counters repeat exactly; their interval is a point."""
    assert interval([3.0, 3.0, 3.0]) == (3.0, 3.0)


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (Ratio(1.2, 1.1, 1.3), "slower"),
        (Ratio(0.8, 0.7, 0.9), "faster"),
        (Ratio(1.61, 1.21, 8.14), "inconclusive"),
        (Ratio(1 / 1.61, 1 / 8.14, 1 / 1.21), "inconclusive"),
        (Ratio(1.2, 1.03, 1.3), "inconclusive"),
        (Ratio(990.87, 166.93, 1594.58), "slower"),
        (Ratio(1.01, 0.97, 1.05), "equivalent"),
        (Ratio(1.04, 1.01, 1.06), "equivalent"),
        (Ratio(1.2, 0.9, 1.5), "inconclusive"),
        (Ratio(1.04, 1.01, 1.2), "inconclusive"),
        # At a bound: a difference that counts is beyond it, what is equivalent is within.
        (Ratio(1.05, 1.04, 1.06), "equivalent"),
        (Ratio(1 / 1.05, 1 / 1.06, 1 / 1.04), "equivalent"),
        (Ratio(1.0, 1 / 1.1, 1.1), "equivalent"),
        (Ratio(1.0, 1 / 1.11, 1.1), "inconclusive"),
        (Ratio(8.0, 2.0, 32.0), "slower"),  # just as far from 1 as it has to be
        (Ratio(1.2, 1.0, 1.0), "equivalent"),  # it begins at 1
    ],
)
def test_verdicts(ratio, verdict):
    """Slower and faster need an interval far from 1 for its width, and a difference that counts."""
    assert ratio.verdict == verdict


def test_half_a_width_is_a_share_of_the_ratio():
    """On the logarithmic scale, so that 0.8 and 1.25 are as far from 1."""
    assert Ratio(1.0, 0.8, 1.25).half_width == pytest.approx(0.25)
    assert Ratio(2.0, 2.0, 2.0).half_width == 0.0


def test_the_record_of_a_twin_is_the_baseline_against_itself():
    """Not the arm."""
    found = analyse(NAMES, *simulated(2.0, 1))
    record = found.twin_record()
    assert (record.ratio, record.low, record.high) == (found.twin.ratio, found.twin.low, found.twin.high)
    assert (record.verdict, found.ratio.verdict) == (found.twin.verdict, "slower")


def test_void_rows_are_not_analysed():
    """A void sample takes its row out, and the rest gives the answer."""
    rows = simulated(1.0, 3, rows=20)
    rows[2][4] *= 1000
    samples = samples_of(rows, void={4})
    assert len(whole_rows(samples)) == 19
    others = [sample for sample in samples if sample.row != 4]
    assert of_samples(NAMES, samples) == of_samples(NAMES, others)


def test_who_comes_first_does_not_decide():
    """A first place that costs three times as much widens no interval and favours no side."""
    dice = random.Random(4)
    orders = list(itertools.permutations(("baseline", "again", "arm"))) * 3
    samples = [
        Sample(row=row, order=order, side=side, value=(3.0 if order == 0 else 1.0) * math.exp(dice.gauss(0, 0.02)))
        for row, sides in enumerate(orders)
        for order, side in enumerate(sides)
    ]
    found = of_samples(NAMES, samples)
    assert found.ratio.verdict == found.twin.verdict == "equivalent"
    assert found.ratio.high / found.ratio.low < 1.1
    slower = [msgspec.structs.replace(s, value=s.value * 1.2) if s.side == "arm" else s for s in samples]
    assert of_samples(NAMES, slower).ratio.verdict == "slower"


def flushed(seed=1, factor=800.0):
    """Rows of a call of 4 µs whose arm flushes twice."""
    rows = simulated(factor, seed, rows=24)
    return [msgspec.structs.replace(sample, value=sample.value * 40, operations=16,
                                    counters={"device flushes": 32.0 * (sample.side == "arm")})
            for sample in samples_of(rows)]  # fmt: skip


def test_what_is_added_to_little_is_told_besides():
    """Of a ratio to next to nothing the difference says more, with its interval and its flushes."""
    found = of_samples(NAMES, flushed())
    assert found.added.low < found.added.value < found.added.high
    medians = found.arm.median - found.baseline.median
    assert found.added.value == pytest.approx(medians, rel=0.2)
    assert found.added.flushes == 2.0
    assert of_samples(NAMES, flushed(factor=1.5)).added is None


def test_rows_that_are_all_void_give_no_answer():
    """Nothing is said of nothing."""
    with pytest.raises(ValueError, match="no row"):
        of_samples(NAMES, samples_of(simulated(1.0, 3, rows=3), void={0, 1, 2}))


def test_the_numbers_beside_invalid_are_those_of_all_rows():
    """A sample whose guards did not hold counts as if they had."""
    rows = simulated(1.0, 3, rows=12)
    void = samples_of(rows, void=range(12))
    assert [unvoided(sample) for sample in void] == samples_of(rows)


def test_a_broken_guard_is_the_answer():
    """A number whose guards do not hold is invalid, whatever it says."""
    found = analyse(NAMES, *simulated(2.0, 1))
    assert answer({"the device was reached": False}, found, "") == ("invalid", "not true: the device was reached")
    assert answer({"the device was reached": True}, found, "") == ("slower", "")
    assert answer({}, None, "it was reached") == ("invalid", "not true: it was reached")


def test_a_baseline_that_differs_from_itself_decides_nothing():
    """The A/A arm is asked before the ratio is believed: a difference has to exceed the baseline's own."""
    baseline, _, arm = simulated(1.5, 5)
    again = [2 * value for value in baseline]
    for other in (again, [value / 2 for value in baseline]):
        verdict, reason = answer({}, analyse(NAMES, baseline, other, arm), "")
        assert verdict == "inconclusive"
        assert "than itself" in reason
    assert answer({}, analyse(NAMES, baseline, again, [400 * value for value in arm]), "") == ("slower", "")


@pytest.mark.parametrize(
    ("twin", "ratio", "verdict"),
    [
        (Ratio(0.5, 0.45, 0.55), Ratio(3.0, 2.5, 3.5), "slower"),
        (Ratio(0.5, 0.45, 0.55), Ratio(2.2, 2.1, 2.3), "inconclusive"),
        (Ratio(2.0, 1.8, 2.25), Ratio(0.4, 0.39, 0.41), "faster"),
        (Ratio(2.0, 1.8, 2.25), Ratio(0.4, 0.35, 0.5), "inconclusive"),
    ],
)
def test_a_difference_has_to_exceed_that_of_the_baseline_from_itself(twin, ratio, verdict):
    """In either direction, and by its whole interval."""
    found = dataclasses.replace(analyse(NAMES, *simulated(1.0, 1, rows=12)), twin=twin, ratio=ratio)
    assert answer({}, found, "")[0] == verdict


def test_rows_that_are_not_whole_are_refused():
    """Nothing is left out without a word."""
    whole, short = [1.0, 2.0, 4.0], [1.0, 2.0]
    with pytest.raises(ValueError, match="shorter"):
        analyse(NAMES, whole, whole, short)
    for sides, places in (
        ((short, short, short), (whole, whole, short)), ((whole, whole, whole), (short, short, short)),
        ((short, short, short), (short, short)),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"shorter|longer"):
            analyse(NAMES, *sides, places=places)
    with pytest.raises(ValueError, match="shorter"):
        interval_of_rows([[1.0, 2.0], [3.0]])


def test_flushes_are_those_that_the_arm_adds():
    """Per operation; of samples that count none, the sum."""
    rows = whole_rows(flushed())
    also = [
        {side: msgspec.structs.replace(one, counters={"device flushes": 48.0 if side == "arm" else 16.0})
         for side, one in row.items()} for row in rows
    ]  # fmt: skip
    assert (added(rows).flushes, added(also).flushes) == (2.0, 2.0)
    one = Sample(row=0, order=0, side="arm", value=1.0, operations=0, counters={"device flushes": 3.0})
    assert flushes([{"arm": one}], ("arm",)) == 3.0


def test_a_few_rows_are_no_verdict():
    """One row has an interval without width, and three lie on one side by chance."""
    for rows in (1, 3, 11):
        verdict, reason = answer({}, analyse(NAMES, *simulated(2.0, 1, rows=rows)), "crowded")
        assert verdict == "inconclusive"
        assert reason == f"all guards held in {rows} rows of the 12 that it takes, in others not: crowded"
    assert answer({}, analyse(NAMES, *simulated(2.0, 1, rows=12)), "") == ("slower", "")


def noisy(cost, dice):
    return [cost * math.exp(dice.gauss(0, 0.02)) for _ in range(12)]


def at_places(costs):
    """Samples that have each place in a row in turn."""
    return [Sample(row=at, order=0, place=at % 3, side="arm", value=cost) for at, cost in enumerate(costs)]


def test_a_slope_is_found_and_a_flat_line_is_not_one():
    """A copy of the whole file grows with its size, a clone does not."""
    dice = random.Random(1)
    sizes = [1.0, 2.0, 4.0, 8.0, 16.0]
    flat = curve("native", {size: at_places(noisy(5, dice)) for size in sizes})
    steep = curve(
        "overlay2",
        {size: at_places(noisy(5 + 3 * size, dice)) for size in sizes},
    )
    assert trend_verdict(flat, steep) == "grows"
    assert trend_verdict(steep, flat) == "falls"
    assert trend_verdict(flat, flat) == "flat"
    assert 2.5 < steep.slope < 3.5


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.11, 0.2, "grows"), (0.1, 0.2, "inconclusive"), (-0.2, -0.11, "falls"), (-0.2, -0.1, "inconclusive"),
        (-0.1, 0.1, "flat"), (-0.11, 0.1, "inconclusive"), (-0.1, 0.11, "inconclusive"),
    ],
)  # fmt: skip
def test_a_slope_counts_if_the_cost_rises_by_more_than_a_tenth(low, high, verdict):
    """Of the lowest cost, over the whole axis; at the bound it is no rise, and no difference is within it."""
    baseline = Curve(name="native", points=[(10, 5.0), (20, 5.0)], slope=0, slope_low=0, slope_high=0, intercept=5.0)
    points = [(10, 10.0), (20, 20.0)]
    arm = Curve(name="arm", points=points, slope=low, slope_low=low, slope_high=high, intercept=10.0)
    assert trend_verdict(baseline, arm) == verdict
    # Not beyond the baseline's own interval, however steep.
    wide = msgspec.structs.replace(baseline, slope_low=low, slope_high=high)
    assert trend_verdict(wide, arm) in ("flat", "inconclusive")
    assert trend_verdict(msgspec.structs.replace(baseline, slope_high=max(low, 0)), arm) != "grows"
    assert trend_verdict(msgspec.structs.replace(baseline, slope_low=min(high, 0)), arm) != "falls"


def test_the_place_in_a_row_makes_no_slope():
    """Each place costs another factor, and the line is that of the middle one."""
    factors = (3, 5, 1)
    found = curve("arm", {x: at_places([x * factors[at % 3] for at in range(12)]) for x in (1.0, 2.0, 4.0)})
    assert (found.slope, found.slope_low, found.slope_high) == pytest.approx((3.0, 3.0, 3.0))
    assert found.places == pytest.approx([1.0, 5 / 3, 1 / 3])


def test_a_cost_that_is_always_the_same_is_flat():
    """Equal samples have a slope of nothing, without an interval."""
    found = curve("native", {1.0: at_places([5.0] * 3), 2.0: at_places([5.0] * 3)})
    assert (found.slope, found.slope_low, found.slope_high, found.intercept) == (0.0, 0.0, 0.0, 5.0)
    assert trend_verdict(found, found) == "flat"


def test_quantiles_are_of_the_whole_histogram():
    """Bins of several blocks are added up first."""
    assert quantiles({100.0: 90, 1000.0: 9, 5000.0: 1}, {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}) == {
        "p50": 100.0, "p99": 1000.0, "p99.9": 5000.0,
    }  # fmt: skip
