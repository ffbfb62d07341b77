"""What the kernel below a lane logs while a check runs, for a check that asks for the kernel's own words."""

from __future__ import annotations

from roadworthy.machines.kernel_log import Log
from roadworthy.reasons import Precondition


class KernelWords:
    """The value of the fixture `kernel_words`. Raises Precondition where the kernel's log is not shown."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._said: list[str] = []
        if not log.shown:
            raise Precondition("needs the kernel's log: give this process /dev/kmsg to read")

    def __repr__(self) -> str:
        return "<the kernel's words>"

    def __call__(self, mark: str) -> str:
        """The first line with `mark` in it that the kernel has logged since the check began; `nothing` if none has."""
        self._said += self._log.lines()
        return next((line for line in self._said if mark in line), "nothing")
