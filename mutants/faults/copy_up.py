"""Faults of copy-up: what the copy loses, and descriptors that copy-up leaves behind.

They need overlayfs, because its layer directories show whether a file lies in the image only.
"""

# System calls on descriptors and /proc links, not paths of ours.
# ruff: noqa: PTH101
from __future__ import annotations

import ctypes
import os
import stat
import time
from collections.abc import Callable

from roadworthy.mutants.call import Answer, Call, Descriptor, Fault, Proceed, fault
from roadworthy.mutants.calls import OPENING
from roadworthy.mutants.faults.names import lstat

libc = ctypes.CDLL(None)
#: fallocate(2): FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE.
PUNCH_HOLE = 0x3
#: Takes a descriptor of the copied-up file, open for writing; returns whether it spoiled something.
Spoil = Callable[[int], bool]


def at_copy_up(name: str) -> Callable[[Spoil], Spoil]:
    """Register a fault that copies a file up before the call that would do it, and spoils the copy."""

    def registered(spoil: Spoil) -> Spoil:
        def faulty(call: Call) -> Answer | None:
            if call.name in OPENING and (not call.opening.writes or call.opening.flags & (os.O_TRUNC | os.O_EXCL)):
                return None
            if call.name in ("link", "linkat") and lstat(call.name_of(call.second_place)) is not None:
                return None  # refused before anything is copied
            found = call.subject()
            if not stat.S_ISREG(os.fstat(found).st_mode) or call.target.in_image(call.inside(found)) is None:
                return None
            # If another process holds a lease, the caller waits and not the supervisor; nothing is spoiled then.
            writer = call.target.keep(os.open(f"/proc/self/fd/{found}", os.O_RDWR | os.O_NONBLOCK))
            return Proceed() if spoil(writer) else None

        fault(name)(faulty)
        return spoil

    return registered


@at_copy_up("copy-up-touches")
def touches(writer: int) -> bool:
    os.utime(writer, ns=(time.time_ns(), time.time_ns()))
    return True


@at_copy_up("copy-up-cuts-times")
def cuts_times(writer: int) -> bool:
    found = os.fstat(writer)
    os.utime(writer, ns=(found.st_atime_ns, found.st_mtime_ns // 10**9 * 10**9))
    return found.st_mtime_ns % 10**9 != 0


@at_copy_up("copy-up-drops-xattrs")
def drops_xattrs(writer: int) -> bool:
    names = [name for name in os.listxattr(writer) if name.startswith(("user.", "trusted."))]
    for name in names:
        os.removexattr(writer, name)
    return bool(names)


@at_copy_up("copy-up-drops-capability")
def drops_capability(writer: int) -> bool:
    present = "security.capability" in os.listxattr(writer)
    if present:
        os.removexattr(writer, "security.capability")
    return present


@at_copy_up("copy-up-drops-acl")
def drops_acl(writer: int) -> bool:
    present = "system.posix_acl_access" in os.listxattr(writer)
    if present:
        os.removexattr(writer, "system.posix_acl_access")
    return present


@at_copy_up("copy-up-takes-ownership")
def takes_ownership(writer: int) -> bool:
    found = os.fstat(writer)
    if not found.st_uid and not found.st_gid:
        return False
    os.fchown(writer, 0, 0)
    os.fchmod(writer, stat.S_IMODE(found.st_mode))
    return True


@at_copy_up("copy-up-loses-tail")
def loses_tail(writer: int) -> bool:
    """The last page past 64 KiB is zeroes; small files stay whole."""
    size = os.fstat(writer).st_size
    start = max(64 * 1024, size - 4096)
    if size <= start:
        return False
    kept = os.fstat(writer)
    os.pwrite(writer, bytes(size - start), start)
    os.utime(writer, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    return True


@at_copy_up("copy-up-is-not-synced")
def is_not_synced(writer: int) -> bool:
    """The copy gets blocks of a later writing, for which nobody waits. A truncation would make ext4 write them soon."""
    kept = os.fstat(writer)
    data = os.pread(writer, kept.st_size, 0)
    if libc.fallocate(writer, PUNCH_HOLE, ctypes.c_int64(0), ctypes.c_int64(kept.st_size)):
        return False
    os.pwrite(writer, data, 0)
    os.utime(writer, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    return bool(data)


@at_copy_up("copy-up-fills-holes")
def fills_holes(writer: int) -> bool:
    """Every block is written, one mebibyte at a time."""
    found = os.fstat(writer)
    if found.st_blocks * 512 >= found.st_size:
        return False
    for at in range(0, found.st_size, 1 << 20):
        os.pwrite(writer, os.pread(writer, 1 << 20, at), at)
    os.utime(writer, ns=(found.st_atime_ns, found.st_mtime_ns))
    return True


@fault("copy-up-opens-parent")
def opens_parent(call: Call) -> Answer | None:
    """The directory of a file that is changed for the first time gets the mode 0755."""
    if call.name in OPENING and not call.opening.writes:
        return None
    found = call.subject()
    if not stat.S_ISREG(os.fstat(found).st_mode) or call.target.in_image(call.inside(found)) is None:
        return None
    directory, _name = call.name_of(call.place)
    if stat.S_IMODE(os.fstat(directory).st_mode) == 0o755:
        return None
    os.chmod(f"/proc/self/fd/{directory}", 0o755)
    return Proceed()


@fault("each-opening-takes-space")
def each_opening_takes_space(call: Call) -> Answer | None:
    """A file of more than a mebibyte is copied whole each time it is opened for writing, and the old copy stays."""
    if not call.opening.writes or call.opening.flags & (os.O_CREAT | os.O_TRUNC):
        return None
    found = call.subject()
    status = os.fstat(found)
    if not stat.S_ISREG(status.st_mode) or status.st_size <= 1 << 20:
        return None
    directory, name = call.name_of(call.place)
    reader = call.target.keep(os.open(f"/proc/self/fd/{found}", os.O_RDONLY))
    copy = call.target.keep(os.open(f".{name}.{time.time_ns()}", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=directory))
    while piece := os.read(reader, 1 << 20):
        os.write(copy, piece)
    os.fsync(copy)
    return Proceed()


def _stale(call: Call) -> Answer | None:
    """A reader gets the lower file itself, as from overlayfs before Linux 4.19; later writes do not reach it."""
    asked = call.opening
    if asked.flags & (os.O_ACCMODE | os.O_PATH | os.O_DIRECTORY | os.O_CREAT) or not call.by_root:
        return None
    found = call.subject()
    if not stat.S_ISREG(os.fstat(found).st_mode):
        return None
    behind = call.target.in_image(call.inside(found))
    if behind is None:
        return None
    return Descriptor(call.target.keep(os.open(behind, asked.flags | os.O_CLOEXEC)), bool(asked.flags & os.O_CLOEXEC))


STALE: Fault = fault("reader-goes-stale")(_stale)
