"""Rows of measurements: three sides in random order, void rows kept, an end that is reached."""

import itertools
import random
import statistics
from collections import Counter

from roadworthy.measuring.design import MOST_VOID, TIERS, UNTIMED, Budget, Measured, budget_of
from roadworthy.measuring.design import rows as rows_of
from roadworthy.measuring.statistics import whole_rows


def rows(budget, measure, steps=(None,), **settings):
    """Rows of one step, unless a test is about several."""
    return rows_of(budget, measure, steps, **settings)


class Clock:
    """A clock that moves by a step whenever it is looked at."""

    def __init__(self, step):
        self.step, self.now = step, 0.0

    def __call__(self):
        self.now += self.step
        return self.now


def alternating(noise=0.5):
    """A measurement that never becomes narrow: costs jump by half, whosever they are."""
    dice = random.Random(1)
    return lambda side, step: {None: Measured(dice.choice([1.0, 1 + noise, 1 / (1 + noise)]))}


def test_a_row_has_three_sides_in_an_order_that_changes():
    """Drift favours no side."""
    found = rows(Budget(0.0), alternating(), clock=Clock(1))[None]
    assert all(
        {sample.side for sample in found if sample.row == row} == {"baseline", "again", "arm"} for row in range(12)
    )
    orders = {tuple(s.side for s in sorted(found, key=lambda s: s.order) if s.row == row) for row in range(12)}
    assert len(orders) > 2


def test_every_side_has_every_place_as_often():
    """Six rows have each order once, so that nobody is first, and pays for what was left behind, more often."""
    found = rows(Budget(0.0), alternating(), clock=Clock(1))[None]
    places = Counter((sample.side, sample.order) for sample in found if sample.row < 12)
    assert set(places.values()) == {4}


def test_the_same_seed_gives_the_same_order():
    """An analysis can be repeated, and so can the design."""
    first, second = (rows(Budget(0.0), alternating(), clock=Clock(1))[None] for _ in range(2))
    assert [sample.side for sample in first] == [sample.side for sample in second]


def test_it_ends_when_the_interval_is_narrow():
    """Equal costs need no more than the least number of rows."""
    found = rows(Budget(1e9), lambda side, step: {None: Measured(5.0)}, clock=Clock(1))[None]
    assert len(whole_rows(found)) == 12


def test_it_ends_when_the_time_is_over():
    """Costs that jump are measured for the budget, and then it is inconclusive."""
    found = rows(Budget(50.0), alternating(5.0), clock=Clock(1))[None]
    assert 12 < len(whole_rows(found)) < 60


def test_a_void_row_is_kept_and_replaced():
    """One broken guard voids the row; the rows that count are as many as asked for."""
    turn = itertools.count()

    def measure(side, step):
        return {None: Measured(5.0, void="the device was not reached" if next(turn) == 4 else "")}

    found = rows(Budget(0.0), measure, clock=Clock(1))[None]
    assert len(whole_rows(found)) == 12
    assert len(found) == 3 * 13
    assert [sample.row for sample in found if sample.void] == [1]


def test_what_is_void_from_the_beginning_ends_early():
    """A guard that cannot hold here is not tried for the whole budget."""
    found = rows(Budget(1e9), lambda side, step: {None: Measured(5.0, void="no")}, clock=Clock(1))[None]
    assert len(found) == 3 * MOST_VOID


def test_what_is_void_at_one_point_does_not_end_the_others():
    """Of thirty cells in a row one that is short is seldom left alone; the rest get their rows."""

    def measure(side, step):
        return {1.0: Measured(2.0, void="crowded"), 2.0: Measured(4.0)}

    found = rows(Budget(3.0), measure, clock=Clock(1))
    assert len(whole_rows(found[1.0])) == 0
    assert len(whole_rows(found[2.0])) == 13, "until four times the budget is over"


def test_every_point_of_a_sweep_gets_its_rows():
    """One row measures all points; the least known one decides when it ends."""
    found = rows(Budget(0.0), lambda side, step: {1.0: Measured(2.0), 2.0: Measured(4.0)}, clock=Clock(1))
    assert {point: len(whole_rows(samples)) for point, samples in found.items()} == {1.0: 12, 2.0: 12}


def test_every_step_has_every_place_as_often():
    """What comes first pays for what is cold: no point does so more often than another, and no side."""
    found = rows(Budget(0.0), lambda side, step: {step: Measured(5.0)}, (1.0, 2.0, 4.0), clock=Clock(1))
    places = Counter((point, s.side, s.place) for point, samples in found.items() for s in samples)
    assert set(places.values()) == {4}
    orders = [tuple(sorted(found, key=lambda point: found[point][3 * row].place)) for row in range(12)]
    assert len(set(orders)) >= 3
    for row in range(12):
        same = {(point, s.place) for point, samples in found.items() for s in samples if s.row == row}
        assert len(same) == 3, "all sides of a row take the steps in one order"


def test_a_first_step_that_pays_for_all_is_no_trend():
    """Steps without meaning, and the first one of a side is ten times as dear: all points are alike."""
    before = []

    def measure(side, step):
        dear = before[-1] == "another side"
        before.append(side)
        return {step: Measured(50.0 if dear else 5.0)}

    def begin(side):
        before.append("another side")

    found = rows(Budget(0.0), measure, (1.0, 2.0, 4.0), warm=begin, clock=Clock(1))
    medians = {statistics.median(sample.value for sample in samples) for samples in found.values()}
    assert medians == {5.0}


def test_a_warm_up_is_thrown_away():
    """Each side is warmed in each row, before its first step and on files of its own; no sample is of it."""
    seen = []
    found = rows(
        Budget(0.0), lambda side, step: seen.append((side, step)) or {step: Measured(5.0)}, (1.0, 2.0),
        warm=lambda side: seen.append((side, "warm")), clock=Clock(1),
    )  # fmt: skip
    assert seen.count(("arm", "warm")) == 12
    assert all(step == "warm" for _, step in seen[::3])
    assert all(len({side for side, _ in seen[at : at + 3]}) == 1 for at in range(0, len(seen), 3))
    assert set(found) == {1.0, 2.0}


def test_each_row_is_set_up():
    """`before` runs once a row."""
    made = []
    rows(Budget(0.0), lambda side, step: {None: Measured(5.0)}, before=lambda: made.append(1), clock=Clock(1))
    assert len(made) == 12


def test_a_machine_whose_times_mean_nothing_takes_few_rows():
    """Counters are the same in each row; under emulation a dozen would take an hour and tell no more."""
    assert budget_of("smoke", None, timed=True) == TIERS["smoke"]
    assert budget_of("smoke", 60.0, timed=True) == Budget(60.0)
    assert budget_of("weekly", 60.0, timed=False) == UNTIMED
    found = rows(UNTIMED, alternating(), clock=Clock(1))[None]
    assert len(whole_rows(found)) == 3
