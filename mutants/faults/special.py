"""Fifos, sockets and device nodes."""

# System calls on descriptors and /proc links, not paths of ours.
# ruff: noqa: PTH101
from __future__ import annotations

import errno
import os
import stat

from roadworthy.mutants.call import Answer, Call, Descriptor, Error, Proceed, Value, fault


@fault("fifo-is-a-file")
def fifo_is_a_file(call: Call) -> Answer | None:
    """mkfifo(3) makes a regular file."""
    mode = call.integer(2 if call.name == "mknodat" else 1)
    if not stat.S_ISFIFO(mode) or not call.by_root:
        return None
    directory, name = call.name_of(call.place)
    mode = stat.S_IMODE(mode) & ~call.target.umask
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode, dir_fd=directory))
    return Value()


@fault("fifo-replaced-at-chmod")
def fifo_replaced_at_chmod(call: Call) -> Answer | None:
    """chmod of a fifo puts a new one in its place; processes that have the old one open are cut off."""
    directory, name = call.name_of(call.place)
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISFIFO(found.st_mode):
        return None
    os.unlink(name, dir_fd=directory)
    os.mkfifo(name, stat.S_IMODE(found.st_mode), dir_fd=directory)
    return Proceed()


@fault("fifo-keeps-its-mode")
def fifo_keeps_its_mode(call: Call) -> Answer | None:
    """chmod of a fifo reports success and changes nothing."""
    return Value() if stat.S_ISFIFO(os.fstat(call.subject()).st_mode) else None


@fault("fifo-opens-apart")
def fifo_opens_apart(call: Call) -> Answer | None:
    """Every process that opens a fifo gets a pipe of its own."""
    if not stat.S_ISFIFO(os.fstat(call.subject()).st_mode):
        return None
    reader, _writer = (call.target.keep(end) for end in os.pipe())
    both = call.target.keep(os.open(f"/proc/self/fd/{reader}", os.O_RDWR | call.opening.flags & os.O_NONBLOCK))
    return Descriptor(both)


@fault("fifo-copied-up-at-open")
def fifo_copied_up_at_open(call: Call) -> Answer | None:
    """A fifo of the image is copied into the writable layer by being opened for writing."""
    found = call.subject()
    mode = os.fstat(found).st_mode
    if not stat.S_ISFIFO(mode) or not call.opening.writes or call.target.in_image(call.inside(found)) is None:
        return None
    os.chmod(f"/proc/self/fd/{found}", stat.S_IMODE(mode))
    return Proceed()


@fault("device-cannot-be-opened")
def device_cannot_be_opened(call: Call) -> Answer | None:
    """Device nodes exist and cannot be opened."""
    return Error(errno.EACCES) if stat.S_ISCHR(os.fstat(call.subject()).st_mode) else None


@fault("device-number-changes")
def device_number_changes(call: Call) -> Answer | None:
    """chmod of a device node makes it another device."""
    directory, name = call.name_of(call.place)
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISCHR(found.st_mode):
        return None
    os.unlink(name, dir_fd=directory)
    os.mknod(name, found.st_mode, os.makedev(1, 5), dir_fd=directory)
    return Proceed()


@fault("socket-moves-away")
def socket_moves_away(call: Call) -> Answer | None:
    """A socket that gets a second name, or another mode, no longer leads to its listener."""
    directory, name = call.name_of(call.place)
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISSOCK(found.st_mode):
        return None
    os.unlink(name, dir_fd=directory)
    os.mknod(name, found.st_mode, dir_fd=directory)
    return Proceed()


@fault("connect-refused")
def connect_refused(_call: Call) -> Answer | None:
    """Every connect(2) is refused."""
    return Error(errno.ECONNREFUSED)


@fault("mknod-ignores-the-umask")
def mknod_ignores_the_umask(call: Call) -> Answer | None:
    """A fifo or a device has the mode that was asked for, whatever the umask is."""
    at = 2 if call.name == "mknodat" else 1
    mode = call.integer(at)
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)) or not call.by_root:
        return None
    directory, name = call.name_of(call.place)
    os.mknod(name, mode, call.arguments[at + 1], dir_fd=directory)
    os.chmod(name, stat.S_IMODE(mode), dir_fd=directory)
    return Value()


@fault("mknod-for-everyone")
def mknod_for_everyone(call: Call) -> Answer | None:
    """mknod(2) of a device reports success to every caller, and makes nothing."""
    mode = call.integer(2 if call.name == "mknodat" else 1)
    return Value() if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else None


@fault("no-inodes-says-eio")
def no_inodes_says_eio(call: Call) -> Answer | None:
    """If no inode is left, a fifo or device is refused with EIO."""
    directory, _name = call.name_of(call.place)
    return None if os.fstatvfs(directory).f_ffree else Error(errno.EIO)
