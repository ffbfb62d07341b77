"""Stages of a run: report to the user what a block does while it runs, and measure how long it took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

#: Makes a context manager that reports the named stage while its block runs.
Stage = Callable[[str], AbstractContextManager[None]]


@contextlib.contextmanager
def quietly(name: str) -> Iterator[None]:
    """A stage that reports nothing."""
    yield


@contextlib.contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the seconds that the block takes to `seconds[stage]`."""
    begun = time.monotonic()
    try:
        yield
    finally:
        seconds[stage] = seconds.get(stage, 0.0) + time.monotonic() - begun
