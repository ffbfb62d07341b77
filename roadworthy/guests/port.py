"""The stream of one virtio-serial port: a unix socket that QEMU listens on, nothing multiplexed."""

from __future__ import annotations

import socket
from pathlib import Path


class PortPipe:
    """An exchange's pipe over QEMU's socket chardev. What the agent complains of is on the guest's console."""

    def __init__(self, path: Path, seconds: float) -> None:
        """Connect. `seconds` is how long the guest may leave a request unread before sending it fails."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(seconds)
        self._socket.connect(str(path))

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:  # not sendall(), which has to send everything before one deadline
            view = view[self._socket.send(view) :]

    def receive(self) -> bytes:
        return self._socket.recv(1 << 16)

    def complaints(self) -> str:
        return ""

    def close(self) -> None:
        self._socket.close()
