"""fsync(2) and fdatasync(2)."""

from __future__ import annotations

import errno
import os
import stat

from roadworthy.mutants.call import Answer, Call, Error, Value, fault


@fault("fsync-does-nothing")
def fsync_does_nothing(_call: Call) -> Answer | None:
    """fsync(2) reports success, and nothing reaches the device. Only counters or a power cut show it."""
    return Value()


@fault("fsync-of-directory-does-nothing")
def fsync_of_directory_does_nothing(call: Call) -> Answer | None:
    """fsync(2) of a directory reports success, and neither a new name nor a removal reaches the device."""
    return Value() if stat.S_ISDIR(os.fstat(call.subject()).st_mode) else None


@fault("fsync-needs-a-writer")
def fsync_needs_a_writer(call: Call) -> Answer | None:
    """A descriptor that was opened for reading cannot be synced, whether of a file or of a directory."""
    return Error(errno.EBADF) if call.target.descriptor_flags(call.integer(0)) & os.O_ACCMODE == os.O_RDONLY else None


@fault("fsync-of-directory-refused")
def fsync_of_directory_refused(call: Call) -> Answer | None:
    """A directory cannot be synced."""
    return Error(errno.EINVAL) if stat.S_ISDIR(os.fstat(call.subject()).st_mode) else None


@fault("fsync-fails")
def fsync_fails(call: Call) -> Answer | None:
    """A file cannot be written to the device."""
    return Error(errno.EIO) if stat.S_ISREG(os.fstat(call.subject()).st_mode) else None


@fault("msync-does-nothing")
def msync_does_nothing(_call: Call) -> Answer | None:
    """msync(2) reports success, and nothing reaches the device."""
    return Value()


@fault("o-sync-ignored")
def o_sync_ignored(call: Call) -> Answer | None:
    """A descriptor that should write through does not."""
    asked = call.opening
    both = os.O_SYNC | os.O_DSYNC
    return call.opened(asked.flags & ~both) if asked.flags & both and call.by_root else None
