"""Since and until when something breaks: which kernels, engines and backings show it, of those that were asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from roadworthy.reports.records import Lane

#: What lanes of one driver differ in, with the words for it.
AXES: tuple[tuple[str, Callable[[Lane], str]], ...] = (
    ("Linux", lambda lane: lane.kernel), ("engine", lambda lane: lane.engine), ("backing", lambda lane: lane.backing),
    ("options", lambda lane: ", ".join(f"{key}={value}" for key, value in sorted(lane.options.items())) or "none"),
)  # fmt: skip
#: Axes whose values have an order.
ORDERED = ("Linux", "engine")


def natural(text: str) -> list[Any]:
    """A sort key in which 6.2 comes before 6.12."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.findall(r"[0-9]+|[^0-9]+", text)]


def span(broken: Sequence[Lane], kept: Sequence[Lane]) -> str:
    """On which of the lanes that answered it breaks, in a sentence; an axis that tells them apart is named.

    Nothing is said of versions between two that were asked. If several axes tell them apart, it may be any of them.
    """
    if not broken:
        return "on no lane that was asked"
    if not kept:
        asked = [f"{axis} {listed(values(broken, of))}" for axis, of in AXES[:3]]
        return f"on every lane that was asked: {'; '.join(asked)}"
    told = []
    for axis, of in AXES:
        bad, good = values(broken, of), values(kept, of)
        if not set(bad) & set(good):
            first = since(bad, good) if axis in ORDERED else ""
            told.append(f"{axis}: {first}breaks on {listed(bad)}; not on {listed(good)}")
    if told:
        return " · or ".join(told)
    lanes = listed([lane.id for lane in kept])
    return f"on {len(broken)} of {len(broken) + len(kept)} lanes that were asked; not on {lanes}"


def since(bad: Sequence[str], good: Sequence[str]) -> str:
    """`since 6.12, ` or `until 6.1, ` if all that break are newer, or older, than all that do not."""
    if all(natural(one) > natural(other) for one in bad for other in good):
        return f"since {bad[0]} at the latest, "
    if all(natural(one) < natural(other) for one in bad for other in good):
        return f"gone by {good[0]}, "
    return ""


def values(lanes: Sequence[Lane], of: Callable[[Lane], str]) -> list[str]:
    return sorted({of(lane) for lane in lanes}, key=natural)


def listed(words: Sequence[str]) -> str:
    """Words as a list: `5.10, 6.1 and 6.12`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
