"""getdents64(2): what directories list; lseek(2) on directories."""

# System calls on descriptors and /proc links, not paths of ours.
# ruff: noqa: PTH116
from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

from roadworthy.mutants.call import Answer, Call, Fault, Value, fault
from roadworthy.mutants.calls import NUMBERS
from roadworthy.mutants.notification import syscall

HEAD = struct.Struct("=QqHB")
DT_UNKNOWN = 0


@dataclass(frozen=True)
class Dirent:
    """One directory entry: inode, where reading continues after it, type, name."""

    inode: int
    position: int
    kind: int
    name: bytes

    @property
    def packed(self) -> bytes:
        """`struct linux_dirent64`, padded to eight bytes."""
        length = (HEAD.size + len(self.name) + 1 + 7) // 8 * 8
        head = HEAD.pack(self.inode, self.position, length, self.kind)
        return (head + self.name).ljust(length, b"\0")

    @property
    def real(self) -> bool:
        return self.name not in (b".", b"..")


def entries(data: bytes) -> list[Dirent]:
    """The entries of one answer of getdents64."""
    found = []
    at = 0
    while at < len(data):
        inode, position, length, kind = HEAD.unpack_from(data, at)
        name = data[at + HEAD.size : at + length].split(b"\0", 1)[0]
        found.append(Dirent(inode, position, kind, name))
        at += length
    return found


def fitting(listed: list[Dirent], size: int) -> bytes:
    """As many of the entries, packed, as fit into the caller's buffer of `size` bytes."""
    data = b""
    for entry in listed:
        if len(data) + len(entry.packed) <= size:
            data += entry.packed
    return data


#: Takes the entries of one answer, and returns others; equal ones are not a hit.
Edit = Callable[[Call, list[Dirent]], list[Dirent]]


def listing(name: str) -> Callable[[Edit], Edit]:
    """Register a fault that edits each answer of getdents64."""

    def registered(edit: Edit) -> Edit:
        def faulty(call: Call) -> Answer | None:
            descriptor = call.target.duplicate(call.integer(0))
            size = call.arguments[2] & 0xFFFFFFFF
            before = os.lseek(descriptor, 0, os.SEEK_CUR)
            buffer = ctypes.create_string_buffer(size)
            # The copy shares its position with the caller's descriptor, so this is the caller's own read.
            filled = syscall(NUMBERS["getdents64"], descriptor, buffer, size)
            listed = entries(buffer.raw[:filled])
            edited = edit(call, listed)
            if edited == listed:
                os.lseek(descriptor, before, os.SEEK_SET)
                return None
            data = fitting(edited, size)
            call.target.write(call.arguments[1], data)
            return Value(len(data))

        fault(name)(faulty)
        return edit

    return registered


@listing("listing-drops-an-entry")
def drops(_call: Call, listed: list[Dirent]) -> list[Dirent]:
    """The last entry of a listing of two or more is left out."""
    real = [entry for entry in listed if entry.real]
    return [entry for entry in listed if entry is not real[-1]] if len(real) > 1 else listed


@listing("listing-repeats-an-entry")
def repeats(_call: Call, listed: list[Dirent]) -> list[Dirent]:
    real = [entry for entry in listed if entry.real]
    return [*listed, replace(real[0], position=listed[-1].position)] if real else listed


@listing("listing-hides-types")
def hides_types(_call: Call, listed: list[Dirent]) -> list[Dirent]:
    return [replace(entry, kind=DT_UNKNOWN) for entry in listed]


@listing("listing-shows-other-inodes")
def other_inodes(_call: Call, listed: list[Dirent]) -> list[Dirent]:
    return [replace(entry, inode=entry.inode ^ 0x4000_0000) for entry in listed]


@listing("listing-hides-dot-wh")
def hides_dot_wh(_call: Call, listed: list[Dirent]) -> list[Dirent]:
    """Names that begin like the whiteouts of an image archive are left out, as on aufs."""
    return [entry for entry in listed if not entry.name.startswith(b".wh.")]


@listing("listing-shows-a-phantom")
def shows_a_phantom(_call: Call, listed: list[Dirent]) -> list[Dirent]:
    """The beginning of each directory's listing has a name that does not exist."""
    if not any(entry.name == b"." for entry in listed):
        return listed
    return [*listed, Dirent(1, listed[-1].position, stat.S_IFREG >> 12, b"phantom")]


@listing("listing-shows-removed")
def shows_removed(call: Call, listed: list[Dirent]) -> list[Dirent]:
    """Names of the image that were removed are still listed."""
    if not any(entry.name == b"." for entry in listed):
        return listed
    inside = call.inside(call.target.duplicate(call.integer(0)))
    present = {os.fsdecode(entry.name) for entry in listed}
    behind = call.target.layer_path(inside)
    names = [name for name in os.listdir(behind) if name not in present] if behind else []
    end = listed[-1].position
    return [*listed, *(Dirent(1, end, stat.S_IFREG >> 12, os.fsencode(name)) for name in names)]


def _seek(call: Call) -> tuple[int, int, bool]:
    """Offset, whence, and whether the descriptor is a directory's."""
    where = os.stat(f"/proc/self/fd/{call.target.duplicate(call.integer(0))}")
    return call.arguments[1], call.integer(2), stat.S_ISDIR(where.st_mode)


@fault("seek-in-directory-restarts")
def seek_restarts(call: Call) -> Answer | None:
    """A seek to a remembered position of a directory goes to its beginning."""
    offset, whence, directory = _seek(call)
    if not directory or whence != os.SEEK_SET or not offset:
        return None
    os.lseek(call.target.duplicate(call.integer(0)), 0, os.SEEK_SET)
    return Value(offset)


def _rewind_ignored(call: Call) -> Answer | None:
    """rewinddir(3) leaves the position where it is."""
    offset, whence, directory = _seek(call)
    return Value() if directory and whence == os.SEEK_SET and not offset else None


REWIND: Fault = fault("rewind-ignored")(_rewind_ignored)
