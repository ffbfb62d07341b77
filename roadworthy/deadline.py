"""Waiting with a deadline and a name."""

from __future__ import annotations

import threading
from collections.abc import Callable

from roadworthy.clock import running


def wait_until(done: Callable[[], bool], seconds: float, what: str) -> None:
    """Call `done` with growing pauses until it is true. Raises TimeoutError, which names `what`, after `seconds`.

    Seconds in which this process was stopped do not count.
    """
    end = running() + seconds
    pause = 0.002
    gate = threading.Event()
    while not done():
        if running() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        gate.wait(pause)
        pause = min(pause * 1.5, 0.2)


def let_pass(seconds: float) -> None:
    """Wait for `seconds`, where there is no condition to poll."""
    threading.Event().wait(seconds)
