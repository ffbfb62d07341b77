"""The first wrong flush: found by halving what was not looked at."""

import math

import pytest

from roadworthy.cuts.bisection import between, narrowed
from roadworthy.cuts.choice import Cut
from roadworthy.cuts.findings import Findings, Look, Moment, Positioned
from roadworthy.cuts.operation import Operation
from roadworthy.cuts.store import Thing

FLUSHES = 64
EVERY = [Cut(10 * number, 10 * number + 10, number) for number in range(FLUSHES)]
THING = Thing("the image", lambda store: None)


def look(cut, wrong):
    """A look that finds the image changed at the flushes that are wrong."""
    return Look(cut, states={"the image": "silent: 1 of 2 files empty" if cut.flush in wrong else "whole"})


def findings(looks, at=0):
    """Findings of an operation whose image was acknowledged at this position."""
    evidence = Positioned(lambda: 0)
    moments = [Moment(THING, at, {})]
    return Findings(Operation("load", lambda store: iter(())), moments, looks, FLUSHES, evidence, (1, 1))


@pytest.mark.parametrize("first", [0, 1, 20, 31, 32, 62, 63])
@pytest.mark.parametrize("seen", [[63], [0, 63], [0, 31, 63], [5, 11, 40, 63]], ids=str)
def test_the_flush_before_the_first_wrong_one_was_looked_at(first, seen):
    """Whatever was looked at before; and no more looks are taken than halving needs, for all promises together."""
    wrong, taken = set(range(first, FLUSHES)), []

    def taking(cut):
        taken.append(cut.flush)
        return look(cut, wrong)

    found = narrowed(findings([look(EVERY[flush], wrong) for flush in seen]), EVERY, taking)
    for broken in (found.silent(), found.lost()):
        assert (broken.found[0][0].cut.flush, broken.exact) == (first, True)
    assert len(taken) <= math.log2(FLUSHES)
    assert len(set(taken)) == len(taken)
    assert [one.cut.flush for one in found.looks] == sorted({*seen, *taken})


def test_nothing_more_is_looked_at_if_nothing_is_wrong():
    """Nor if all was looked at."""
    whole = findings([look(EVERY[flush], ()) for flush in (0, 63)])
    assert narrowed(whole, EVERY, None) is whole
    every = findings([look(cut, {40, 41}) for cut in EVERY])
    assert narrowed(every, EVERY, None) is every


def test_a_part_of_what_came_after_a_flush_breaks_behind_it():
    """The flush itself is looked at; if that is good, the part is the first break, and exact."""
    part = Cut(400, 410, 40, beyond=(), of=3, part=1)
    wrong = Look(part, states={"the image": "silent: 1 of 2 files empty"})
    found = narrowed(findings([look(EVERY[39], ()), wrong]), EVERY, lambda cut: look(cut, ()))
    assert [(one.cut.flush, one.cut.of) for one in found.looks] == [(39, 0), (40, 0), (40, 3)]
    assert found.silent().exact
    assert between(found.silent(), EVERY) is None


def test_a_sample_alone_is_not_exact():
    """Its first wrong flush has others before it that nobody has looked at."""
    assert not findings([look(EVERY[3], ()), look(EVERY[40], {40})]).silent().exact


def test_what_was_not_acknowledged_is_not_lost():
    """A flush before the answer breaks no promise of what was acknowledged, so the first break lies behind it."""
    gone = [Look(cut, states={"the image": "gone"}) for cut in (EVERY[0], EVERY[63])]
    found = narrowed(findings(gone, at=405), EVERY, lambda cut: Look(cut, states={"the image": "gone"}))
    assert found.lost().found[0][0].cut.flush == 40, "the flush after which the answer came, before the next one"
