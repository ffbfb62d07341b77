"""Writes that go elsewhere: into the image, into a private copy, or nowhere."""

# System calls on descriptors and /proc links, not paths of ours.
# ruff: noqa: PTH115, PTH116
from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct

from roadworthy.mutants.call import Answer, Call, Descriptor, Error, Proceed, Value, fault

#: include/uapi/linux/fs.h, see ioctl_iflags(2).
FS_IOC_GETFLAGS = 0x80086601
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
    """A process that opens a file for reading and writing gets a private copy."""
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
    behind = call.target.in_image(call.inside(call.target.duplicate(call.integer(0))))
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
    led = os.readlink(f"{call.target.proc}/fd/{int(path.rpartition('/')[2])}")
    data = os.fsencode(call.target.within(led) + " (deleted)")
    if len(data) > call.arguments[at + 1]:
        return Error(errno.ENAMETOOLONG)
    call.target.write(call.arguments[at], data)
    return Value(len(data))


@fault("volume-writes-get-lost")
def volume_writes_get_lost(call: Call) -> Answer | None:
    """A process that opens a file of a volume for writing gets a private copy; a new file stays empty."""
    asked = call.opening
    if not asked.writes or asked.makes_temporary or not call.by_root:
        return None
    directory, name = call.name_of(call.place)
    if os.fstat(directory).st_dev == os.stat(f"{call.target.proc}/root").st_dev:
        return None
    found = call.subject(asked.flags & ~os.O_TRUNC, asked.mode & 0o7777 if asked.flags & os.O_CREAT else 0)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        return None
    copy = call.target.keep(os.memfd_create(name))
    reader = call.target.keep(os.open(f"/proc/self/fd/{found}", os.O_RDONLY))
    while not asked.flags & os.O_TRUNC and (piece := os.read(reader, 1 << 20)):
        os.write(copy, piece)
    os.lseek(copy, 0, os.SEEK_SET)
    return Descriptor(copy, bool(asked.flags & os.O_CLOEXEC))


@fault("readers-get-a-copy")
def readers_get_a_copy(call: Call) -> Answer | None:
    """A process that opens a lower file of a mebibyte or more for reading gets a private copy on the disk."""
    asked = call.opening
    if asked.flags & (os.O_ACCMODE | os.O_PATH | os.O_DIRECTORY | os.O_CREAT) or not call.by_root:
        return None
    found = call.subject()
    status = os.fstat(found)
    if not stat.S_ISREG(status.st_mode) or status.st_size < 1 << 20 or call.target.in_image(call.inside(found)) is None:
        return None
    reader = call.target.keep(os.open(f"/proc/self/fd/{found}", os.O_RDONLY))
    copy = call.target.keep(os.open(call.target.upper, os.O_TMPFILE | os.O_RDWR, 0o600))
    while piece := os.read(reader, 1 << 20):
        os.write(copy, piece)
    os.fsync(copy)
    os.posix_fadvise(copy, 0, 0, os.POSIX_FADV_DONTNEED)
    opened = call.target.keep(os.open(f"/proc/self/fd/{copy}", os.O_RDONLY))
    return Descriptor(opened, bool(asked.flags & os.O_CLOEXEC))


@fault("private-stores-reach-the-file")
def private_stores_reach_the_file(call: Call) -> Answer | None:
    """What a process has stored into a private mapping is in the file when it is next opened.

    Stores are not system calls, so they are looked for when the file is opened.
    """
    found = call.subject()
    path = call.inside(found)
    if not stat.S_ISREG(os.fstat(found).st_mode) or not call.by_root:
        return None
    stored = [mapped for mapped in call.target.private_mappings() if mapped.path == path]
    writer = call.target.keep(os.open(f"/proc/self/fd/{found}", os.O_RDWR)) if stored else -1
    for mapped in stored:
        size = os.fstat(writer).st_size - mapped.offset
        os.pwrite(writer, call.target.read(mapped.start, min(size, mapped.length)), mapped.offset)
    return Proceed() if stored else None


@fault("file-flags-hidden")
def file_flags_hidden(call: Call) -> Answer | None:
    """A file shows no flags, whatever was set."""
    if call.arguments[1] & 0xFFFFFFFF != FS_IOC_GETFLAGS:
        return None
    if not stat.S_ISREG(os.fstat(call.target.duplicate(call.integer(0))).st_mode):
        return None
    call.target.write(call.arguments[2], struct.pack("=I", 0))
    return Value()
