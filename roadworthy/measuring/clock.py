"""How numbers that were measured elsewhere get into pytest-benchmark: a clock that moves only by what was measured."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any


class VirtualClock:
    """A timer for pytest-benchmark. Its table, JSON, histogram and comparison then show our samples, in seconds."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def __call__(self) -> float:
        return self._seconds

    def advance(self, seconds: float) -> None:
        self._seconds += seconds


def hand_on(
    benchmark: Any, clock: VirtualClock, name: str, group: str, seconds: Sequence[float], extra: dict[str, Any]
) -> None:
    """One row of pytest-benchmark's table for `group`, called after the fixture's test and `name`.

    A fixture measures once; each row is a copy of the unused one.
    """
    twin = copy.copy(benchmark)
    twin.group = group
    twin.name, twin.fullname = f"{benchmark.name}[{name}]", f"{benchmark.fullname}[{name}]"
    twin.extra_info = dict(extra)
    samples = iter(seconds)
    twin.pedantic(lambda: clock.advance(next(samples)), rounds=len(seconds), iterations=1)
