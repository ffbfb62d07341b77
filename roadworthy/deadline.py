"""Waiting with a deadline and a name."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def wait_until(done: Callable[[], bool], seconds: float, what: str) -> None:
    """Call `done` with growing pauses until it is true. Raises TimeoutError, which names `what`, after `seconds`."""
    end = time.monotonic() + seconds
    pause = 0.002
    gate = threading.Event()
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        gate.wait(pause)
        pause = min(pause * 1.5, 0.2)


def let_pass(seconds: float) -> None:
    """Wait for `seconds`, where there is no condition to poll."""
    threading.Event().wait(seconds)
