"""The kernel's log while a check ran. A kernel that reports a bug of its own makes the verdict `crash`."""

from __future__ import annotations

import os
import re

#: Lines that mean a bug in the kernel, after xfstests' list; "cut here" precedes every WARNING.
BUGS = re.compile(
    r"kernel BUG at|BUG: |Oops: |general protection fault|KASAN:|UBSAN:|cut here|Call Trace:|blocked for more than"
    r"|EXT4-fs error|XFS .*[Cc]orruption|BTRFS (error|critical)"
)
#: Tools that print such words without anything being wrong.
LOOKALIKES = re.compile(r"ODEBUG|FAULT_INJECTION")
LINES_KEPT = 60


class KernelLog:
    """Reads `/dev/kmsg` from where it stands. A host that does not show it gives no lines."""

    def __init__(self, path: str = "/dev/kmsg") -> None:
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError:
            self._descriptor = -1

    def lines(self) -> list[str]:
        """What was logged since the last look, at most LINES_KEPT lines."""
        found: list[str] = []
        while self._descriptor >= 0:
            try:
                record = os.read(self._descriptor, 8192)
            except BlockingIOError:
                break
            except BrokenPipeError:
                continue  # the kernel overwrote what we had not read; the next read goes on behind it
            except OSError:
                break
            if not record:
                break
            found.append(record.decode(errors="replace").partition(";")[2].splitlines()[0])
        return found[:LINES_KEPT]

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def bug(lines: list[str]) -> str:
    """The first line that means a bug in the kernel, or an empty string."""
    return next((line for line in lines if BUGS.search(line) and not LOOKALIKES.search(line)), "")
