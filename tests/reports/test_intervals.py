"""Interval plots: positions on the axis, and numbers that cannot be drawn."""

from __future__ import annotations

import itertools
import random
from xml.etree import ElementTree

import msgspec
import pytest
import sample

from roadworthy.reports.intervals import WIDTH, Scale, axis, plot
from roadworthy.reports.records import Benchmark


def record(ratio: float, low: float, high: float, verdict: str = "slower") -> Benchmark:
    some = sample.benchmark(sample.LANES[1], "w", "latency", "µs", random.Random(1))
    return msgspec.structs.replace(some, ratio=ratio, ratio_low=low, ratio_high=high, verdict=verdict)


def test_axis_is_logarithmic_and_holds_one():
    """Half and double lie at the same distance from the baseline, and 1 is labelled."""
    scale = Scale.around([record(0.5, 0.5, 0.5), record(2, 2, 2)])
    assert scale.x(2) - scale.x(1) == pytest.approx(scale.x(1) - scale.x(0.5), abs=0.3)
    assert 1.0 in scale.ticks()


@pytest.mark.parametrize("spread", [1.01, 1.3, 4, 50, 1e6])
def test_labels_never_run_into_each_other(spread):
    """Labels keep their distance on narrow and on wide axes."""
    scale = Scale.around([record(spread, 1 / spread, spread)])
    places = [scale.x(tick) for tick in scale.ticks()]
    assert all(later - earlier >= 30 for earlier, later in itertools.pairwise(places))
    assert all(0 <= place <= WIDTH for place in places)


@pytest.mark.parametrize("ratio", [0.0, -1.0, 1e308, 1e-308])
def test_any_ratio_makes_a_drawing(ratio):
    """A ratio that is zero, negative or out of bounds neither fails nor leaves the drawing."""
    extreme = record(ratio, ratio, ratio)
    drawing = ElementTree.fromstring(plot(extreme, Scale.around([extreme])))
    assert drawing.get("role") == "img"
    assert "nan" not in ElementTree.tostring(drawing, "unicode")


@pytest.mark.parametrize("verdict", ["slower", "faster", "equivalent", "inconclusive", "invalid"])
def test_each_verdict_has_its_own_mark(verdict):
    """Marks differ by shape, not by colour alone."""
    scale = Scale(0.5, 2)
    others = {"slower", "faster", "equivalent", "inconclusive", "invalid"} - {verdict}

    def drawn(name: str) -> str:
        return plot(record(1.2, 1.1, 1.3, name), scale).split(">", 1)[1]

    assert drawn(verdict) not in {drawn(other) for other in others}


def test_axis_names_itself():
    """The axis is announced as what it is."""
    assert "baseline at 1" in axis(Scale(0.5, 2))
