"""Pass times to pytest-benchmark that were measured elsewhere: its clock advances only by a measured time."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any


class VirtualClock:
    """A timer for pytest-benchmark. Its table, JSON, histogram and comparison then show our samples, in seconds."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def __repr__(self) -> str:
        """The name alone, as pytest-benchmark's JSON has it: an address would differ in every run."""
        return type(self).__name__

    def __call__(self) -> float:
        return self._seconds

    def advance(self, seconds: float) -> None:
        self._seconds += seconds


def hand_on(
    benchmark: Any, clock: VirtualClock, name: str, group: str, seconds: Sequence[float], extra: dict[str, Any]
) -> None:
    """Add a row to pytest-benchmark's table of `group`, named after the fixture's test and `name`.

    A fixture can measure only once, so each row uses a copy of the unused fixture.
    """
    twin = copy.copy(benchmark)
    twin.group = group
    twin.name, twin.fullname = f"{benchmark.name}[{name}]", f"{benchmark.fullname}[{name}]"
    twin.extra_info = dict(extra)
    samples = iter(seconds)
    twin.pedantic(lambda: clock.advance(next(samples)), rounds=len(seconds), iterations=1)
