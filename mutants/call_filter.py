"""A seccomp filter: classic BPF that decides what becomes of some system calls of a process and of its descendants."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Sequence

from roadworthy.mutants.calls import ARCHITECTURE, NUMBERS

libc = ctypes.CDLL(None, use_errno=True)
SECCOMP = 317
SET_MODE_FILTER, NEW_LISTENER = 1, 1 << 3
#: Classic BPF, see seccomp(2): load a word of the call's data, jump if equal, return.
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
#: What becomes of a call: the kernel makes it, a supervisor is asked, or it reports success and is not made.
ALLOW, NOTIFY, PRETEND = 0x7FFF0000, 0x7FC00000, 0x00050000
CALL_AT, ARCHITECTURE_AT = 0, 4


def program(calls: Sequence[str], answer: int) -> bytes:
    """A filter with this answer to these calls, which allows all others."""
    numbers = [NUMBERS[name] for name in calls]
    code = [(LOAD, 0, 0, ARCHITECTURE_AT), (JUMP_EQUAL, 0, len(numbers) + 1, ARCHITECTURE), (LOAD, 0, 0, CALL_AT)]
    code += [(JUMP_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    code += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, answer)]
    return b"".join(struct.pack("=HBBI", *line) for line in code)


def filtered(calls: Sequence[str], answer: int) -> int:
    """Put the filter on this process and all that it becomes; return the notification descriptor, or 0."""
    packed = program(calls, answer)
    code = ctypes.create_string_buffer(packed, len(packed))
    filter_of = struct.pack("@HP", len(packed) // 8, ctypes.addressof(code))
    flags = NEW_LISTENER if answer == NOTIFY else 0
    found = int(libc.syscall(ctypes.c_long(SECCOMP), SET_MODE_FILTER, ctypes.c_uint(flags), filter_of))
    if found < 0:
        code_of_error = ctypes.get_errno()
        raise OSError(code_of_error, f"seccomp: {os.strerror(code_of_error)}")
    return found
