"""Carries unix socket connections of the controller to unix sockets inside a guest. Standard library only; run by path.

There is one relay at either end of the virtual network. The outer one runs in the guest's capsule, listens on a unix
socket that only its user may open, and connects to the port that QEMU forwards; the inner one listens in the guest. The
outer relay writes the path of the socket inside as a connection's first line, so that one forwarded port serves any
number of sockets, and none has to exist before it is used.

`docker exec` hijacks its connection and closes the two directions separately, so each direction is a thread of its own
that passes on the end of its input and closes nothing else.

    relay.py loopback                          bring up the loopback interface of this network namespace
    relay.py outer LISTEN HOST PORT INSIDE     until killed
    relay.py inner HOST PORT                   until killed
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable

PIECE = 1 << 16
#: The longest first line: sun_path of unix(7) is 108 bytes.
LINE_LIMIT = 128
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 1


def raise_interface(name: str) -> None:
    """Set an interface's IFF_UP, see netdevice(7)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        request = struct.pack("16sH14x", name.encode(), 0)
        flags = struct.unpack_from("H", fcntl.ioctl(asked, SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(asked, SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), flags | IFF_UP))


def carry(source: socket.socket, target: socket.socket) -> None:
    """Copy one direction to its end, then shut down writing to the other side.

    A connection that is reset ends the other direction too, because nothing is left to read it.
    """
    try:
        while data := source.recv(PIECE):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # shut down already


def join(one: socket.socket, other: socket.socket) -> None:
    """Copy between two sockets until both directions have ended, and close them."""
    for end in (one, other):
        if end.family == socket.AF_INET:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    back = threading.Thread(target=carry, args=(other, one), daemon=True)
    back.start()
    carry(one, other)
    back.join()
    one.close()
    other.close()


def serve(listener: socket.socket, connect: Callable[[socket.socket], socket.socket]) -> None:
    """Join every incoming connection with the one that `connect` makes for it."""

    def handle(accepted: socket.socket) -> None:
        try:
            made = connect(accepted)
        except OSError:
            accepted.close()  # nothing listens there yet, and so the other side sees
            return
        join(accepted, made)

    listener.listen(64)
    while True:
        accepted, _ = listener.accept()
        threading.Thread(target=handle, args=(accepted,), daemon=True).start()


def outer(path: str, host: str, port: int, inside: str) -> None:
    """Run the controller's end."""
    line = os.fsencode(inside) + b"\n"

    def connect(_: socket.socket) -> socket.socket:
        made = socket.create_connection((host, port))
        made.sendall(line)
        return made

    listener = socket.socket(socket.AF_UNIX)
    os.umask(0o177)
    listener.bind(path)
    serve(listener, connect)


def inner(host: str, port: int) -> None:
    """Run the guest's end."""

    def connect(accepted: socket.socket) -> socket.socket:
        line = b""
        while not line.endswith(b"\n"):
            piece = accepted.recv(1)
            line += piece
            if not piece or len(line) > LINE_LIMIT:
                raise OSError(f"a connection named no socket but {line!r}")
        made = socket.socket(socket.AF_UNIX)
        try:
            made.connect(line[:-1])
        except OSError:
            made.close()
            raise
        return made

    listener = socket.socket(socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    serve(listener, connect)


def main(words: list[str]) -> None:
    if words[0] == "loopback":
        raise_interface("lo")
    elif words[0] == "outer":
        outer(words[1], words[2], int(words[3]), words[4])
    else:
        inner(words[1], int(words[2]))


if __name__ == "__main__":
    main(sys.argv[1:])
