"""The signals that ask a run to end: the first one does, and none disturbs how it is closed and cleaned up then."""

from __future__ import annotations

import atexit
import os
import signal
import threading
from typing import Any

import pytest

from roadworthy.upkeep.ending import ENDING, at_ending

SIGNALS = (signal.SIGINT, *ENDING)
PATIENCE = b"\nroadworthy: cleaning up; SIGKILL would end it at once, and `roadworthy reap` removes what that leaves\n"


class Terminated(KeyboardInterrupt):
    """A signal other than SIGINT. Not pytest.exit(), which is an Exception that a retry may swallow."""


class Interrupts:
    """The signals that end a run, from `watch` on."""

    def __init__(self, told: bool = True) -> None:
        #: The first signal, or None.
        self.first: signal.Signals | None = None
        self._told = told
        self._closing = False
        self._before: dict[signal.Signals, Any] = {}

    def watch(self) -> None:
        """Take the signals; one that this process ignores stays ignored, as below nohup(1)."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._before = at_ending(self._take, SIGNALS)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Let no signal cut short what closes the run; it is in the closing record all the same."""
        self._closing = True

    def release(self) -> None:
        """Give the signals back, once nothing is left to clean up.

        After a first signal they stay taken: the process is about to end, and one more would change its exit status.
        """
        if self.first is not None:
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    @property
    def status(self) -> int:
        """The exit status of a run that the first signal has ended."""
        return int(pytest.ExitCode.INTERRUPTED) if self.first in (None, signal.SIGINT) else 128 + self.first

    def again(self) -> None:
        """End the run, if a signal was to end it and its exception was lost on the way."""
        if self.first is not None:
            self._end(self.first)

    def _take(self, number: int, _: Any) -> None:
        if self.first is None:
            self.first = signal.Signals(number)
            atexit.register(ignored)
            if not self._closing:
                self._end(self.first)
        elif self._told:
            os.write(2, PATIENCE)

    @staticmethod
    def _end(number: signal.Signals) -> None:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise Terminated(number.name)


def ignored() -> None:
    """Ignore the signals in an interpreter that ends: it takes its handlers back, and one more signal would kill it."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def why_stopped(first: signal.Signals | None, said: str, exit_status: int) -> str:
    """Why a run ended before its plan, or an empty string: a signal, else what pytest said, else its exit status."""
    names = {int(pytest.ExitCode.INTERRUPTED): "interrupted", int(pytest.ExitCode.INTERNAL_ERROR): "internal error"}
    return first.name if first is not None else said or names.get(exit_status, "")
