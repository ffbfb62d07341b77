"""The kernel's side of a notification: requests and structures of seccomp_unotify(2), include/uapi/linux/seccomp.h."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from dataclasses import dataclass

RECEIVE = 0xC0502100
SEND = 0xC0182101
ID_VALID = 0x40082102
ADD_DESCRIPTOR = 0x40182103

FLAG_CONTINUE = 1
ADD_AND_SEND = 2

#: id, thread, flags, system call number, architecture, instruction pointer, six arguments.
NOTIFICATION = struct.Struct("=QIIiIQ6Q")
#: id, value, negative errno, flags.
RESPONSE = struct.Struct("=QqiI")
#: id, flags, source descriptor, wanted number, flags of the new descriptor.
ADDITION = struct.Struct("=QIIII")

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


class Gone(OSError):
    """The call that was being answered is over: its process died, or a signal interrupted it."""


@dataclass(frozen=True)
class Notification:
    """One system call that waits for an answer. `thread` is a thread id, not a process id."""

    identity: int
    thread: int
    number: int
    architecture: int
    arguments: tuple[int, ...]


def unpacked(raw: bytes | bytearray) -> Notification:
    """A notification from the kernel's 80 bytes."""
    identity, thread, _flags, number, architecture, _pointer, *arguments = NOTIFICATION.unpack(raw)
    return Notification(identity, thread, number, architecture, tuple(arguments))


def receive(listener: int) -> Notification | None:
    """The next waiting call, or None if its process died before it was read. Call it after poll(2) only."""
    buffer = bytearray(NOTIFICATION.size)  # the kernel refuses a buffer that is not zero
    try:
        fcntl.ioctl(listener, RECEIVE, buffer)
    except OSError as reason:
        if reason.errno in (errno.ENOENT, errno.EINTR):
            return None
        raise
    return unpacked(buffer)


def still_waiting(listener: int, identity: int) -> bool:
    """Whether the call still waits; check it after each look into its process."""
    try:
        fcntl.ioctl(listener, ID_VALID, struct.pack("=Q", identity))
    except OSError:
        return False
    return True


def send(listener: int, identity: int, value: int = 0, error: int = 0, *, proceed: bool = False) -> bool:
    """Answer a call with a value or an errno, or let the kernel make it. False if it was interrupted meanwhile."""
    flags = FLAG_CONTINUE if proceed else 0
    return _answered(listener, SEND, RESPONSE.pack(identity, value, -error, flags))


def hand_in(listener: int, identity: int, descriptor: int, close_on_exec: bool) -> bool:
    """Answer a call with a copy of our descriptor; needs Linux 5.14. False if it was interrupted meanwhile."""
    flags = os.O_CLOEXEC if close_on_exec else 0
    return _answered(listener, ADD_DESCRIPTOR, ADDITION.pack(identity, ADD_AND_SEND, descriptor, 0, flags))


def _answered(listener: int, request: int, packed: bytes) -> bool:
    try:
        fcntl.ioctl(listener, request, bytearray(packed))
    except OSError as reason:
        if reason.errno == errno.ENOENT:
            return False
        raise
    return True


def syscall(number: int, *arguments: object) -> int:
    """A raw system call of the supervisor itself. Raises OSError."""
    wide = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    outcome = int(libc.syscall(ctypes.c_long(number), *wide))
    if outcome < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return outcome
