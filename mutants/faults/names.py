"""rename(2) and renameat2(2): what happens to names."""

# A /proc file, not a path of ours.
# ruff: noqa: PTH123
from __future__ import annotations

import errno
import os
import posixpath
import stat
import time

from roadworthy.mutants.call import Answer, Call, Error, Proceed, Value, fault

RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
#: Seconds for which a replaced name is missing.
GAP = 0.02


def lstat(place: tuple[int, str]) -> os.stat_result | None:
    directory, name = place
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


class Ends:
    """The two names of a rename or link, each as (directory, last component), and the files that they name.

    Raises PermissionError for what is left to the kernel: other users than root, and names on two file systems.
    """

    def __init__(self, call: Call) -> None:
        self.old = call.name_of(call.place)
        self.new = call.name_of(call.second_place)
        self.flags = call.integer(4) if call.name == "renameat2" else 0
        self.source = lstat(self.old)
        self.target = lstat(self.new)
        devices = {os.fstat(directory).st_dev for directory in (self.old[0], self.new[0])}
        if not call.by_root or len(devices | ({self.target.st_dev} if self.target else set())) > 1:
            raise PermissionError

    @property
    def plain_file(self) -> bool:
        return self.source is not None and stat.S_ISREG(self.source.st_mode)

    def rename(self) -> None:
        os.rename(self.old[1], self.new[1], src_dir_fd=self.old[0], dst_dir_fd=self.new[0])

    def copy(self) -> None:
        """Put a new file with the old one's content at the new name, replacing what is there."""
        assert self.source is not None
        copy_to(self.source, self.old, self.new)


def copy_to(found: os.stat_result, old: tuple[int, str], new: tuple[int, str]) -> None:
    """Put a copy of `old`, whose status is `found`, at `new`, replacing what is there."""
    spare = f"{new[1]}.copy"
    reader = os.open(old[1], os.O_RDONLY, dir_fd=old[0])
    writer = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=new[0])
    try:
        while piece := os.read(reader, 1 << 20):
            os.write(writer, piece)
        os.fchown(writer, found.st_uid, found.st_gid)
        os.fchmod(writer, stat.S_IMODE(found.st_mode))
        os.utime(writer, ns=(found.st_atime_ns, found.st_mtime_ns))
    finally:
        os.close(reader)
        os.close(writer)
    os.rename(spare, new[1], src_dir_fd=new[0], dst_dir_fd=new[0])


@fault("rename-leaves-a-gap")
def rename_leaves_a_gap(call: Call) -> Answer | None:
    """The old target is removed a moment before the new one has its name."""
    ends = Ends(call)
    if ends.flags or not ends.plain_file or ends.target is None or not stat.S_ISREG(ends.target.st_mode):
        return None
    if ends.target.st_ino == ends.source.st_ino:  # type: ignore[union-attr]
        return None
    os.unlink(ends.new[1], dir_fd=ends.new[0])
    time.sleep(GAP)
    return Proceed()


@fault("rename-keeps-old-name")
def rename_keeps_old_name(call: Call) -> Answer | None:
    """The file gets its new name and keeps the old one."""
    ends = Ends(call)
    if ends.flags or not ends.plain_file or ends.target is not None:
        return None
    os.link(ends.old[1], ends.new[1], src_dir_fd=ends.old[0], dst_dir_fd=ends.new[0], follow_symlinks=False)
    return Value()


@fault("rename-forgotten")
def rename_forgotten(call: Call) -> Answer | None:
    """A rename to a free name reports success and does nothing."""
    ends = Ends(call)
    return Value() if ends.plain_file and ends.target is None and not ends.flags else None


@fault("rename-over-mount-accepted")
def rename_over_mount_accepted(call: Call) -> Answer | None:
    """A rename over a file on which another one is mounted reports success, and removes the renamed file."""
    old, new = call.name_of(call.place), call.name_of(call.second_place)
    if lstat(old) is None or not call.by_root:
        return None
    replaced = call.target.keep(os.open(new[1], os.O_PATH | os.O_NOFOLLOW, dir_fd=new[0]))
    if mount_of(replaced) == mount_of(new[0]):
        return None
    os.unlink(old[1], dir_fd=old[0])
    return Value()


def mount_of(descriptor: int) -> str:
    """The number of the mount that a descriptor of ours lies on, see proc_pid_fdinfo(5)."""
    with open(f"/proc/self/fdinfo/{descriptor}") as lines:
        return next(line for line in lines if line.startswith("mnt_id:"))


@fault("removed-file-comes-back-behind-directory")
def removed_file_comes_back(call: Call) -> Answer | None:
    """A removed file of the image is there again when the directory that took its name is renamed away."""
    ends = Ends(call)
    if ends.flags or ends.source is None or not stat.S_ISDIR(ends.source.st_mode):
        return None
    behind = call.target.layer_path(posixpath.join(call.inside(ends.old[0]), ends.old[1]))
    if behind is None or not stat.S_ISREG(os.lstat(behind).st_mode):
        return None
    ends.rename()
    os.close(os.open(ends.old[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=ends.old[0]))
    return Value()


@fault("renamed-link-changes-owner")
def renamed_link_changes_owner(call: Call) -> Answer | None:
    """A symbolic link belongs to root once it was renamed."""
    ends = Ends(call)
    if ends.source is None or not stat.S_ISLNK(ends.source.st_mode) or not ends.source.st_uid:
        return None
    os.chown(ends.old[1], 0, 0, dir_fd=ends.old[0], follow_symlinks=False)
    return Proceed()


@fault("rename-copies")
def rename_copies(call: Call) -> Answer | None:
    """The new name is another file with the same content."""
    ends = Ends(call)
    if ends.flags or not ends.plain_file or (ends.target and not stat.S_ISREG(ends.target.st_mode)):
        return None
    if ends.target and ends.source and ends.target.st_ino == ends.source.st_ino:
        return None
    ends.copy()
    os.unlink(ends.old[1], dir_fd=ends.old[0])
    return Value()


@fault("rename-overwrites-in-place")
def rename_overwrites_in_place(call: Call) -> Answer | None:
    """A rename over a file writes the new content into the old file."""
    ends = Ends(call)
    if ends.flags or not ends.plain_file or ends.target is None or not stat.S_ISREG(ends.target.st_mode):
        return None
    if ends.source and ends.source.st_ino == ends.target.st_ino:
        return None
    writer = call.target.keep(os.open(ends.new[1], os.O_WRONLY | os.O_TRUNC, dir_fd=ends.new[0]))
    reader = call.target.keep(os.open(ends.old[1], os.O_RDONLY, dir_fd=ends.old[0]))
    while piece := os.read(reader, 1 << 20):
        os.write(writer, piece)
    os.unlink(ends.old[1], dir_fd=ends.old[0])
    return Value()


@fault("rename-refuses-replacing")
def rename_refuses_replacing(call: Call) -> Answer | None:
    """A rename over an existing file is refused."""
    ends = Ends(call)
    return Error(errno.EEXIST) if not ends.flags and ends.target and not stat.S_ISDIR(ends.target.st_mode) else None


@fault("noreplace-replaces")
def noreplace_replaces(call: Call) -> Answer | None:
    """RENAME_NOREPLACE replaces."""
    ends = Ends(call)
    if ends.flags != RENAME_NOREPLACE or ends.target is None:
        return None
    ends.rename()
    return Value()


@fault("noreplace-refuses")
def noreplace_refuses(call: Call) -> Answer | None:
    """RENAME_NOREPLACE is refused although nothing would be replaced."""
    ends = Ends(call)
    return Error(errno.EEXIST) if ends.flags == RENAME_NOREPLACE and ends.source and ends.target is None else None


@fault("exchange-moves-one-way")
def exchange_moves_one_way(call: Call) -> Answer | None:
    """RENAME_EXCHANGE of two files only moves the first."""
    ends = Ends(call)
    if ends.flags != RENAME_EXCHANGE or not ends.plain_file or ends.target is None:
        return None
    ends.rename()
    return Value()


@fault("renamed-directory-loses-an-entry")
def renamed_directory_loses(call: Call) -> Answer | None:
    """A renamed directory lacks one of its files."""
    ends = Ends(call)
    if ends.flags or ends.source is None or not stat.S_ISDIR(ends.source.st_mode):
        return None
    directory = call.target.keep(os.open(ends.old[1], os.O_RDONLY | os.O_DIRECTORY, dir_fd=ends.old[0]))
    names = sorted(os.listdir(directory))
    if not names:
        return None
    os.unlink(names[0], dir_fd=directory)
    return Proceed()


@fault("directories-cannot-be-renamed")
def directories_cannot_be_renamed(call: Call) -> Answer | None:
    """A rename of a directory fails with EXDEV, even of one that the container made."""
    ends = Ends(call)
    return Error(errno.EXDEV) if ends.source and stat.S_ISDIR(ends.source.st_mode) else None


@fault("rename-onto-itself-removes")
def rename_onto_itself_removes(call: Call) -> Answer | None:
    """A rename between two names of one file removes the first, although POSIX requires that nothing happens."""
    ends = Ends(call)
    if not ends.source or not ends.target or ends.flags:
        return None
    if (ends.source.st_dev, ends.source.st_ino) != (ends.target.st_dev, ends.target.st_ino) or ends.old == ends.new:
        return None
    os.unlink(ends.old[1], dir_fd=ends.old[0])
    return Value()


@fault("rename-mixes-kinds")
def rename_mixes_kinds(call: Call) -> Answer | None:
    """A file replaces an empty directory, and a directory a file."""
    ends = Ends(call)
    if not ends.source or not ends.target or ends.flags:
        return None
    if stat.S_ISDIR(ends.source.st_mode) == stat.S_ISDIR(ends.target.st_mode):
        return None
    if stat.S_ISDIR(ends.target.st_mode):
        os.rmdir(ends.new[1], dir_fd=ends.new[0])
    else:
        os.unlink(ends.new[1], dir_fd=ends.new[0])
    ends.rename()
    return Value()


@fault("rename-into-itself-accepted")
def rename_into_itself(call: Call) -> Answer | None:
    """A rename of a directory below itself reports success."""
    old = call.target.absolute(*call.place)
    new = call.target.absolute(*call.second_place)
    return Value() if new.startswith(f"{old.rstrip('/')}/") else None


@fault("rename-replaces-full-directory")
def rename_replaces_full_directory(call: Call) -> Answer | None:
    """A directory replaces another one that is not empty."""
    ends = Ends(call)
    if not ends.source or not ends.target or ends.flags or not stat.S_ISDIR(ends.target.st_mode):
        return None
    if not stat.S_ISDIR(ends.source.st_mode):
        return None
    directory = call.target.keep(os.open(ends.new[1], os.O_RDONLY | os.O_DIRECTORY, dir_fd=ends.new[0]))
    names = os.listdir(directory)
    for name in names:
        os.unlink(name, dir_fd=directory)
    return Proceed() if names else None


@fault("renamed-link-is-followed")
def renamed_link_is_followed(call: Call) -> Answer | None:
    """The rename of a symbolic link moves the file that it leads to, and leaves the link behind."""
    ends = Ends(call)
    if ends.source is None or not stat.S_ISLNK(ends.source.st_mode) or ends.flags:
        return None
    where = os.readlink(ends.old[1], dir_fd=ends.old[0])
    directory, name = call.target.parent(call.place[0], where)
    os.rename(name, ends.new[1], src_dir_fd=directory, dst_dir_fd=ends.new[0])
    return Value()


@fault("rename-crosses-file-systems")
def rename_crosses_file_systems(call: Call) -> Answer | None:
    """A rename into another file system copies and removes, as mv(1) does, although it has to be refused."""
    old, new = call.name_of(call.place), call.name_of(call.second_place)
    found = lstat(old)
    if found is None or not stat.S_ISREG(found.st_mode) or os.fstat(old[0]).st_dev == os.fstat(new[0]).st_dev:
        return None
    copy_to(found, old, new)
    os.unlink(old[1], dir_fd=old[0])
    return Value()
