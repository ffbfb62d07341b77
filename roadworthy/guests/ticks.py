"""The frequency of this processor's time-stamp counter, which an emulated kernel cannot measure by itself.

QEMU's emulation passes the host's counter to the guest unchanged. The guest's kernel measures it at boot against an
emulated timer, and on a busy host is wrong by a factor: its clock then runs three times too fast, and every deadline
inside it is three times too short. `tsc_early_khz` on its command line replaces the measurement.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import threading
import time
from collections.abc import Callable
from functools import cache

#: rdtsc; shl rdx, 32; or rax, rdx; ret
CODE = bytes.fromhex("0f31 48c1e220 4809d0 c3")
SAMPLES = 20
SECONDS_BETWEEN = 0.1


@cache
def kilohertz() -> int:
    """The counter's frequency in kHz, or 0 if this processor has none or memory cannot be executed."""
    if platform.machine() != "x86_64":
        return 0
    try:
        memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return 0
    memory.write(CODE)
    counter = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    first = reading(counter)
    threading.Event().wait(SECONDS_BETWEEN)
    second = reading(counter)
    return round((second[1] - first[1]) * 1_000_000 / (second[0] - first[0]))


def reading(counter: Callable[[], int]) -> tuple[int, int]:
    """Nanoseconds and ticks of one moment, from the shortest of SAMPLES readings."""
    looks = [(time.monotonic_ns(), counter(), time.monotonic_ns()) for _ in range(SAMPLES)]
    before, ticks, after = min(looks, key=lambda look: look[2] - look[0])
    return (before + after) // 2, ticks
