"""Answers of system calls: values, and the refusals that break a promise."""

from __future__ import annotations

import errno
import signal
import stat
from dataclasses import dataclass

from roadworthy.calls.exchange import AgentFault, Answer

#: Errnos of a call on a host that is full, about which a driver promises nothing. EIO is not among them, because
#: drivers return it themselves; a device that fails shows in the kernel's log.
HOST_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


class Refused(AssertionError):
    """The kernel refused a call that the promise needs."""

    def __init__(self, call: str, code: str) -> None:
        super().__init__(f"{call} was refused with {code}")
        self.code = code


class Died(AssertionError):
    """The call killed the process, as SIGBUS does on a page that no longer exists."""

    def __init__(self, call: str, signal_name: str) -> None:
        super().__init__(f"{call} killed the process: {signal_name}")
        self.code = signal_name


class ProgramBroke(AssertionError):
    """A program in the container failed, and the promise needs it."""


class HostTrouble(Exception):
    """A call failed for lack of space, memory or descriptors; this says nothing about the driver."""


@dataclass(frozen=True)
class Status:
    """The result of stat(2). Times are nanoseconds since the epoch, `blocks` have 512 bytes."""

    dev: int
    ino: int
    mode: int
    nlink: int
    uid: int
    gid: int
    rdev: int
    size: int
    blocks: int
    atime_ns: int
    mtime_ns: int
    ctime_ns: int

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode: what POSIX says identifies a file (XBD 4.6, sys/stat.h)."""
        return self.dev, self.ino

    @property
    def permissions(self) -> int:
        """The mode without the file type."""
        return stat.S_IMODE(self.mode)

    @property
    def kind(self) -> int:
        """The file type, as in stat.S_IFREG."""
        return stat.S_IFMT(self.mode)


@dataclass(frozen=True)
class DirectoryEntry:
    """One directory entry as getdents64(2) returns it; `position` is where reading continues after it."""

    ino: int
    position: int
    kind: int
    name: str


def judged(call: str, answer: Answer) -> tuple[str, Exception | None]:
    """Return an answer in words, and the exception that it stands for, or None."""
    if answer.died is not None:
        if answer.died >= 0:
            return "the process left", AgentFault(f"{call}: the process left with status {answer.died}")
        name = signal.Signals(-answer.died).name
        if name == "SIGKILL":  # no system call sends it; users and the out-of-memory killer do
            return name, AgentFault(f"{call}: the process was killed from outside with SIGKILL, as for lack of memory")
        return name, Died(call, name)
    if answer.errno:
        code = errno.errorcode.get(answer.errno, f"errno {answer.errno}")
        if answer.errno in HOST_TROUBLE:
            trouble = HostTrouble(f"{call} was refused with {code}: the host is out of space, memory or descriptors")
            trouble.__cause__ = OSError(code)
            return code, trouble
        return code, Refused(call, code)
    return repr(answer.value), None
