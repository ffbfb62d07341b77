"""The kernel's log while a check runs. A kernel that reports a bug of its own makes the verdict `crash`."""

from __future__ import annotations

import os
import re
from typing import Protocol

#: Lines that mean a bug in the kernel, after xfstests' list; "cut here" precedes warnings of the kernel's code. A call
#: trace alone means nothing, as the out-of-memory killer prints one, too; "traps: … general protection fault ip:" is
#: that of a program.
BUGS = re.compile(
    r"kernel BUG at|\bBUG: |\bBUG \S+ \((Not t|T)ainted|Oops: |general protection fault[,:]|KASAN:|UBSAN:|cut here"
    r"|WARNING: (CPU|possible|suspicious|inconsistent|bad unlock)|blocked for more than"
    r"|EXT4-fs error|XFS .*[Cc]orruption|BTRFS (error|critical)"
)
#: Tools that print such words although nothing is wrong.
LOOKALIKES = re.compile(r"ODEBUG|FAULT_INJECTION")
#: Lines that mean a failing device under the lane, however the driver reacts to it.
DEVICE = re.compile(r"I/O error, dev |Buffer I/O error|critical (medium|target|space allocation) error")
#: A process that the out-of-memory killer has ended.
MEMORY = re.compile(r"[Oo]ut of memory: Killed process \d+ \([^)]*\)")
#: What AppArmor, or SELinux in enforcing mode, has denied, if no daemon takes the kernel's audit records.
POLICY = re.compile(r'apparmor="DENIED".*|avc: +denied .*permissive=0.*')
LINES_KEPT = 60


class Log(Protocol):
    """A kernel's log, from the creation of the object on."""

    @property
    def shown(self) -> bool:
        """Whether the kernel's log can be read here at all."""
        ...

    def lines(self) -> list[str]:
        """What was logged since the last look, the newest last."""
        ...

    def close(self) -> None:
        """Stop reading."""
        ...


class KernelLog:
    """Reads `/dev/kmsg` from its current end on. A host that does not show it gives no lines."""

    def __init__(self, path: str = "/dev/kmsg") -> None:
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError:
            self._descriptor = -1

    @property
    def shown(self) -> bool:
        return self._descriptor >= 0

    def lines(self) -> list[str]:
        """What was logged since the last look: at most LINES_KEPT lines, and further lines that mean a bug."""
        found: list[str] = []
        while self._descriptor >= 0:
            try:
                record = os.read(self._descriptor, 8192)
            except BlockingIOError:
                break
            except BrokenPipeError:
                continue  # the kernel overwrote what we had not read; the next read continues after it
            except OSError:
                break
            if not record:
                break
            line = spoken(record)
            if line is not None:
                found.append(line)
        return kept(found)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def kept(lines: list[str]) -> list[str]:
    """The first LINES_KEPT lines, and at most as many of the others that mean something for a verdict."""
    meaning = (bug, device_trouble, memory_trouble, policy_trouble)
    telling = [line for line in lines[LINES_KEPT:] if any(means([line]) for means in meaning)]
    return lines[:LINES_KEPT] + telling[:LINES_KEPT]


def spoken(record: bytes) -> str | None:
    """The message of one record, or None if a program wrote it: see Documentation/ABI/testing/dev-kmsg."""
    prefix, _, said = record.decode(errors="replace").partition(";")
    syslog = prefix.partition(",")[0]
    if not syslog.isdigit() or int(syslog) > 7:  # the number is facility * 8 + level; the kernel's facility is 0
        return None
    return said.partition("\n")[0]


def bug(lines: list[str]) -> str:
    """The first line that means a bug in the kernel, or an empty string."""
    return next((line for line in lines if BUGS.search(line) and not LOOKALIKES.search(line)), "")


def device_trouble(lines: list[str]) -> str:
    """The first line that means a failing device, or an empty string."""
    return next((line for line in lines if DEVICE.search(line)), "")


def policy_trouble(lines: list[str]) -> str:
    """The first denial by a security module, or an empty string."""
    return next((found[0] for line in lines if (found := POLICY.search(line))), "")


def memory_trouble(lines: list[str]) -> str:
    """What the kernel said of the first process that it ended for lack of memory, or an empty string."""
    return next((found[0] for line in lines if (found := MEMORY.search(line))), "")
