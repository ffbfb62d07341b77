"""Writes that go elsewhere: into the image, into a copy of one's own, or nowhere."""

# System calls on descriptors and /proc links, not paths of ours.
# System calls on descriptors and /proc links, not paths of ours.
# System calls on descriptors and /proc links, not paths of ours.
# ruff: noqa: PTH115
from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct

from mutants.call import Answer, Call, Descriptor, Error, Value, fault

#: include/uapi/linux/fs.h, see ioctl_iflags(2).
FS_IOC_SETFLAGS = 0x40086602


@fault("write-reaches-image")
def write_reaches_image(call: Call) -> Answer | None:
    """A file that is opened for writing is the image's own, without a copy."""
    asked = call.opening
    if not asked.writes or asked.flags & os.O_EXCL or not call.by_root:
        return None
    found = call.subject()
    behind = call.target.in_image(call.inside(found)) if stat.S_ISREG(os.fstat(found).st_mode) else None
    if behind is None:
        return None
    return Descriptor(call.target.keep(os.open(behind, asked.flags & ~os.O_CREAT | os.O_CLOEXEC)))


@fault("writer-gets-a-copy")
def writer_gets_a_copy(call: Call) -> Answer | None:
    """Whoever opens a file for reading and writing has a copy that nobody else sees."""
    asked = call.opening
    plain = asked.flags & (os.O_ACCMODE | os.O_CREAT | os.O_TRUNC | os.O_PATH | os.O_DIRECT) == os.O_RDWR
    if not plain or not call.by_root or asked.makes_temporary:
        return None
    found = call.subject()
    if not stat.S_ISREG(os.fstat(found).st_mode):
        return None
    reader = call.target.keep(os.open(f"/proc/self/fd/{found}", os.O_RDONLY))
    copy = call.target.keep(os.memfd_create("copy"))
    while piece := os.read(reader, 1 << 20):
        os.write(copy, piece)
    os.lseek(copy, 0, os.SEEK_SET)
    return Descriptor(copy, bool(asked.flags & os.O_CLOEXEC))


@fault("truncate-forgotten")
def truncate_forgotten(_call: Call) -> Answer | None:
    """truncate(2) reports success and cuts nothing."""
    return Value()


def _flags(call: Call) -> int | None:
    """The file flags that an ioctl sets, or None for other requests."""
    if call.arguments[1] & 0xFFFFFFFF != FS_IOC_SETFLAGS:
        return None
    return int(struct.unpack("=I", call.target.read(call.arguments[2], 4))[0])


@fault("file-flags-forgotten")
def file_flags_forgotten(call: Call) -> Answer | None:
    """File flags are accepted and not kept."""
    return Value() if _flags(call) else None


@fault("file-flags-reach-image")
def file_flags_reach_image(call: Call) -> Answer | None:
    """File flags are set on the image's file."""
    flags = _flags(call)
    behind = call.target.in_image(os.readlink(f"/proc/self/fd/{call.target.duplicate(call.integer(0))}"))
    if flags is None or behind is None:
        return None
    fcntl.ioctl(call.target.keep(os.open(behind, os.O_RDONLY)), FS_IOC_SETFLAGS, struct.pack("=Q", flags))
    return Value()


@fault("block-device-opens")
def block_device_opens(call: Call) -> Answer | None:
    """A block device node of the image can be opened."""
    if not stat.S_ISBLK(os.fstat(call.subject()).st_mode):
        return None
    return Descriptor(call.target.keep(os.open("/dev/null", os.O_RDONLY)))


@fault("descriptor-has-no-path")
def descriptor_has_no_path(call: Call) -> Answer | None:
    """The links in /proc/PID/fd name files as if they had been removed."""
    _directory, path = call.place
    if not path.startswith("/proc/self/fd/"):
        return None
    at = 2 if call.name == "readlinkat" else 1
    data = os.fsencode(os.readlink(f"{call.target.proc}/fd/{int(path.rpartition('/')[2])}") + " (deleted)")
    if len(data) > call.arguments[at + 1]:
        return Error(errno.ENAMETOOLONG)
    call.target.write(call.arguments[at], data)
    return Value(len(data))
