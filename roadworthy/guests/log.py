"""A guest's kernel log while a check runs, read through the guest's agent."""

from __future__ import annotations

import contextlib
import os

from roadworthy.calls.exchange import AgentFault, CallHung
from roadworthy.guests.calls import GuestCalls
from roadworthy.machines.kernel_log import kept, spoken

#: Records of one request, and the most requests of one look: a log that is written faster than read has no end.
RECORDS, TURNS = 500, 40


class GuestKernelLog:
    """Reads the guest's `/dev/kmsg` from its current end on."""

    def __init__(self, calls: GuestCalls) -> None:
        self._calls = calls
        self._descriptor = calls("open", "/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK, 0)
        calls("lseek", self._descriptor, 0, os.SEEK_END)

    @property
    def shown(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """What the kernel logged since the last look, as much as KernelLog keeps; empty if the guest is gone.

        A guest that is gone has its last words on its console, see Guest.diagnose.
        """
        found: list[str] = []
        with contextlib.suppress(AgentFault, CallHung):
            for _ in range(TURNS):
                records = self._calls("records", self._descriptor, RECORDS)
                found += [line for line in map(spoken, records) if line is not None]
                if len(records) < RECORDS:
                    break
        return kept(found)

    def close(self) -> None:
        with contextlib.suppress(AgentFault, CallHung):
            self._calls("close", self._descriptor)
