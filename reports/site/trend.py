"""The course of a number over the editions as inline SVG, with ticks for new kernels and engines, and change points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from roadworthy.reports.breaks import Break
from roadworthy.reports.series import Night, Series
from roadworthy.reports.text import visible

WIDTH, HEIGHT = 300, 46
_LEFT, _RIGHT, _TOP, _BOTTOM = 6, 6, 12, 6
#: The most nights that are drawn, the newest.
NIGHTS = 60
#: Facts of an environment whose change is a tick, with the word that labels it.
TICKS = {"kernel.release": "linux", "engine.version": "engine"}


@dataclass(frozen=True)
class Tick:
    """A night on which a kernel or an engine was new: `at` counts the drawn nights, `says` is `linux 6.12.63`."""

    at: int
    day: str
    says: str


@dataclass(frozen=True)
class Trail:
    """A series, drawn: what was new when, and where its level changed."""

    series: Series
    drawing: Markup
    ticks: tuple[Tick, ...]
    breaks: tuple[Break, ...]

    @property
    def newest(self) -> Night:
        return self.series.nights[-1]

    @property
    def first(self) -> Night:
        return self.series.nights[0]


def trail(series: Series, broken: Sequence[Break]) -> Trail:
    """The course of one series."""
    left_out = max(0, len(series.nights) - NIGHTS)
    ticks = ticks_of(series.nights[left_out:])
    places = {one.at - left_out: one.what for one in broken if one.at >= left_out}
    return Trail(series, draw(series, ticks, places), ticks, tuple(broken))


def ticks_of(nights: Sequence[Night]) -> tuple[Tick, ...]:
    """What is new on each night besides the number."""
    found = []
    for at in range(1, len(nights)):
        before, now = nights[at - 1].environment, nights[at].environment
        news = [f"{word} {now[fact]}" for fact, word in TICKS.items() if fact in now and before.get(fact) != now[fact]]
        if news:
            found.append(Tick(at, nights[at].started[:10], ", ".join(news)))
    return tuple(found)


def draw(series: Series, ticks: Sequence[Tick], places: Mapping[int, str]) -> Markup:
    """The drawing: times are on a logarithmic scale with their intervals; a night that is withheld leaves a gap."""
    nights = series.nights[-NIGHTS:]
    shown = [(at, night) for at, night in enumerate(nights) if _drawn(series, night)]
    label = f"{series.metric} over {len(nights)} editions"
    if not shown:
        return Markup("")
    values = [number for _, night in shown for number in (_y(series, night.low), _y(series, night.high))]
    low, high = min(values), max(values)
    room = max((high - low) * 0.1, abs(high) * 0.02, 1e-9)
    low, high = low - room, high + room

    def x(at: int) -> float:
        return round(_LEFT + at * (WIDTH - _LEFT - _RIGHT) / max(1, len(nights) - 1), 1)

    def y(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (_y(series, value) - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM), 1)

    parts = []
    for tick in ticks:
        parts.append(f'<path class="news" d="M{x(tick.at)} {_TOP - 4}V{HEIGHT - 2}"/>')
        end = tick.at > len(nights) / 2
        parts.append(f'<text class="news{" end" if end else ""}" x="{x(tick.at) + (-2 if end else 2)}" y="9">'
                     f"{escape(visible(tick.says, 24))}</text>")  # fmt: skip
    if series.kind == "time":
        bars = "".join(f"M{x(at)} {y(night.low)}V{y(night.high)}" for at, night in shown)
        parts.append(f'<path class="bar" d="{bars}"/>')
    parts.append(f'<path class="line" d="M{"L".join(f"{x(at)} {y(night.value)}" for at, night in shown)}"/>')
    for at, night in shown:
        if at in places:
            parts.append(f'<circle class="break" cx="{x(at)}" cy="{y(night.value)}" r="4"/>')
            label += f"; {places[at]} on {night.started[:10]}"
    at, night = shown[-1]
    parts.append(f'<circle class="now" cx="{x(at)}" cy="{y(night.value)}" r="2.5"/>')
    return Markup(
        f'<svg class="trail" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(visible(label, 300))}">{"".join(parts)}</svg>'
    )


def _drawn(series: Series, night: Night) -> bool:
    numbers = (night.value, night.low, night.high)
    if night.withheld or not all(math.isfinite(number) and abs(number) < 1e300 for number in numbers):
        return False
    return series.kind == "count" or all(number > 0 for number in numbers)


def _y(series: Series, value: float) -> float:
    return math.log(value) if series.kind == "time" else value
