"""The stat family, statx and statfs: the kernel's answer, with one field changed."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from roadworthy.mutants.call import Answer, Call, Value, fault
from roadworthy.mutants.calls import AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, NUMBERS, OPENING
from roadworthy.mutants.notification import syscall

#: Bytes of `struct stat` and `struct statx`, and where the fields lie: (offset, struct format).
STAT_SIZE, STATX_SIZE = 144, 256
STAT = {
    "ino": (8, "=Q"), "nlink": (16, "=Q"), "mode": (24, "=I"), "uid": (28, "=I"), "gid": (32, "=I"), "rdev": (40, "=Q"),
    "size": (48, "=q"), "blocks": (64, "=q"), "atime": (72, "=q"), "atime_ns": (80, "=q"), "mtime": (88, "=q"),
    "mtime_ns": (96, "=q"), "ctime": (104, "=q"), "ctime_ns": (112, "=q"),
}  # fmt: skip
STATX = {
    "nlink": (16, "=I"), "uid": (20, "=I"), "gid": (24, "=I"), "mode": (28, "=H"), "ino": (32, "=Q"),
    "size": (40, "=Q"), "blocks": (48, "=Q"), "btime": (80, "=q"), "ctime": (96, "=q"), "mtime": (112, "=q"),
}  # fmt: skip


@dataclass
class Status:
    """A status buffer as the kernel filled it, to be edited in place. `through` is the caller's descriptor, or None."""

    raw: bytearray
    fields: dict[str, tuple[int, str]]
    through: int | None

    def __getitem__(self, name: str) -> int:
        offset, form = self.fields[name]
        return int(struct.unpack_from(form, self.raw, offset)[0])

    def __setitem__(self, name: str, value: int) -> None:
        offset, form = self.fields[name]
        struct.pack_into(form, self.raw, offset, value)

    def stick(self, *times: str) -> bool:
        """Set these times to a fixed moment, but not for statx; return whether they were set."""
        if self.fields is STATX:
            return False
        for name in times:
            self[name], self[f"{name}_ns"] = 1_000_000_000, 0
        return True

    @property
    def kind(self) -> int:
        return stat.S_IFMT(self["mode"])


Edit = Callable[[Call, Status], bool]


def edited(call: Call, edit: Edit) -> Answer | None:
    """Answer a call of the stat family with the kernel's answer, edited; `edit` returns whether it changed anything."""
    found = call.subject()
    directory, path = call.place
    through = directory if not path else None
    flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW
    if call.name == "statx":
        buffer = ctypes.create_string_buffer(STATX_SIZE)
        syscall(NUMBERS["statx"], found, b"", flags, call.integer(3), buffer)
        answer, address = Status(bytearray(buffer.raw), STATX, through), call.arguments[4]
    else:
        buffer = ctypes.create_string_buffer(STAT_SIZE)
        syscall(NUMBERS["newfstatat"], found, b"", buffer, flags)
        answer = Status(bytearray(buffer.raw), STAT, through)
        address = call.arguments[2 if call.name == "newfstatat" else 1]
    if not edit(call, answer):
        return None
    call.target.write(address, bytes(answer.raw))
    return Value()


def status(name: str) -> Callable[[Edit], Edit]:
    """Register a fault that edits the answers of the stat family."""

    def registered(edit: Edit) -> Edit:
        fault(name)(lambda call: edited(call, edit))
        return edit

    return registered


@status("link-count-is-one")
def link_count_is_one(_call: Call, found: Status) -> bool:
    if found.kind == stat.S_IFDIR or found["nlink"] < 2:
        return False
    found["nlink"] = 1
    return True


@status("link-count-never-zero")
def link_count_never_zero(_call: Call, found: Status) -> bool:
    if found.kind == stat.S_IFDIR or found["nlink"]:
        return False
    found["nlink"] = 1
    return True


@status("directory-link-count-stuck")
def directory_link_count_stuck(_call: Call, found: Status) -> bool:
    """Directories that count their subdirectories, and those that do not and show 1, show 2."""
    if found.kind != stat.S_IFDIR or found["nlink"] == 2:
        return False
    found["nlink"] = 2
    return True


@status("writer-has-another-inode")
def writer_has_another_inode(call: Call, found: Status) -> bool:
    """fstat(2) on a descriptor open for writing shows another inode number than one open for reading."""
    if found.through is None or found.through < 0:
        return False
    if call.target.descriptor_flags(found.through) & os.O_ACCMODE == os.O_RDONLY or found.kind != stat.S_IFREG:
        return False
    found["ino"] ^= 0x4000_0000
    return True


@status("inode-changes-at-copy-up")
def inode_changes_at_copy_up(call: Call, found: Status) -> bool:
    """A file of the image gets a new inode number with its first change."""
    inside = call.inside(call.subject())
    if not os.path.lexists(call.target.upper + inside) or call.target.layer_path(inside) is None:
        return False
    found["ino"] ^= 0x4000_0000
    return True


@status("inodes-collide")
def inodes_collide(_call: Call, found: Status) -> bool:
    """All files of a file system have the same inode number."""
    if found.kind != stat.S_IFREG:
        return False
    found["ino"] = 4711
    return True


@status("device-differs-by-kind")
def device_differs_by_kind(_call: Call, found: Status) -> bool:
    """Files and directories of one mount show different devices."""
    if found.kind == stat.S_IFDIR or found.fields is STATX:
        return False
    struct.pack_into("=Q", found.raw, 0, struct.unpack_from("=Q", found.raw, 0)[0] ^ 0x100)
    return True


@status("blocks-doubled")
def blocks_doubled(call: Call, found: Status) -> bool:
    """A copied-up file takes twice the blocks."""
    inside = call.inside(call.subject())
    if found.kind != stat.S_IFREG or not os.path.lexists(call.target.upper + inside):
        return False
    found["blocks"] = 2 * found["blocks"] + 8
    return True


@status("directory-times-stuck")
def directory_times_stuck(_call: Call, found: Status) -> bool:
    """A directory's times do not change with its entries."""
    return found.kind == stat.S_IFDIR and found.stick("mtime", "ctime")


@status("change-time-stuck")
def change_time_stuck(_call: Call, found: Status) -> bool:
    """No file's change time ever changes."""
    return found.kind != stat.S_IFDIR and found.stick("ctime")


@status("modification-time-stuck")
def modification_time_stuck(_call: Call, found: Status) -> bool:
    """No file's modification time ever changes."""
    return found.kind != stat.S_IFDIR and found.stick("mtime")


@status("access-time-stuck")
def access_time_stuck(_call: Call, found: Status) -> bool:
    """No access time ever changes."""
    return found.stick("atime")


@status("change-time-follows-the-clock")
def change_time_follows_the_clock(_call: Call, found: Status) -> bool:
    """A file's change time is always now."""
    if found.fields is STATX:
        return False
    found["ctime"], found["ctime_ns"] = divmod(time.time_ns(), 10**9)
    return True


@status("root-directory-closed")
def root_directory_closed(call: Call, found: Status) -> bool:
    """The root directory grants access to its owner only."""
    if call.inside(call.subject()) != "/":
        return False
    found["mode"] &= ~0o077
    return True


@status("path-descriptor-goes-stale")
def path_descriptor_goes_stale(call: Call, found: Status) -> bool:
    """A descriptor opened with O_PATH shows an older mode."""
    if found.through is None or found.through < 0 or found.kind != stat.S_IFREG:
        return False
    if not call.target.descriptor_flags(found.through) & os.O_PATH:
        return False
    found["mode"] ^= 0o111
    return True


@status("link-count-is-two")
def link_count_is_two(_call: Call, found: Status) -> bool:
    """No file's link count falls below two."""
    if found.kind != stat.S_IFREG or found["nlink"] != 1:
        return False
    found["nlink"] = 2
    return True


_born: dict[tuple[int, int], int] = {}


@status("birth-time-moves")
def birth_time_moves(_call: Call, found: Status) -> bool:
    """A file's birth time changes with each statx(2)."""
    if found.fields is not STATX:
        return False
    key = (found["ino"], found["btime"])
    _born[key] = _born.get(key, 0) + 1
    found["btime"] += _born[key]
    return True


_accessed: dict[tuple[int, int], int] = {}


@fault("noatime-ignored")
def noatime_ignored(call: Call) -> Answer | None:
    """Opening a file with O_NOATIME to read it counts as an access, also where reading a file does not."""
    if call.name not in OPENING:
        return edited(call, access_shown)
    if call.opening.flags & os.O_NOATIME:
        found = os.fstat(call.subject())
        _accessed[found.st_dev, found.st_ino] = time.time_ns()
    return None


def access_shown(call: Call, found: Status) -> bool:
    seen = os.fstat(call.subject())
    accessed = _accessed.get((seen.st_dev, seen.st_ino), 0)
    if accessed <= seen.st_atime_ns or found.fields is STATX:
        return False
    found["atime"], found["atime_ns"] = divmod(accessed, 10**9)
    return True


_privileged: dict[tuple[int, int], int] = {}


@fault("suid-survives-write")
def suid_survives_write(call: Call) -> Answer | None:
    """Set-user-id and set-group-id bits survive a write by another user."""
    if call.name not in OPENING:
        return edited(call, privilege_shown)
    if call.opening.writes:
        found = os.fstat(call.subject())
        if stat.S_ISREG(found.st_mode) and found.st_mode & 0o6000:
            _privileged[found.st_dev, found.st_ino] = found.st_mode & 0o6000
    return None


def privilege_shown(call: Call, found: Status) -> bool:
    seen = os.fstat(call.subject())
    bits = _privileged.get((seen.st_dev, seen.st_ino), 0)
    if not bits or seen.st_mode & bits == bits:
        return False
    found["mode"] |= bits
    return True


@fault("statfs-shows-other-limits")
def statfs_shows_other_limits(call: Call) -> Answer | None:
    """statfs(2) shows another file system, of one block and one inode, with names of 143 bytes."""
    buffer = ctypes.create_string_buffer(120)
    syscall(NUMBERS["fstatfs"], call.target.keep(os.open(f"/proc/self/fd/{call.subject()}", os.O_RDONLY)), buffer)
    raw = bytearray(buffer.raw)
    # f_type, f_bsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree, f_fsid, f_namelen: eight bytes each on x86-64
    struct.pack_into("=q", raw, 0, 0x6969)
    struct.pack_into("=5q", raw, 16, 1, 0, 0, 1, 0)
    struct.pack_into("=q", raw, 64, 143)
    call.target.write(call.arguments[1], bytes(raw))
    return Value()
