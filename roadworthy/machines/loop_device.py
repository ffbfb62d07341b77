"""A loop device that ends with its last user, whatever ends this program; see loop(4).

The kernel detaches a device with LO_FLAGS_AUTOCLEAR when nobody has it open any more, and it has the flag from its
first moment: so nothing has to remember the device in order to remove it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path

#: The kernel's include/uapi/linux/loop.h. LOOP_CONFIGURE is there since Linux 5.8.
LOOP_CTL_GET_FREE, LOOP_CONFIGURE = 0x4C82, 0x4C0A
LO_FLAGS_AUTOCLEAR = 4
#: struct loop_config: the backing file's descriptor, the block size, struct loop_info64 with the flags at its byte 52,
#: and what is reserved.
CONFIGURATION = struct.Struct("=II 52xI 176x 64x")
TRIES = 20
CONTROL = Path("/dev/loop-control")


class LoopDevice:
    """A buffered loop device over a file, held open by this program. `path` is its name in /dev."""

    def __init__(self, file: Path) -> None:
        """Attach a free device to the file. Raises OSError."""
        backing = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._descriptor: int | None
            self.path, self._descriptor = attached(backing)
        finally:
            os.close(backing)

    def close(self) -> None:
        """Let it go, once; the kernel detaches it when nothing that is mounted uses it any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def why_none() -> str:
    """Why no loop device can be had, and what to do about it; an empty string if there is a free one.

    A container has the devices that it was given, and a loop module may have been told how many to have at most.
    """
    try:
        with CONTROL.open("rb") as control:
            number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
    except FileNotFoundError:
        return (
            f"needs loop devices, and there is no {CONTROL}: modprobe loop, or mknod {CONTROL} c 10 237 in a container"
        )
    except OSError as reason:
        return f"needs a free loop device, and {CONTROL} gives none ({reason.strerror}): losetup --list, and free one"
    path = CONTROL.with_name(f"loop{number}")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError as reason:
        said = f"needs a free loop device, and cannot use {path} ({reason.strerror})"
        return f"{said}: mknod {path} b 7 {number}, and allow the device here"
    return ""


def attached(backing: int) -> tuple[str, int]:
    """Attach a free device to an open file: its name, and its descriptor, whose end detaches it. Raises OSError."""
    for tries in range(TRIES):
        with CONTROL.open("rb") as control:
            path = f"/dev/loop{fcntl.ioctl(control, LOOP_CTL_GET_FREE)}"
        device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(device, LOOP_CONFIGURE, CONFIGURATION.pack(backing, 0, LO_FLAGS_AUTOCLEAR))
        except OSError as reason:
            os.close(device)
            if reason.errno != errno.EBUSY or tries == TRIES - 1:  # another program may take the device first
                raise
        else:
            return path, device
    raise AssertionError("unreachable")
