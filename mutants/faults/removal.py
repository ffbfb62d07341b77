"""unlink(2), rmdir(2), and what comes back when a removed name is made again."""

# System calls on descriptors and /proc links, not paths of ours.
# ruff: noqa: PTH104, PTH112, PTH116, PTH123
from __future__ import annotations

import errno
import os
import posixpath
import re
import stat

from roadworthy.mutants.call import Answer, Call, Descriptor, Error, Proceed, Value, fault
from roadworthy.mutants.calls import AT_REMOVEDIR, OPENING
from roadworthy.mutants.faults.names import lstat


def removes_directory(call: Call) -> bool:
    return call.name == "rmdir" or bool(call.at_flags & AT_REMOVEDIR)


@fault("unlink-of-image-file-forgotten")
def unlink_forgotten(call: Call) -> Answer | None:
    """Removing a file of the image reports success, and the file stays."""
    directory, name = call.name_of(call.place)
    found = lstat((directory, name))
    if removes_directory(call) or found is None or stat.S_ISDIR(found.st_mode):
        return None
    return None if call.target.in_image(posixpath.join(call.inside(directory), name)) is None else Value()


@fault("unlink-of-new-file-forgotten")
def unlink_of_new_file_forgotten(call: Call) -> Answer | None:
    """Removing the last name of a file that the container made reports success, and the file stays."""
    directory, name = call.name_of(call.place)
    found = lstat((directory, name))
    if removes_directory(call) or found is None or not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        return None
    return Value() if call.target.layer_path(posixpath.join(call.inside(directory), name)) is None else None


@fault("unlink-loses-open-data")
def unlink_loses_open_data(call: Call) -> Answer | None:
    """A file that loses its last name loses its content, open or not."""
    place = call.name_of(call.place)
    found = lstat(place)
    if removes_directory(call) or found is None or not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        return None
    if not found.st_size:
        return None
    os.truncate(call.target.keep(os.open(place[1], os.O_WRONLY, dir_fd=place[0])), 0)
    return Proceed()


@fault("removal-leaves-a-hidden-name")
def removal_leaves_a_hidden_name(call: Call) -> Answer | None:
    """A removed file stays in its directory under a hidden name, as on network and user-space file systems."""
    directory, name = call.name_of(call.place)
    found = lstat((directory, name))
    if removes_directory(call) or found is None or not stat.S_ISREG(found.st_mode) or name.startswith(".hidden-"):
        return None
    os.link(name, f".hidden-{name[:200]}", src_dir_fd=directory, dst_dir_fd=directory)
    return Proceed()


@fault("create-in-removed-directory-succeeds")
def create_in_removed_directory(call: Call) -> Answer | None:
    """A file can be made in a removed directory."""
    if not call.opening.flags & os.O_CREAT or not call.target.above(*call.place).endswith(" (deleted)"):
        return None
    return Descriptor(call.target.keep(os.memfd_create("created")))


@fault("removed-file-cannot-be-changed")
def removed_file_cannot_be_changed(call: Call) -> Answer | None:
    """An open file without a name takes no new mode or times, and is not opened through /proc."""
    directory, path = call.place
    through = re.fullmatch(r"/proc/self/fd/(\d+)", path)
    if path and through is None:
        return None
    descriptor = int(through[1]) if through else directory
    return None if os.fstat(call.target.duplicate(descriptor)).st_nlink else Error(errno.ENOENT)


@fault("whiteouts-take-an-inode-each")
def whiteouts_take_an_inode_each(call: Call) -> Answer | None:
    """Every whiteout is a file of its own."""
    directory, name = call.name_of(call.place)
    inside = posixpath.join(call.inside(directory), name)
    found = lstat((directory, name))
    if removes_directory(call) or found is None or call.target.layer_path(inside) is None or not call.by_root:
        return None
    os.unlink(name, dir_fd=directory)
    mark = call.target.upper + inside
    if not stat.S_ISCHR(os.lstat(mark).st_mode):
        return Value()
    os.mknod(f"{mark}.new", stat.S_IFCHR, 0)
    os.rename(f"{mark}.new", mark)
    return Value()


@fault("removal-of-nothing-succeeds")
def removal_of_nothing_succeeds(call: Call) -> Answer | None:
    """Removing a name that does not exist, or no longer exists, reports success."""
    return Value() if not removes_directory(call) and lstat(call.name_of(call.place)) is None else None


@fault("mkdir-of-existing-succeeds")
def mkdir_of_existing_succeeds(call: Call) -> Answer | None:
    """Making a directory that exists reports success."""
    found = lstat(call.name_of(call.place))
    return Value() if found is not None and stat.S_ISDIR(found.st_mode) else None


@fault("rmdir-removes-content")
def rmdir_removes_content(call: Call) -> Answer | None:
    """rmdir of a directory that holds files removes them too."""
    if not removes_directory(call):
        return None
    directory, name = call.name_of(call.place)
    inner = call.target.keep(os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory))
    names = os.listdir(inner)
    for child in names:
        os.unlink(child, dir_fd=inner)
    return Proceed() if names else None


@fault("rmdir-of-emptied-directory-refused")
def rmdir_refused(call: Call) -> Answer | None:
    """A directory of the image whose entries were all removed still counts as full."""
    if not removes_directory(call):
        return None
    directory, name = call.name_of(call.place)
    inner = call.target.keep(os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory))
    behind = call.target.layer_path(call.inside(inner))
    return Error(errno.ENOTEMPTY) if behind and os.listdir(behind) and not os.listdir(inner) else None


@fault("recreated-file-has-old-content")
def recreated_file(call: Call) -> Answer | None:
    """A file that is made where the image had one begins with the image's content, mode and owner."""
    asked = call.opening
    if not asked.flags & os.O_CREAT or not asked.writes:
        return None
    directory, name = call.name_of(call.place)
    behind = call.target.layer_path(posixpath.join(call.inside(directory), name))
    if behind is None or lstat((directory, name)) is not None or not stat.S_ISREG(os.lstat(behind).st_mode):
        return None
    writer = call.target.keep(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory))
    with open(behind, "rb") as old:
        os.write(writer, old.read(1 << 20))
    os.fchmod(writer, stat.S_IMODE(os.stat(behind).st_mode))
    # The supervisor opens the file that now exists; the caller's O_TRUNC and O_EXCL are for one that did not.
    return call.opened(asked.flags & ~(os.O_TRUNC | os.O_EXCL | os.O_CREAT))


@fault("recreated-directory-shows-image")
def recreated_directory(call: Call) -> Answer | None:
    """A directory that is made where the image had one shows the image's entries again: the opaque mark is lost."""
    directory, name = call.name_of(call.place)
    behind = call.target.layer_path(posixpath.join(call.inside(directory), name))
    if behind is None or not os.path.isdir(behind) or lstat((directory, name)) is not None:
        return None
    names = os.listdir(behind)
    if not names:
        return None
    os.mkdir(name, 0o755, dir_fd=directory)
    inner = call.target.keep(os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory))
    for child in names:
        os.close(os.open(child, os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=inner))
    return Value()


@fault("removed-name-stays-taken")
def removed_name_stays_taken(call: Call) -> Answer | None:
    """A name of the image that was removed cannot be used again."""
    if call.name in OPENING and not call.opening.flags & os.O_CREAT:
        return None
    place = call.second_place if call.name in ("link", "linkat") else call.place
    directory, name = call.name_of(place)
    behind = call.target.layer_path(posixpath.join(call.inside(directory), name))
    return Error(errno.EEXIST) if behind is not None and lstat((directory, name)) is None else None


@fault("sticky-bit-ignored")
def sticky_bit_ignored(call: Call) -> Answer | None:
    """Any user can remove and rename other users' files in a directory with the sticky bit."""
    directory, name = call.name_of(call.place)
    found = lstat((directory, name))
    if call.by_root or found is None or not os.fstat(directory).st_mode & stat.S_ISVTX:
        return None
    if call.name.startswith("rename"):
        to_directory, to_name = call.name_of(call.second_place)
        os.rename(name, to_name, src_dir_fd=directory, dst_dir_fd=to_directory)
    elif removes_directory(call):
        os.rmdir(name, dir_fd=directory)
    else:
        os.unlink(name, dir_fd=directory)
    return Value()


@fault("device-0-0-refused")
def device_0_0_refused(call: Call) -> Answer | None:
    """The device node that overlayfs uses as a whiteout cannot be made."""
    at = 2 if call.name == "mknodat" else 1
    return Error(errno.EPERM) if stat.S_ISCHR(call.integer(at)) and call.arguments[at + 1] == 0 else None
