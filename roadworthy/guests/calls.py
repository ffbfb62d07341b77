"""The controller's own calls in a guest: a refusal is an OSError, as it would be on this host."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from roadworthy.calls.exchange import CALL_DEADLINE, AgentFault, CallHung, Exchange


class GuestCalls:
    """One worker of the guest's agent, for code that looks at the machine: no evidence, no verdicts.

    A hung call raises CallHung and a lost agent AgentFault, as in checks.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._process = 0
        self._lock = threading.Lock()

    def begin(self, directory: str = "/") -> int:
        """Request the worker, even before the agent runs, and return the number of its first call for `began`."""
        self._process = self.exchange.spawn(directory)
        return self.exchange.request(self._process, "getpid")

    def began(self, number: int, seconds: float) -> bool:
        """Wait `seconds` for the worker: whether it answers. Raises AgentFault if the connection is lost."""
        try:
            self.exchange.wait(number, seconds, "the guest's agent")
        except CallHung:
            return False
        return True

    def __call__(self, call: str, *arguments: Any, seconds: float = CALL_DEADLINE, path: str | None = None) -> Any:
        """Make one call and return its value. Raises OSError with `path` as its file name, CallHung or AgentFault."""
        with self._lock:
            number = self.exchange.request(self._process, call, *arguments)
            answer = self.exchange.wait(number, seconds, f"{call} in the guest")
        if answer.died is not None:
            raise AgentFault(f"{call}: the machine's worker died ({answer.died})")
        if answer.errno:
            raise OSError(answer.errno, os.strerror(answer.errno), path)
        return answer.value


Caller = Callable[..., Any]
