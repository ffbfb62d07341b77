"""Curves as inline SVG: the cost along an axis, one curve a lane, each with its own mark and dash.

Marks and dashes tell lanes apart without colour. The table beside the drawing holds the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from roadworthy.reports.records import Curve, Trend
from roadworthy.reports.text import visible
from roadworthy.reports.units import brief, scaled

WIDTH, HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 20, 14, 46
#: An axis is logarithmic if its largest value is at least so many times its smallest.
LOGARITHMIC = 8.0
#: The least distance of labels in pixels, across and down.
_GAP_X, _GAP_Y = 62, 22
#: The most points that are drawn of one curve.
MOST_POINTS = 200

_MARKS: tuple[str, ...] = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    "M-4 -4h8v8h-8z",
    "M0 -5L5 4H-5z",
    "M0 -5L5 0L0 5L-5 0z",
    "M0 5L5 -4H-5z",
    "M-4.5 -4.5L4.5 4.5M-4.5 4.5L4.5 -4.5",
    "M-5 0H5M0 -5V5",
    "M-4 -4h8v8h-8zM-4 -4l8 8M4 -4l-8 8",
)
_DASHES: tuple[str, ...] = ("", "7 3", "2 3", "9 3 2 3", "4 4", "12 4", "9 3 2 3 2 3", "1 4")


@dataclass(frozen=True)
class Axis:
    """Maps values to pixels; logarithmic for a wide span of positive values, else linear."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool

    @classmethod
    def over(cls, values: Iterable[float], start: float, end: float, from_zero: bool) -> Axis:
        """Return the axis on which all finite values fit."""
        finite = [value for value in values if math.isfinite(value) and abs(value) < 1e300] or [0.0, 1.0]
        low, high = min(finite), max(finite)
        if low > 0 and high / low >= LOGARITHMIC:
            room = 1.15 if from_zero else 1.0
            return cls(low / room, high * room, start, end, True)
        if from_zero:
            low, high = min(low, 0.0), max(high * 1.08, 0.0)
        return cls(low, high if high - low > 1e-300 else low + max(abs(low), 1.0), start, end, False)

    def at(self, value: float) -> float:
        """Return the pixel of a value; a value outside the axis is placed on its edge."""
        inside = min(max(value, self.low), self.high)
        if self.logarithmic:
            share = (math.log(inside) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        else:
            share = (inside - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """Return round values to label."""
        if not self.logarithmic:
            step = 10 ** math.floor(math.log10((self.high - self.low) / 3))
            step *= next((part for part in (1, 2, 5) if (self.high - self.low) / (step * part) <= 6), 10)
            first = math.ceil(self.low / step)
            return [step * n for n in range(first, first + 12) if step * n <= self.high]
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        tens = [10.0**power for power in powers if self.low <= 10.0**power <= self.high]
        finer = [part * 10.0**power for power in powers for part in (1, 2, 5)]
        return tens if len(tens) >= 3 else [value for value in finer if self.low <= value <= self.high]


def chart(trends: Sequence[Trend]) -> Markup:
    """Draw the lanes' curves, with dotted baselines; a lane's place decides its mark and dash."""
    drawn = [(place, trend) for place, trend in enumerate(trends) if _drawn(trend)]
    if not drawn:
        return Markup("")
    some = drawn[0][1]
    curves = [curve for _, trend in drawn for curve in (trend.baseline, trend.arm)]
    points = [point for curve in curves for point in curve.points[:MOST_POINTS]]
    across = Axis.over((x for x, _ in points), _LEFT, WIDTH - _RIGHT, False)
    down = Axis.over((y for _, y in points), HEIGHT - _BOTTOM, _TOP, True)
    parts = _grid(across, down, sorted({x for x, _ in points}), some)
    for _, trend in drawn:
        parts.append(f'<path class="base" d="{_line(trend.baseline, across, down)}"/>')
    for place, trend in drawn:
        line = _line(trend.arm, across, down)
        parts.append(f'<g class="c{place % 8}"><path class="curve"{_dash(place)} d="{line}"/>')
        for x, y in trend.arm.points[:MOST_POINTS]:
            parts.append(_mark(place, across.at(x), down.at(y)))
        parts.append("</g>")
    label = escape(visible(f"{some.metric} by {some.axis}, a curve each lane; the table holds the same numbers", 300))
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{label}">{"".join(parts)}</svg>'
    )


def key(place: int) -> Markup:
    """Return the mark and dash of one lane, for the table that explains the drawing."""
    return Markup(
        f'<svg class="chart c{place % 8}" viewBox="0 0 40 14" width="40" height="14" aria-hidden="true">'
        f'<path class="curve"{_dash(place)} d="M0 7H40"/>{_mark(place, 20, 7)}</svg>'
    )


def _drawn(trend: Trend) -> bool:
    """Whether a trend's times may be shown, and have more than one point."""
    return trend.verdict != "invalid" and not trend.unpublished and len(trend.arm.points) > 1


def _dash(place: int) -> str:
    """Return the dash of the lane at this place; from the ninth on, marks repeat with another dash."""
    dash = _DASHES[(place + place // len(_MARKS)) % len(_DASHES)]
    return f' stroke-dasharray="{dash}"' if dash else ""


def _mark(place: int, x: float, y: float) -> str:
    return f'<path class="mark" transform="translate({x} {y})" d="{_MARKS[place % len(_MARKS)]}"/>'


def _line(curve: Curve, across: Axis, down: Axis) -> str:
    return "M" + "L".join(f"{across.at(x)} {down.at(y)}" for x, y in curve.points[:MOST_POINTS])


def _grid(across: Axis, down: Axis, measured: Sequence[float], some: Trend) -> list[str]:
    """Return lines and labels: across at the measured points, down at round values."""
    parts = []
    for value in _apart(measured, across.at, _GAP_X):
        x = across.at(value)
        parts.append(f'<path class="tick" d="M{x} {_TOP}V{HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{x}" y="{HEIGHT - _BOTTOM + 16}">{escape(brief(value, some.axis_unit))}</text>')
    for value in _apart(down.ticks(), down.at, _GAP_Y):
        y = down.at(value)
        parts.append(f'<path class="tick" d="M{_LEFT} {y}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="side" x="{_LEFT - 8}" y="{y + 4}">{escape(brief(value, some.unit))}</text>')
    scales = [word for axis, word in ((across, "across"), (down, "down")) if axis.logarithmic]
    title = some.axis if scaled(some.axis_unit) else f"{some.axis}, {some.axis_unit}"
    title += f" (logarithmic {' and '.join(scales)})" if scales else ""
    parts.append(f'<text x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{HEIGHT - 8}">{escape(visible(title, 120))}</text>')
    return parts


def _apart(values: Sequence[float], at: Callable[[float], float], gap: float) -> list[float]:
    """Return the values whose labels do not overlap; the last value is always kept."""
    kept: list[float] = []
    for value in reversed(values):
        if all(abs(at(value) - at(other)) >= gap for other in kept):
            kept.append(value)
    return kept
