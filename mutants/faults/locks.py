"""Locks, leases, watches and file handles."""

from __future__ import annotations

import errno
import fcntl
import struct

from roadworthy.mutants.call import Answer, Call, Error, Value, fault

F_SETLEASE = 1024
F_OFD_SETLK = 37
SETTING = (fcntl.F_SETLK, F_OFD_SETLK)


@fault("flock-granted-twice")
def flock_granted_twice(call: Call) -> Answer | None:
    """flock(2) grants every lock and holds none."""
    return None if call.integer(1) & fcntl.LOCK_UN else Value()


@fault("record-lock-granted-twice")
def record_lock_granted_twice(call: Call) -> Answer | None:
    """fcntl(2) grants every record lock and holds none."""
    return Value() if call.integer(1) in SETTING else None


@fault("record-lock-refused")
def record_lock_refused(call: Call) -> Answer | None:
    """fcntl(2) refuses each record lock as if another process held one."""
    if call.integer(1) not in SETTING:
        return None
    (kind,) = struct.unpack("=h", call.target.read(call.arguments[2], 2))  # l_type, the first of `struct flock`
    return None if kind == fcntl.F_UNLCK else Error(errno.EAGAIN)


@fault("lease-refused")
def lease_refused(call: Call) -> Answer | None:
    """No lease is granted."""
    return Error(errno.EAGAIN) if call.integer(1) == F_SETLEASE and call.integer(2) != fcntl.F_UNLCK else None


@fault("lease-never-taken")
def lease_never_taken(call: Call) -> Answer | None:
    """Each lease is granted and none is held, so that nothing breaks it."""
    return Value() if call.integer(1) == F_SETLEASE else None


@fault("watch-sees-nothing")
def watch_sees_nothing(_call: Call) -> Answer | None:
    """inotify_add_watch(2) reports a watch and adds none."""
    return Value(1)


@fault("handle-refused")
def handle_refused(_call: Call) -> Answer | None:
    """name_to_handle_at(2) is not supported."""
    return Error(errno.EOPNOTSUPP)


@fault("fanotify-mark-refused")
def fanotify_mark_refused(_call: Call) -> Answer | None:
    """fanotify_mark(2) refuses watches that report file identities."""
    return Error(errno.ENODEV)
