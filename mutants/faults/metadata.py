"""Calls that set modes, owners and times."""

# System calls on descriptors and /proc links, not paths of ours.
# ruff: noqa: PTH101
from __future__ import annotations

import errno
import os
import stat
import struct

from roadworthy.mutants.call import Answer, Call, Error, Value, fault
from roadworthy.mutants.calls import AT_SYMLINK_NOFOLLOW, NUMBERS
from roadworthy.mutants.notification import syscall

UTIME_OMIT = 0x3FFFFFFE
TIMES = struct.Struct("=4q")


def set_times(call: Call, times: tuple[int, ...]) -> Value:
    """utimensat(2) on what the call names, with these (seconds, nanoseconds) pairs."""
    directory, path = call.place
    if path:
        directory, path = call.target.parent(directory, path)
    else:
        directory, path = call.target.duplicate(directory), ""
    name = os.fsencode(path) if path else 0
    syscall(NUMBERS["utimensat"], directory, name, TIMES.pack(*times), call.at_flags & AT_SYMLINK_NOFOLLOW)
    return Value()


def asked_times(call: Call) -> tuple[int, ...] | None:
    address = call.arguments[2]
    return TIMES.unpack(call.target.read(address, TIMES.size)) if address else None


@fault("times-in-whole-seconds")
def whole_seconds(call: Call) -> Answer | None:
    """Times are kept without nanoseconds."""
    times = asked_times(call)
    if times is None or not call.by_root:
        return None
    a_seconds, a_nanoseconds, m_seconds, m_nanoseconds = times
    cut = tuple(value if value >= UTIME_OMIT else 0 for value in (a_nanoseconds, m_nanoseconds))
    if cut == (a_nanoseconds, m_nanoseconds):
        return None
    return set_times(call, (a_seconds, cut[0], m_seconds, cut[1]))


@fault("times-of-32-bits")
def times_of_32_bits(call: Call) -> Answer | None:
    """Times before 1970 and after January 2038 become another time."""
    times = asked_times(call)
    if times is None or not call.by_root:
        return None
    wrapped = (times[0] & 0x7FFFFFFF, times[1], times[2] & 0x7FFFFFFF, times[3])
    return None if wrapped == times else set_times(call, wrapped)


@fault("chmod-needs-root")
def chmod_needs_root(call: Call) -> Answer | None:
    """chmod(2) by the file's owner is refused."""
    return None if call.by_root else Error(errno.EPERM)


@fault("chmod-drops-suid")
def chmod_drops_suid(call: Call) -> Answer | None:
    """Set-user-id and set-group-id bits are not set on files."""
    mode = call.integer(2 if call.name.startswith("fchmodat") else 1)
    if not mode & 0o6000 or not call.by_root:
        return None
    found = call.subject()
    if not stat.S_ISREG(os.fstat(found).st_mode):
        return None
    os.chmod(f"/proc/self/fd/{found}", mode & 0o1777)
    return Value()


@fault("mode-through-descriptor-forgotten")
def mode_through_descriptor_forgotten(call: Call) -> Answer | None:
    """fchmod(2) reports success and changes nothing."""
    return None if stat.S_IMODE(os.fstat(call.subject()).st_mode) == call.integer(1) else Value()


@fault("chown-forgotten")
def chown_forgotten(call: Call) -> Answer | None:
    """A change of a file's owner reports success and changes nothing."""
    at = 2 if call.name == "fchownat" else 1
    found = os.fstat(call.subject())
    asked = (call.integer(at), call.integer(at + 1))
    changes = any(wanted not in (-1, there) for wanted, there in zip(asked, (found.st_uid, found.st_gid), strict=True))
    return Value() if changes and call.by_root and stat.S_ISREG(found.st_mode) else None


@fault("chown-keeps-suid")
def chown_keeps_suid(call: Call) -> Answer | None:
    """A program keeps its set-user-id and set-group-id bits when its owner changes."""
    at = {"fchownat": 2}.get(call.name, 1)
    found = call.subject()
    mode = stat.S_IMODE(os.fstat(found).st_mode)
    if not mode & 0o6000 or not stat.S_ISREG(os.fstat(found).st_mode) or not call.by_root:
        return None
    os.chown(f"/proc/self/fd/{found}", call.integer(at), call.integer(at + 1))
    os.chmod(f"/proc/self/fd/{found}", mode)
    return Value()


@fault("sgid-not-inherited")
def sgid_not_inherited(call: Call) -> Answer | None:
    """A new entry of a set-group-id directory gets its creator's group."""
    making = call.name in ("mkdir", "mkdirat")
    if not making and not call.opening.flags & os.O_CREAT:
        return None
    directory, name = call.name_of(call.place)
    if not os.fstat(directory).st_mode & stat.S_ISGID:
        return None
    user, group = call.target.user, call.target.group
    if making:
        mode = call.integer(2 if call.name == "mkdirat" else 1) & ~call.target.umask
        os.mkdir(name, mode, dir_fd=directory)
        os.chown(name, user, group, dir_fd=directory, follow_symlinks=False)
        os.chmod(name, mode, dir_fd=directory)
        return Value()
    made = call.opened(call.opening.flags)
    os.fchown(made.descriptor, user, group)
    return made


@fault("umask-ignored")
def umask_ignored(call: Call) -> Answer | None:
    """A new file gets the whole mode that was requested."""
    asked = call.opening
    if not asked.flags & os.O_CREAT or not call.by_root:
        return None
    directory, name = call.name_of(call.place)
    writer = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
    os.fchmod(call.target.keep(writer), asked.mode & 0o7777)
    return call.opened(asked.flags & ~(os.O_CREAT | os.O_EXCL))


@fault("working-directory-forgotten")
def working_directory_forgotten(_call: Call) -> Answer | None:
    """getcwd(2) fails as if the directory had been removed."""
    return Error(errno.ENOENT)


@fault("working-directory-never-forgotten")
def working_directory_never_forgotten(call: Call) -> Answer | None:
    """getcwd(2) still names a directory that was removed."""
    inside = call.target.directory
    if not inside.endswith(" (deleted)"):
        return None
    data = os.fsencode(inside.removesuffix(" (deleted)")) + b"\0"
    call.target.write(call.arguments[0], data)
    return Value(len(data))


@fault("long-names-are-missing")
def long_names_are_missing(call: Call) -> Answer | None:
    """chmod(2) of a name that is too long fails with ENOENT."""
    if call.name == "fchmod" or len(os.fsencode(call.place[1].rpartition("/")[2])) <= 255:
        return None
    return Error(errno.ENOENT)
