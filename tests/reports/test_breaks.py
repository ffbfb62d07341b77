"""Change points over nights: found where one was injected, silent where none was, and told from the environment's."""

from __future__ import annotations

import itertools
import math
import random

import nights
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadworthy.reports.breaks import ALARM, LEAST_NIGHTS, breaks, change_points, noise_of, too_short
from roadworthy.reports.changes import MAGNITUDE


def said(*series):
    return [(one.what, one.at) for one in breaks(series)]


@pytest.mark.parametrize(("heavy", "most"), [(False, 0), (True, 2)], ids=["quiet", "with odd nights"])
def test_no_change_stays_silent(heavy, most):
    """Of a hundred series without a change, looked at together, hardly one is said to have any."""
    dice = random.Random(7)
    found = breaks([nights.time_series(nights.noisy(30, dice, heavy=heavy), name=f"x/{n}") for n in range(100)])
    assert len([one for one in found if one.what in ("regression", "improvement")]) <= most


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "among a hundred"])
def test_an_injected_slowdown_is_found(alone):
    """A fifth slower for five nights is found in nine of ten tries, with its sign and within a night of its place."""
    dice, right = random.Random(11), 0
    for _ in range(20):
        hurt = nights.time_series(nights.stepped(nights.noisy(30, dice), 25, 1.2), name="hurt/one")
        others = [] if alone else [nights.time_series(nights.noisy(30, dice), name=f"x/{n}") for n in range(99)]
        mine = [one for one in breaks([hurt, *others]) if one.series is hurt]
        right += [one.what for one in mine] == ["regression"] and abs(mine[0].at - 25) <= 1
    assert right >= 18


def test_the_penalty_is_tuned_on_series_without_a_change():
    """Before any correction, one in twenty noisy series has a change point larger than a tenth at most."""
    dice, false = random.Random(5), 0
    for _ in range(100):
        series = nights.time_series(nights.noisy(30, dice, spread=0.1))
        logs = [night.log for night in series.nights]
        edges = [0, *change_points(logs, noise_of(logs, series.nights)), len(logs)]
        levels = [sorted(logs[a:b])[(b - a) // 2] for a, b in itertools.pairwise(edges)]
        false += any(abs(b - a) > math.log(MAGNITUDE) for a, b in itertools.pairwise(levels))
    assert false <= 5


def test_improvements_are_no_alert():
    """A speed-up is named as what it is."""
    quiet = nights.noisy(30, random.Random(2))
    assert said(nights.time_series(nights.stepped(quiet, 20, 0.7))) == [("improvement", 20)]


def test_what_lasts_two_nights_is_none():
    """A change has to last three nights, and a small one is none at all."""
    quiet = nights.noisy(30, random.Random(3), spread=0.01)
    assert said(nights.time_series(nights.stepped(quiet, 28, 1.2))) == []
    assert said(nights.time_series(nights.stepped(quiet, 20, 1.07))) == []
    assert said(nights.time_series(nights.stepped(quiet, 27, 1.2))) == [("regression", 27)]


def test_a_change_of_the_environment_is_named_as_that():
    """The same step is the environment's where the kernel changed that night, and the driver's where it did not."""
    logs = nights.stepped(nights.noisy(30, random.Random(4)), 20, 1.3)
    series = nights.time_series(logs, environments=["6.1.0"] * 20 + ["6.1.9"] * 10)
    (found,) = breaks([series])
    assert (found.what, found.at, found.environment) == ("environment", 20, ("kernel.release: 6.1.0 → 6.1.9",))
    elsewhere = nights.time_series(logs, environments=["6.1.0"] * 10 + ["6.1.9"] * 20)
    assert said(elsewhere) == [("regression", 20)]


def test_few_nights_say_nothing_but_alarm():
    """Below fourteen nights there are no change points, and the series is said to be short."""
    short = nights.time_series(nights.stepped(nights.noisy(LEAST_NIGHTS - 1, random.Random(5), 0.01), 7, 1.5)[:-1])
    assert too_short(short)
    assert [what for what, _ in said(short) if what != "alarm"] == []


def test_one_night_alarms_where_its_whole_interval_is_beyond():
    """The last night alone is an alarm above 1.25 with its interval, and not where the interval reaches below."""
    quiet = nights.noisy(20, random.Random(6), 0.01)
    bad = [*quiet, math.log(ALARM * 1.1)]
    assert said(nights.time_series(bad, error=0.02)) == [("alarm", 20)]
    assert said(nights.time_series(bad, error=0.08)) == []
    assert said(nights.time_series(bad, environments=["a"] * 20 + ["b"])) == [("environment", 20)]


def test_counts_alert_at_once():
    """A count that moves by one is said the same night; within its tolerance it may move."""
    assert said(nights.count_series([5, 5, 6])) == [("count changed", 2)]
    assert said(nights.count_series([100, 101, 100], tolerance=0.02)) == []
    assert said(nights.count_series([100, 103, 103], tolerance=0.02)) == [("count changed", 1)]
    assert said(nights.count_series([0, 0, 1])) == [("count changed", 2)]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=40), st.integers(0, 40))
def test_any_series_is_judged_the_same_way_twice(logs, split):
    """No series of numbers fails, and the same nights give the same answer."""
    environments = ["a" if at < split else "b" for at in range(len(logs))]
    series = [nights.time_series(logs, environments=environments)]
    assert breaks(series) == breaks(series)
    assert all(0 <= one.at < len(logs) for one in breaks(series))
