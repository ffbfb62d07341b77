"""Stages of a run: what is going on while a block runs, for a person to see, and how long each took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

#: Says what is going on for as long as its block lasts.
Stage = Callable[[str], AbstractContextManager[None]]


@contextlib.contextmanager
def quietly(name: str) -> Iterator[None]:
    """A stage that says nothing."""
    yield


@contextlib.contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add what the block takes to `seconds[stage]`."""
    begun = time.monotonic()
    try:
        yield
    finally:
        seconds[stage] = seconds.get(stage, 0.0) + time.monotonic() - begun
