"""execve(2), and changes of a program while it runs."""

# System calls on descriptors and /proc links, not paths of ours.
# ruff: noqa: PTH101
from __future__ import annotations

import errno
import os
import stat

from roadworthy.mutants.call import Answer, Call, Error, Proceed, Value, fault
from roadworthy.mutants.faults.names import Ends

EXECUTE = 0o111


def _program(call: Call) -> tuple[str, int]:
    """A path by which we reach the file, and its mode."""
    found = call.subject()
    return f"/proc/self/fd/{found}", stat.S_IMODE(os.fstat(found).st_mode)


@fault("execute-bit-ignored")
def execute_bit_ignored(call: Call) -> Answer | None:
    """A file that nobody may execute is executed."""
    path, mode = _program(call)
    if mode & EXECUTE or not call.by_root:
        return None
    os.chmod(path, mode | EXECUTE)
    return Proceed()


@fault("suid-without-effect")
def suid_without_effect(call: Call) -> Answer | None:
    """A set-user-id program runs as its caller."""
    path, mode = _program(call)
    if not mode & stat.S_ISUID:
        return None
    os.chmod(path, mode & ~stat.S_ISUID)
    return Proceed()


@fault("program-loses-capability")
def program_loses_capability(call: Call) -> Answer | None:
    """A program has lost its file capabilities when it is executed."""
    path, _mode = _program(call)
    if "security.capability" not in os.listxattr(path):
        return None
    os.removexattr(path, "security.capability")
    return Proceed()


@fault("program-cannot-be-replaced")
def program_cannot_be_replaced(call: Call) -> Answer | None:
    """A rename over a program is refused, as if it wrote into the program."""
    ends = Ends(call)
    replaced = ends.target is not None and stat.S_ISREG(ends.target.st_mode) and ends.target.st_mode & EXECUTE
    return Error(errno.ETXTBSY) if replaced and not ends.flags else None


@fault("program-can-be-truncated")
def program_can_be_truncated(call: Call) -> Answer | None:
    """truncate(2) of a program reports success, whether it runs or not."""
    return Value() if _program(call)[1] & EXECUTE else None
