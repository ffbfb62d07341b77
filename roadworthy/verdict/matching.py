"""Match a break with a recorded deviation, by the first line of the failure and by the check's observations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadworthy.reports.records import Observation

BOUNDS = ("at_least", "at_most")
#: The rest of a refused call's arguments, in a signature.
REST = "…"


def holds_text(signature: str, line: str) -> bool:
    """Whether a line contains a signature with whole numbers at its ends: `== 1` is not in `== 15`.

    `…` is any text, the rest of a call's arguments: `fstat(…) was refused with ESTALE`.
    """
    before = r"(?<!\d)(?<!\d\.)" if re.match(r"\d", signature) else ""
    after = r"(?!\d)(?!\.\d)" if re.search(r"\d$", signature) else ""
    text = ".*".join(map(re.escape, signature.split(REST)))
    return re.search(f"{before}{text}{after}", line, re.DOTALL) is not None


def quantity(text: str) -> tuple[float, str] | None:
    """Split a text into its leading number and its unit: `48.4 MiB` is 48.4 and MiB. None if it has no number."""
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*(\D.*)?", text.strip(), re.DOTALL)
    return (float(found[1]), (found[2] or "").strip()) if found else None


@dataclass(frozen=True)
class Wanted:
    """The condition on an observation: one of `values`, or a number from `least` to `most` in their unit."""

    name: str
    values: tuple[str, ...] = ()
    least: str = ""
    most: str = ""

    def holds(self, observations: Sequence[Observation]) -> bool:
        """Whether the last observation of this name meets the condition."""
        found = next((seen.value for seen in reversed(observations) if seen.name == self.name), None)
        if found is None or self.values:
            return found in self.values
        least, number, most = (quantity(text) for text in (self.least, found, self.most))
        if least is None or number is None or most is None:
            return False
        return number[1] == least[1] and least[0] <= number[0] <= most[0]

    def __str__(self) -> str:
        return f"{self.name}: {' or '.join(self.values) or f'{self.least} to {self.most}'}"


def wanted(row: Any) -> tuple[Wanted, ...]:
    """Parse the key `observed` of an entry. Raises ValueError, whose text says what was expected."""
    if not isinstance(row, dict) or not row:
        raise ValueError(f'observed is a table such as {{ "size" = "5 bytes" }}, not {row!r}')
    return tuple(one(name, value) for name, value in row.items())


def one(name: str, value: Any) -> Wanted:
    """Parse the condition on one observation. Raises ValueError."""
    if isinstance(value, dict):
        return Wanted(name, (), *bounds(name, value))
    values = tuple(value) if isinstance(value, list) else (value,)
    if not values or not all(isinstance(word, str) and word for word in values):
        raise ValueError(f"observed {name!r} takes a text, a list of texts, or at_least and at_most, not {value!r}")
    return Wanted(name, values)


def bounds(name: str, value: Mapping[str, Any]) -> tuple[str, str]:
    """Parse the two ends of a range. Both are needed, because an open range would fit a far worse break.

    Raises ValueError.
    """
    if set(value) != set(BOUNDS):
        raise ValueError(f"observed {name!r} needs at_least and at_most, and nothing else")
    least, most = (str(value[end]) for end in BOUNDS)
    low, high = quantity(least), quantity(most)
    if low is None or high is None or low[1] != high[1] or low[0] > high[0]:
        raise ValueError(
            f"observed {name!r} takes two numbers in one unit, the smaller first, not {least!r} to {most!r}"
        )
    return least, most
