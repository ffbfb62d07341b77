"""The stream of a `docker exec` or `docker attach`: standard input one way, output and error multiplexed the other way.

The format is the attach stream of the Engine API: eight bytes of header, of which the first names the stream and the
last four the length, then that many bytes.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

STDERR = 2
#: Bytes kept of standard error; an agent that floods it must not fill the controller's memory.
COMPLAINTS_KEPT = 64 * 1024
#: The engine copies in pieces of 32 KiB; a stream that announces more bytes than this is not the engine's.
CHUNK_LIMIT = 1 << 24


class ExecPipe:
    """An exchange's pipe over a hijacked connection of the Docker SDK."""

    def __init__(self, hijacked: Any, patience: float = 30.0) -> None:
        self._holder = hijacked  # the SDK closes the connection when this object is collected
        self._socket: socket.socket = getattr(hijacked, "_sock", hijacked)
        self._socket.settimeout(patience)
        self._complaints = b""
        self._waiting = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive(self) -> bytes:
        """The standard output of one read; empty at its end. Raises BlockingIOError if the read brought none."""
        data = self._socket.recv(1 << 16)
        if not data:
            return b""
        self._waiting += data
        output = b""
        while len(self._waiting) >= 8:
            stream, length = struct.unpack(">BxxxI", self._waiting[:8])
            if length > CHUNK_LIMIT:
                raise OSError(f"the engine announced a chunk of {length} bytes, the limit is {CHUNK_LIMIT}")
            if len(self._waiting) < 8 + length:
                break
            piece, self._waiting = self._waiting[8 : 8 + length], self._waiting[8 + length :]
            if stream == STDERR:
                self._complaints = (self._complaints + piece)[-COMPLAINTS_KEPT:]
            else:
                output += piece
        if not output:
            raise BlockingIOError  # not the end: the caller checks its deadline and reads again
        return output

    def complaints(self) -> str:
        return self._complaints.decode(errors="replace")

    def close(self) -> None:
        # The SDK ties the response to the connection. http.client flushes it when it goes, which has to come first.
        response = getattr(self._holder, "_response", None)
        if response is not None:
            response.close()
        self._socket.close()
        self._holder.close()
