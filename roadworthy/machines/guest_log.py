"""A guest's kernel log while a check runs: what KernelLog is for this host, through the guest's agent."""

from __future__ import annotations

import contextlib
import os

from roadworthy.exchange import AgentFault, CallHung
from roadworthy.kernel_log import LINES_KEPT
from roadworthy.machines.guest_calls import GuestCalls


class GuestKernelLog:
    """Reads the guest's `/dev/kmsg` from where it stands."""

    def __init__(self, calls: GuestCalls) -> None:
        self._calls = calls
        self._descriptor = calls("open", "/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK, 0)
        calls("lseek", self._descriptor, 0, os.SEEK_END)

    def lines(self) -> list[str]:
        """What was logged since the last look, at most LINES_KEPT lines; nothing where the guest is gone.

        A guest that is gone has its last words on its console, see Guest.diagnose.
        """
        try:
            records = self._calls("records", self._descriptor, LINES_KEPT)
        except (AgentFault, CallHung):
            return []
        return [record.decode(errors="replace").partition(";")[2].splitlines()[0] for record in records]

    def close(self) -> None:
        with contextlib.suppress(AgentFault, CallHung):
            self._calls("close", self._descriptor)
