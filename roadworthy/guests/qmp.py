"""The commands that the controller gives QEMU itself: status, resize, quit. See QEMU's QMP specification."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any


class QmpFailed(Exception):
    """QEMU did not answer, or refused."""


class Qmp:
    """One control connection. Events are kept in the order of their arrival. Raises QmpFailed."""

    def __init__(self, path: Path, seconds: float = 10.0) -> None:
        self.events: list[dict[str, Any]] = []
        self._waiting = b""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(seconds)
            self._socket.connect(str(path))
            self._next(time.monotonic() + seconds)  # its greeting
            self.ask("qmp_capabilities", seconds)
        except (OSError, QmpFailed) as reason:
            self._socket.close()
            raise QmpFailed(f"QEMU's control socket is not there: {reason}") from None

    def ask(self, command: str, seconds: float = 10.0, **arguments: Any) -> Any:
        """Give one command and return its answer. Raises QmpFailed."""
        end = time.monotonic() + seconds
        try:
            self._socket.settimeout(seconds)
            said = {"execute": command, **({"arguments": arguments} if arguments else {})}
            self._socket.sendall(json.dumps(said).encode() + b"\n")
            while True:
                message = self._next(end)
                if "event" in message:
                    self.events.append(message)
                elif "error" in message:
                    raise QmpFailed(f"QEMU refused {command}: {message['error'].get('desc')}")
                else:
                    return message.get("return")
        except OSError as reason:
            raise QmpFailed(f"QEMU did not answer {command}: {reason}") from None

    def status(self) -> str:
        """The run state: `running`, `guest-panicked`, `shutdown`, … Raises QmpFailed."""
        return str(self.ask("query-status")["status"])

    def told(self) -> list[dict[str, Any]]:
        """Every event so far, including those of a QEMU that has ended."""
        try:
            self._socket.settimeout(0.05)
            while True:
                message = self._next(time.monotonic() + 0.05)
                if "event" in message:
                    self.events.append(message)
        except (OSError, QmpFailed):
            return self.events

    def close(self) -> None:
        self._socket.close()

    def _next(self, end: float) -> dict[str, Any]:
        while b"\n" not in self._waiting:
            if time.monotonic() > end:
                raise QmpFailed("no answer within its deadline")
            data = self._socket.recv(1 << 16)
            if not data:
                raise QmpFailed("the connection has ended")
            self._waiting += data
        line, self._waiting = self._waiting.split(b"\n", 1)
        try:
            message = json.loads(line)
        except ValueError as reason:
            raise QmpFailed(f"QEMU's answer is not JSON ({reason})") from None
        return dict(message)
