"""Faults that checks do not look for: what a call does besides, to its file, to the names beside it, or to its outcome.

Each changes one field of a tree. The comparison of trees has to notice it, see roadworthy/verdict/reference.py.
"""

# System calls on descriptors and /proc links, not paths of ours.
# ruff: noqa: PTH101, PTH116
from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Iterator

from roadworthy.mutants.call import Answer, Call, Error, Proceed, fault
from roadworthy.mutants.faults.names import lstat

#: Spoils the file behind a path of ours, which the caller opens for writing; returns whether it did.
Spoil = Callable[[Call, str, os.stat_result], bool]


def at_writing_open(name: str) -> Callable[[Spoil], Spoil]:
    """Register a fault that does something to each file with content that is opened for writing, before it is."""

    def registered(spoil: Spoil) -> Spoil:
        def faulty(call: Call) -> Answer | None:
            asked = call.opening
            if not asked.writes or asked.flags & (os.O_TRUNC | os.O_EXCL) or not call.by_root:
                return None
            path = f"/proc/self/fd/{call.subject()}"
            found = os.stat(path)
            if not stat.S_ISREG(found.st_mode) or not found.st_size:
                return None
            return Proceed() if spoil(call, path, found) else None

        fault(name)(faulty)
        return spoil

    return registered


@contextlib.contextmanager
def editing(path: str, found: os.stat_result) -> Iterator[int]:
    """Yield a descriptor for a change that leaves the times as they are. Not if a lease had to be broken for it."""
    writer = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        yield writer
        os.utime(writer, ns=(found.st_atime_ns, found.st_mtime_ns))
    finally:
        os.close(writer)


@at_writing_open("writer-changes-mode")
def writer_changes_mode(_call: Call, path: str, found: os.stat_result) -> bool:
    """A file that is opened for writing can be written by its group from then on."""
    os.chmod(path, stat.S_IMODE(found.st_mode) | stat.S_IWGRP)
    return not found.st_mode & stat.S_IWGRP


@at_writing_open("writer-changes-group")
def writer_changes_group(_call: Call, path: str, found: os.stat_result) -> bool:
    """A file that is opened for writing gets another group."""
    os.chown(path, -1, 12)
    os.chmod(path, stat.S_IMODE(found.st_mode))
    return found.st_gid != 12


@at_writing_open("writer-leaves-an-attribute")
def writer_leaves_an_attribute(_call: Call, path: str, _found: os.stat_result) -> bool:
    """A file that is opened for writing gets an attribute."""
    os.setxattr(path, "user.driver", b"1")
    return True


@at_writing_open("writer-touches")
def writer_touches(_call: Call, path: str, _found: os.stat_result) -> bool:
    """A file was modified when it was opened for writing, whether anything was written or not."""
    os.utime(path, ns=(time.time_ns(), time.time_ns()))
    return True


@at_writing_open("writer-changes-the-last-byte")
def writer_changes_the_last_byte(_call: Call, path: str, found: os.stat_result) -> bool:
    """A file's last byte is another one after it was opened for writing."""
    with editing(path, found) as writer:
        last = os.pread(writer, 1, found.st_size - 1)
        os.pwrite(writer, bytes([last[0] ^ 1]), found.st_size - 1)
    return True


@at_writing_open("writer-adds-a-byte")
def writer_adds_a_byte(_call: Call, path: str, found: os.stat_result) -> bool:
    """A file is a byte longer after it was opened for writing."""
    with editing(path, found) as writer:
        os.ftruncate(writer, found.st_size + 1)
    return True


@at_writing_open("writer-leaves-a-name")
def writer_leaves_a_name(call: Call, path: str, found: os.stat_result) -> bool:
    """A file that is opened for writing has a further name, at the top of the file system."""
    root = call.target.keep(os.open(f"{call.target.proc}/root", os.O_PATH | os.O_DIRECTORY))
    name = f".index-{found.st_dev}-{found.st_ino}"
    if lstat((root, name)) is None:
        os.link(path, name, dst_dir_fd=root)
        return True
    return False


@at_writing_open("writer-leaves-a-file")
def writer_leaves_a_file(call: Call, _path: str, _found: os.stat_result) -> bool:
    """A hidden file lies beside a file that was opened for writing."""
    directory, name = call.name_of(call.place)
    os.close(os.open(f".{name}.opened", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=directory))
    return True


#: Replaces a symbolic link, by (directory, name), that leads to a file beside it; returns nothing.
Replace = Callable[[int, str, str], None]


def at_links_beside(name: str) -> Callable[[Replace], Replace]:
    """Register a fault that replaces the symbolic links beside a file that lead to it, when the file is read."""

    def registered(replace: Replace) -> Replace:
        def faulty(call: Call) -> Answer | None:
            directory, opened = call.name_of(call.place)
            found = lstat((directory, opened))
            reads = not call.opening.flags & (os.O_ACCMODE | os.O_PATH)
            if found is None or not stat.S_ISREG(found.st_mode) or not reads or not call.by_root:
                return None
            inner = call.target.keep(os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory))
            links = [one.name for one in os.scandir(inner) if one.is_symlink()]
            leading = [link for link in links if os.readlink(link, dir_fd=inner) == opened]
            for link in leading:
                os.unlink(link, dir_fd=inner)
                replace(inner, link, opened)
            return Proceed() if leading else None

        fault(name)(faulty)
        return replace

    return registered


@at_links_beside("links-beside-are-spelled-anew")
def links_beside_are_spelled_anew(directory: int, link: str, target: str) -> None:
    """Symbolic links beside a file that is opened for reading lead to it by another spelling of its name."""
    os.symlink(f"./{target}", link, dir_fd=directory)


@at_links_beside("links-beside-become-files")
def links_beside_become_files(directory: int, link: str, target: str) -> None:
    """Symbolic links beside a file that is opened for reading become copies of it."""
    reader = os.open(target, os.O_RDONLY, dir_fd=directory)
    writer = os.open(link, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=directory)
    os.sendfile(writer, reader, 0, 1 << 20)
    os.close(reader)
    os.close(writer)


@at_links_beside("links-beside-get-lost")
def links_beside_get_lost(_directory: int, _link: str, _target: str) -> None:
    """Symbolic links beside a file that is opened for reading are removed."""


@fault("equal-files-become-one")
def equal_files_become_one(call: Call) -> Answer | None:
    """Files of a directory with equal status and content become names of one file when the directory is listed."""
    if not call.opening.flags & os.O_DIRECTORY or not call.by_root:
        return None
    inner = call.target.keep(os.open(f"/proc/self/fd/{call.subject()}", os.O_RDONLY | os.O_DIRECTORY))
    directory = os.fstat(inner)
    first: dict[tuple[object, ...], str] = {}
    changed = False
    for name in sorted(os.listdir(inner)):
        found = os.stat(name, dir_fd=inner, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode) or found.st_size > 4096:
            continue
        content = os.read(call.target.keep(os.open(name, os.O_RDONLY, dir_fd=inner)), 4096)
        older = first.setdefault((found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, content), name)
        if older != name and os.stat(older, dir_fd=inner).st_ino != found.st_ino:
            os.unlink(name, dir_fd=inner)
            os.link(older, name, src_dir_fd=inner, dst_dir_fd=inner, follow_symlinks=False)
            changed = True
    os.utime(inner, ns=(directory.st_atime_ns, directory.st_mtime_ns))
    return Proceed() if changed else None


@fault("opened-device-changes-number")
def opened_device_changes_number(call: Call) -> Answer | None:
    """A device node is another device once it was opened; who has it open keeps the old one."""
    directory, name = call.name_of(call.place)
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISCHR(found.st_mode) or not (call.by_root or found.st_mode & 0o006 == 0o006):
        return None  # a user who may not open it is refused
    answer = call.opened(call.opening.flags)
    os.unlink(name, dir_fd=directory)
    os.mknod(name, found.st_mode, os.makedev(1, 5), dir_fd=directory)
    os.chmod(
        f"/proc/self/fd/{call.target.keep(os.open(name, os.O_PATH, dir_fd=directory))}", stat.S_IMODE(found.st_mode)
    )
    os.utime(name, ns=(found.st_atime_ns, found.st_mtime_ns), dir_fd=directory)
    return answer


@fault("full-directory-exists")
def full_directory_exists(call: Call) -> Answer | None:
    """rmdir of a directory with something in it says EEXIST, which POSIX allows, and not ENOTEMPTY."""
    directory, name = call.name_of(call.place)
    if call.name != "rmdir" or not stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
        return None
    inner = call.target.keep(os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory))
    return Error(errno.EEXIST) if os.listdir(inner) else None
