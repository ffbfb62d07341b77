"""A clock that stands still while this process does: stopped, or without a processor. Deadlines are read from it.

A deadline says how long somebody else may take. While this process was stopped, nobody looked whether the answer was
there, so that the time does not count. A thread reads the clock a few times a second; the time between two readings
that lie further apart than LATE was not this process's.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

BEAT = 0.25
LATE = 1.0


class RunningClock:
    """Seconds as time.monotonic() counts them, without those in which nobody read it. Its first reader starts the beat.

    `now` is the clock below it, which a test may replace.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, beats: bool = True) -> None:
        self._now = now
        self._beats = beats
        self.begin()

    def begin(self) -> None:
        """Begin anew, as in a fork, which has no other threads."""
        self._lock = threading.Lock()
        self._last = self._now()
        self._lost = 0.0
        self._beating = not self._beats

    def __call__(self) -> float:
        with self._lock:
            now = self._now()
            if not self._beating:
                self._beating, self._last = True, now
                threading.Thread(target=self._beat, name="clock", daemon=True).start()
            if now - self._last > LATE:
                self._lost += now - self._last - BEAT
            self._last = now
            return now - self._lost

    def _beat(self) -> None:
        gate = threading.Event()
        while True:
            gate.wait(BEAT)
            self()


running = RunningClock()
os.register_at_fork(after_in_child=running.begin)
