"""The process whose call waits: its memory, its names and its descriptors, as the supervisor reaches them."""

# System calls on descriptors and /proc links, not paths of ours.
# ruff: noqa: PTH115, PTH123
from __future__ import annotations

import os
import posixpath
import re
import struct
from dataclasses import dataclass
from functools import cached_property

from roadworthy.declaring.places import CHECKS, VOLUME
from roadworthy.mutants.calls import AT_FDCWD, OPENAT2, PIDFD_GETFD, PIDFD_OPEN
from roadworthy.mutants.notification import Gone, Notification, still_waiting, syscall

PAGE = 4096
RESOLVE_IN_ROOT = 0x10
#: The directories of checks lie below it; the suite's own programs in a container work elsewhere.
IN_IMAGE = f"/{CHECKS}/"
ON_VOLUME = f"{VOLUME}/{CHECKS}/"


@dataclass(frozen=True)
class Mapping:
    """A part of a process's memory that is a file's."""

    start: int
    length: int
    offset: int
    path: str


class Target:
    """One thread that is stopped in a system call. Descriptors that it opens here are closed with `close`."""

    def __init__(self, listener: int, notification: Notification) -> None:
        self._listener = listener
        self._identity = notification.identity
        self.proc = f"/proc/{notification.thread}"
        self._opened: list[int] = []

    def close(self) -> None:
        while self._opened:
            os.close(self._opened.pop())

    def keep(self, descriptor: int) -> int:
        """Close `descriptor` when the call is answered."""
        self._opened.append(descriptor)
        return descriptor

    # --- who it is

    @cached_property
    def directory(self) -> str:
        """Its working directory, as its container names it."""
        return self.within(os.readlink(f"{self.proc}/cwd"))

    @cached_property
    def _above_root(self) -> str:
        """Its root as we see it: `/` for a container, whose mounts we lack, a path of ours if we have its mounts."""
        return os.readlink(f"{self.proc}/root").rstrip("/")

    def within(self, path: str) -> str:
        """A path below its root, as the process itself names it."""
        return path.removeprefix(self._above_root) or "/"

    @property
    def checking(self) -> bool:
        """Whether it works for a check in a directory of the driver; volumes do not concern a driver."""
        return self.directory.startswith(IN_IMAGE)

    @property
    def on_volume(self) -> bool:
        """Whether it works for a check in a directory of a volume."""
        return self.directory.startswith(ON_VOLUME)

    @cached_property
    def _status(self) -> dict[str, str]:
        with open(f"{self.proc}/status") as lines:
            return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)

    @property
    def user(self) -> int:
        """The user id that file systems see."""
        return int(self._status["Uid"].split()[3])

    @property
    def group(self) -> int:
        """The group id that file systems see."""
        return int(self._status["Gid"].split()[3])

    @property
    def umask(self) -> int:
        return int(self._status["Umask"], 8)

    # --- its memory

    def read(self, address: int, length: int) -> bytes:
        """Bytes of its memory. Raises Gone if the call is over, because they may then be another process's."""
        memory = os.open(f"{self.proc}/mem", os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.pread(memory, length, address)
        finally:
            os.close(memory)
        if not still_waiting(self._listener, self._identity):
            raise Gone
        return data

    def string(self, address: int) -> str:
        """The string at `address`, read page by page, because the page after its end may not be mapped."""
        found = b""
        while b"\0" not in found and len(found) < 2 * PAGE:
            at = address + len(found)
            found += self.read(at, PAGE - at % PAGE)
        return os.fsdecode(found.split(b"\0", 1)[0])

    def write(self, address: int, data: bytes) -> None:
        """Write into one of its buffers. Raises Gone if the call is over."""
        if not still_waiting(self._listener, self._identity):
            raise Gone
        memory = os.open(f"{self.proc}/mem", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(memory, data, address)
        finally:
            os.close(memory)

    def private_mappings(self) -> list[Mapping]:
        """Its private, writable mappings of files, see proc_pid_maps(5)."""
        found = []
        with open(f"{self.proc}/maps", encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                span, rights, offset, _device, _inode, *path = line.rstrip("\n").split(maxsplit=5)
                if rights == "rw-p" and path and path[0].startswith("/"):
                    start, end = (int(word, 16) for word in span.split("-"))
                    found.append(Mapping(start, end - start, int(offset, 16), self.within(path[0])))
        return found

    # --- its descriptors and names

    def duplicate(self, descriptor: int) -> int:
        """Our own copy of one of its descriptors, sharing offset and status flags."""
        # The notification names a thread, and a process descriptor is of a whole process.
        handle = syscall(PIDFD_OPEN, int(self._status["Tgid"]), 0)
        try:
            return self.keep(syscall(PIDFD_GETFD, handle, descriptor, 0))
        finally:
            os.close(handle)

    def descriptor_flags(self, descriptor: int) -> int:
        """The status flags with which a descriptor is open."""
        with open(f"{self.proc}/fdinfo/{descriptor}") as lines:
            return next(int(line.split()[1], 8) for line in lines if line.startswith("flags:"))

    def absolute(self, directory: int, path: str) -> str:
        """A path that it passed, from its root on; symbolic links in it are not resolved."""
        base = self.directory if directory == AT_FDCWD else self.within(os.readlink(f"{self.proc}/fd/{directory}"))
        return posixpath.join(base, path)

    def open(self, directory: int, path: str | None, flags: int, mode: int = 0) -> int:
        """Open what it means by (directory descriptor, path), with our rights and below its root.

        A link in its /proc would lead to our descriptors instead of its own: such paths raise FileNotFoundError.
        """
        if not path:
            return self.keep(os.open(f"{self.proc}/fd/{directory}", (flags | os.O_CLOEXEC) & ~os.O_NOFOLLOW))
        whole = self.absolute(directory, path)
        if whole.startswith("/proc/"):
            raise FileNotFoundError(whole)
        root = os.open(f"{self.proc}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            how = struct.pack("=QQQ", flags | os.O_CLOEXEC, mode & ~self.umask if mode else 0, RESOLVE_IN_ROOT)
            return self.keep(syscall(OPENAT2, root, os.fsencode(whole.lstrip("/") or "."), how, len(how)))
        finally:
            os.close(root)

    def parent(self, directory: int, path: str) -> tuple[int, str]:
        """The directory that holds a name, and the name: for the calls that make, move and remove names."""
        above, name = posixpath.split(path.rstrip("/"))
        return self.open(directory, above or ".", os.O_PATH | os.O_DIRECTORY), name

    def above(self, directory: int, path: str) -> str:
        """The path of the directory that holds a name, as /proc shows it: a removed one ends in ` (deleted)`.

        The name may be reached by a descriptor, by way of /proc/self/fd, or from the working directory.
        """
        through = re.fullmatch(r"/proc/self/fd/(\d+)/+(.+)", path)
        if through is not None:
            directory, path = int(through[1]), through[2]
        if path.startswith("/"):
            return posixpath.dirname(path.rstrip("/"))
        base = self.directory if directory == AT_FDCWD else self.within(os.readlink(f"{self.proc}/fd/{directory}"))
        inner = posixpath.dirname(path.rstrip("/"))
        return posixpath.join(base, inner) if inner else base

    # --- its layers

    @cached_property
    def _root_options(self) -> dict[str, str]:
        with open(f"{self.proc}/mountinfo") as lines:
            root = next(line for line in lines if line.split()[4] == "/")
        options = root.rsplit(" ", 1)[1].strip().split(",")
        return dict(option.split("=", 1) for option in options if "=" in option)

    @property
    def upper(self) -> str:
        """The writable layer's directory, from overlayfs's mount options. Raises FileNotFoundError elsewhere."""
        if "upperdir" not in self._root_options:
            raise FileNotFoundError("this container's root has no upper directory")
        return self._root_options["upperdir"]

    def in_image(self, inside: str) -> str | None:
        """The file of the image behind a path of the container, unless the writable layer has it already."""
        if os.path.lexists(self.upper + inside):
            return None
        return self.layer_path(inside)

    def layer_path(self, inside: str) -> str | None:
        """The uppermost image layer's file at a path of the container, even if it is hidden."""
        for layer in self._root_options["lowerdir"].split(":"):
            if os.path.lexists(layer + inside):
                return layer + inside
        return None
