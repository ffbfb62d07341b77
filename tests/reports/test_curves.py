"""Curves: axes that hold any numbers, marks that differ by shape, and nothing drawn of what may not be shown."""

from __future__ import annotations

import itertools
import random
import re
from xml.etree import ElementTree

import msgspec
import pytest
import sample
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.reports.curves import HEIGHT, WIDTH, Axis, chart, key
from roadworthy.reports.records import Trend


def trend(place: int = 1, **more: object) -> Trend:
    found = sample.sweep(sample.LANES[place], random.Random(1))[-1]
    return msgspec.structs.replace(found, **more)


def points(of: Trend, *values: tuple[float, float]) -> Trend:
    return msgspec.structs.replace(of, arm=msgspec.structs.replace(of.arm, points=list(values)))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9), st.booleans())
def test_every_value_has_a_place_on_its_axis(values, from_zero):
    """Any numbers fit on an axis, in order, between its ends, and its labels lie on it."""
    axis = Axis.over(values, 10, 200, from_zero)
    places = [axis.at(value) for value in sorted(values)]
    assert all(10 <= place <= 200 for place in places)
    assert places == sorted(places)
    ticks = axis.ticks()
    assert len(ticks) < 700
    assert all(axis.low <= tick <= axis.high for tick in ticks)


def test_an_axis_is_logarithmic_where_its_values_span_much():
    """From 64 KiB to 64 MiB every step has the same width; from 0 on, or over a small span, it is linear."""
    wide = Axis.over([1.0, 10.0, 100.0], 0, 100, False)
    assert wide.at(10) - wide.at(1) == pytest.approx(wide.at(100) - wide.at(10), abs=0.2)
    assert not Axis.over([0.0, 100.0], 0, 100, False).logarithmic
    assert not Axis.over([1.0, 2.0], 0, 100, False).logarithmic


def test_lanes_differ_by_mark_and_dash():
    """Twelve lanes have twelve appearances without colour."""
    looks = {re.sub(r' class="chart c\d"', "", key(place)) for place in range(12)}
    assert len(looks) == 12


def test_what_may_not_be_shown_is_not_drawn():
    """Times under emulation and invalid ones leave no curve, and lanes keep their marks without them."""
    hidden = trend(2, unpublished=sample.EMULATED), trend(3, verdict="invalid")
    drawing = chart([hidden[0], trend(1), hidden[1]])
    assert drawing.count('class="curve"') == 1
    assert 'class="c1"' in drawing
    assert chart(list(hidden)) == ""
    assert chart([points(trend(), (1.0, 1.0))]) == ""


@pytest.mark.parametrize("height", [0.0, -5.0, 1e308, 1e-308], ids=str)
def test_any_numbers_make_a_drawing(height):
    """Numbers out of bounds neither fail nor leave the drawing."""
    drawing = ElementTree.fromstring(chart([points(trend(), (0.0, height), (1e308, 1.0), (-1.0, 2.0))]))
    assert drawing.get("role") == "img"
    text = ElementTree.tostring(drawing, "unicode")
    assert "nan" not in text
    assert "inf" not in text
    for x, y in re.findall(r"translate\(([\d.-]+) ([\d.-]+)\)", text):
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT


def test_labels_leave_each_other_room():
    """Of many points only those are labelled whose labels fit, the last among them."""
    many = [(float(x), 1.0 + x) for x in range(1, 200)]
    drawing = chart([points(trend(axis_unit="layers"), *many)])
    places = sorted(float(x) for x in re.findall(r'<text x="([\d.]+)" y="270"', drawing))
    assert all(b - a >= 60 for a, b in itertools.pairwise(places))
    assert ">199<" in drawing
