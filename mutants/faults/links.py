"""Hard links, which are one file, and symbolic links, which are names."""

from __future__ import annotations

import errno
import os
import stat

from roadworthy.mutants.call import Answer, Call, Error, Proceed, Value, fault
from roadworthy.mutants.calls import AT_FDCWD, OPENING
from roadworthy.mutants.faults.names import Ends, copy_to


@fault("symlink-target-cut")
def symlink_target_cut(call: Call) -> Answer | None:
    """A symbolic link's target is cut to 255 bytes."""
    target = os.fsencode(call.string(0))
    if len(target) <= 255:
        return None
    directory, name = call.name_of(call.place)
    os.symlink(target[:255], os.fsencode(name), dir_fd=directory)
    return Value()


@fault("link-refused")
def link_refused(call: Call) -> Answer | None:
    """Hard links are refused, as on file systems without them."""
    ends = Ends(call)
    return Error(errno.EPERM) if ends.plain_file and ends.target is None else None


@fault("link-copies")
def link_copies(call: Call) -> Answer | None:
    """A hard link is a copy."""
    ends = Ends(call)
    if not ends.plain_file or ends.target is not None:
        return None
    ends.copy()
    return Value()


@fault("link-replaces")
def link_replaces(call: Call) -> Answer | None:
    """A hard link replaces an existing file of its name."""
    ends = Ends(call)
    if not ends.plain_file or ends.target is None or stat.S_ISDIR(ends.target.st_mode):
        return None
    os.unlink(ends.new[1], dir_fd=ends.new[0])
    return Proceed()


@fault("link-breaks-at-change")
def link_breaks_at_change(call: Call) -> Answer | None:
    """A file with several names that is opened for writing or changes its mode becomes a file of its own."""
    if call.name in OPENING and (not call.opening.writes or call.opening.flags & os.O_EXCL):
        return None
    directory, name = call.name_of(call.place)
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink < 2 or not call.by_root:
        return None
    copy_to(found, (directory, name), (directory, name))
    return Proceed()


@fault("link-to-directory-accepted")
def link_to_directory(call: Call) -> Answer | None:
    """A hard link to a directory reports success."""
    ends = Ends(call)
    return Value() if ends.source and stat.S_ISDIR(ends.source.st_mode) else None


@fault("link-follows-symlink")
def link_follows_symlink(call: Call) -> Answer | None:
    """A hard link to a symbolic link becomes a link to the file that it leads to, or fails if there is none."""
    ends = Ends(call)
    if ends.source is None or not stat.S_ISLNK(ends.source.st_mode) or ends.target is not None:
        return None
    where = os.readlink(ends.old[1], dir_fd=ends.old[0])
    directory, name = call.target.parent(call.place[0], where)
    os.link(name, ends.new[1], src_dir_fd=directory, dst_dir_fd=ends.new[0])
    return Value()


@fault("chown-rewrites-symlink")
def chown_rewrites_symlink(call: Call) -> Answer | None:
    """A symbolic link whose owner changes gets a cut target."""
    if call.follows or call.place[0] != AT_FDCWD:
        return None
    directory, name = call.name_of(call.place)
    if not stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
        return None
    where = os.readlink(name, dir_fd=directory)
    os.unlink(name, dir_fd=directory)
    os.symlink(where[:-1] or "x", name, dir_fd=directory)
    return Proceed()


@fault("links-are-few")
def links_are_few(call: Call) -> Answer | None:
    """A file can have a hundred names and no more."""
    found = Ends(call).source
    return Error(errno.EMLINK) if found is not None and found.st_nlink >= 100 else None
