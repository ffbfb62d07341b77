"""The stream of one virtio-serial port: a unix socket on which QEMU listens, without multiplexing."""

from __future__ import annotations

import socket
from pathlib import Path


class PortPipe:
    """An exchange's pipe over QEMU's socket chardev. The agent's error output goes to the guest's console."""

    def __init__(self, path: Path, seconds: float) -> None:
        """Connect to the port. Sending fails if the guest leaves a request unread for `seconds`."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(seconds)
        self._socket.connect(str(path))

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:  # not sendall(), which must send everything before one deadline
            view = view[self._socket.send(view) :]

    def receive(self) -> bytes:
        return self._socket.recv(1 << 16)

    def complaints(self) -> str:
        return ""

    def close(self) -> None:
        self._socket.close()
