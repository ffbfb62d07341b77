"""Whatever call of a run fails, and wherever it is killed: nothing leaks, hangs, or lies about the driver."""

import os
import random
import sys

import pytest
from nth_call import Points, every

pytestmark = pytest.mark.real

LANES = {"overlay2": (), "btrfs": (), "overlay2 in a guest": ("--kernel=6.1",)}
#: How many programs and calls a run on the host has, at least: points beyond the last one would prove nothing.
FEWEST = {"programs": 40, "calls": 40}
SEED = 20
#: Which points the whole loop takes, as `2:3` for the second and every third after it: all of them take hours.
FIRST, STEP = map(int, os.environ.get("ROADWORTHY_POINTS", "1:1").split(":"))


@pytest.fixture
def points(start, private_host, tmp_path):
    """Make the points of one kind on one lane."""

    def points(kind, where):
        return Points(kind, start, private_host, tmp_path, where.partition(" ")[0], LANES[where])

    return points


def said(sentence):
    """Tell how far it is, below pytest's capture, because the whole loop takes hours."""
    sys.__stderr__.write(f"{sentence}\n")


@pytest.mark.parametrize("end", ["error", "kill"])
@pytest.mark.parametrize("kind", ["programs", "calls"])
def test_some_point_at_which_a_run_fails(points, kind, end):
    """Two points that a seed has chosen: the run ends in time, says what failed, and leaves nothing after one reap."""
    chosen = sorted(random.Random(f"{SEED} {kind} {end}").sample(range(1, FEWEST[kind]), 2))
    *_, wrong = every(points(kind, "overlay2"), end == "kill", chosen, said)
    assert wrong == []


@pytest.mark.long
@pytest.mark.parametrize("end", ["error", "kill"])
@pytest.mark.parametrize("kind", ["programs", "calls"])
@pytest.mark.parametrize("where", LANES)
def test_every_point_at_which_a_run_fails(points, where, kind, end):
    """The first program or call, the second, and so on, until a run ends without having come to its point."""
    struck, number, wrong = every(points(kind, where), end == "kill", range(FIRST, 100_000, STEP), said)
    said(f"{where}: {end} at {struck} of {number} {kind}: {len(wrong)} wrong")
    assert number >= FEWEST[kind] / 2
    assert wrong == []
