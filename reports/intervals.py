"""Interval plots as inline SVG: a ratio, its confidence interval, and the baseline at 1, on a logarithmic scale.

Positions are attributes, colours are classes: a content policy that forbids inline styles stays intact.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from roadworthy.reports.effects import shown
from roadworthy.reports.records import Benchmark

WIDTH = 320
HEIGHT = 24
_MARGIN = 14
_TICKS = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0, 1.25, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0)
_FINE_TICKS = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.25, 1.5, 2.0)
#: Labels closer than this many pixels would run into each other.
_LABEL_GAP = 30


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis of ratios from `low` to `high`; 1 is always on it."""

    low: float
    high: float

    @classmethod
    def around(cls, records: Iterable[Benchmark]) -> Scale:
        """Return the axis that fits all drawn intervals, within 1/1000 to 1000."""
        drawn = [record for record in records if record.verdict != "invalid" and not record.unpublished]
        ratios = [value for r in drawn for value in (r.ratio, r.ratio_low, r.ratio_high)]
        ratios += [value for r in drawn if r.twin for value in (r.twin.low, r.twin.high)]
        values = [value for value in ratios if _plottable(value)]
        low = max(0.001, min([*values, 1 / 1.1]) / 1.08)
        high = min(1000.0, max([*values, 1.1]) * 1.08)
        return cls(low, high)

    def x(self, ratio: float) -> float:
        """Return the pixel of `ratio`; a ratio outside the axis is placed on its edge."""
        inside = min(max(ratio, self.low), self.high)
        share = math.log(inside / self.low) / math.log(self.high / self.low)
        return round(_MARGIN + share * (WIDTH - 2 * _MARGIN), 1)

    def ticks(self) -> list[float]:
        """Return the ratios to label: 1 first, then those that leave room for their labels."""
        candidates = _FINE_TICKS if self.high / self.low < 4 else _TICKS
        chosen = [1.0]
        for tick in sorted(candidates, key=lambda ratio: abs(math.log(ratio))):
            fits = all(abs(self.x(tick) - self.x(other)) >= _LABEL_GAP for other in chosen)
            if self.low <= tick <= self.high and fits:
                chosen.append(tick)
        return sorted(chosen)


def axis(scale: Scale) -> Markup:
    """Return the axis with its labels, for the head of a column of plots."""
    labels = "".join(
        f'<text class="{"one" if tick == 1 else "tick"}" x="{scale.x(tick)}" y="15">{tick:g}</text>'
        for tick in scale.ticks()
    )
    return _svg("axis of ratios, baseline at 1", labels, 20)


def plot(record: Benchmark, scale: Scale) -> Markup:
    """Draw a record's interval, with that of its A/A pair below; a ratio that is no positive number gives a text."""
    middle = HEIGHT / 2
    twin = record.twin
    parts = [
        f'<path class="{"one" if tick == 1 else "tick"}" d="M{scale.x(tick)} 0v{HEIGHT}"/>' for tick in scale.ticks()
    ]
    if not all(_plottable(value) for value in (record.ratio, record.ratio_low, record.ratio_high)):
        parts.append(f'<text class="tick" x="{WIDTH / 2}" y="{middle + 4}">no ratio to plot</text>')
        return _svg("no ratio to plot", "".join(parts), HEIGHT)
    label = f"ratio {record.ratio:.3g}, 95 % interval {record.ratio_low:.3g} to {record.ratio_high:.3g}"
    if twin and all(_plottable(value) for value in (twin.ratio, twin.low, twin.high)):
        middle, below = HEIGHT * 0.36, HEIGHT * 0.82
        ends = scale.x(twin.low), scale.x(twin.high)
        parts.append(f'<path class="twin" d="M{ends[0]} {below}H{ends[1]}M{scale.x(twin.ratio)} {below - 2.5}v5"/>')
        label += f"; the baseline against itself {twin.ratio:.3g}, {twin.low:.3g} to {twin.high:.3g}"
    low, high, at = scale.x(record.ratio_low), scale.x(record.ratio_high), scale.x(record.ratio)
    parts.append(f'<line class="span" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>')
    parts += [_end(scale, ratio, middle) for ratio in (record.ratio_low, record.ratio_high)]
    parts.append(_mark(shown(record), at, middle))
    return _svg(label, "".join(parts), HEIGHT, shown(record))


def _plottable(ratio: float) -> bool:
    return math.isfinite(ratio) and ratio > 0


def _end(scale: Scale, ratio: float, middle: float) -> str:
    """Return the end of an interval: a bar, or an arrow where it leaves the axis."""
    x = scale.x(ratio)
    if ratio < scale.low:
        return f'<path class="span" d="M{x + 5} {middle - 4}L{x} {middle}L{x + 5} {middle + 4}"/>'
    if ratio > scale.high:
        return f'<path class="span" d="M{x - 5} {middle - 4}L{x} {middle}L{x - 5} {middle + 4}"/>'
    return f'<line class="span" x1="{x}" x2="{x}" y1="{middle - 4}" y2="{middle + 4}"/>'


def _mark(verdict: str, x: float, y: float) -> str:
    """Return the mark of the ratio; each verdict has its own shape, so that it reads without colour."""
    if verdict == "slower":
        return f'<path class="mark" d="M{x - 5} {y - 5}L{x + 5} {y}L{x - 5} {y + 5}z"/>'
    if verdict == "faster":
        return f'<path class="mark" d="M{x + 5} {y - 5}L{x - 5} {y}L{x + 5} {y + 5}z"/>'
    if verdict == "equivalent":
        return f'<circle class="mark" cx="{x}" cy="{y}" r="4.5"/>'
    if verdict == "inconclusive":
        return f'<circle class="mark hollow" cx="{x}" cy="{y}" r="4.5"/>'
    return f'<path class="mark hollow" d="M{x - 4} {y - 4}l8 8M{x + 4} {y - 4}l-8 8"/>'


def _svg(label: str, body: str, height: int, verdict: str = "") -> Markup:
    """Return the drawing. All text in it comes from this file and from numbers."""
    return Markup(
        f'<svg class="plot {verdict}" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'aria-label="{label}">{body}</svg>'
    )
