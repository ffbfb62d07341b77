"""open(2) and its flags, and calls that move data between descriptors."""

# System calls on descriptors and /proc links, not paths of ours.
# ruff: noqa: PTH119
from __future__ import annotations

import errno
import fcntl
import os
import stat

from roadworthy.mutants.call import Answer, Call, Descriptor, Error, Value, fault
from roadworthy.mutants.calls import OPENING
from roadworthy.mutants.faults.names import lstat

#: include/uapi/linux/fs.h
FICLONE = 0x40049409


def existing(call: Call) -> os.stat_result | None:
    """The file that an open names, if there is one."""
    try:
        return os.fstat(call.subject())
    except FileNotFoundError:
        return None


@fault("append-overwrites")
def append_overwrites(call: Call) -> Answer | None:
    """O_APPEND is dropped, at open and at F_SETFL."""
    if not call.by_root:
        return None
    if call.name == "fcntl":
        flags = call.arguments[2]
        if call.integer(1) != fcntl.F_SETFL or not flags & os.O_APPEND:
            return None
        fcntl.fcntl(call.target.duplicate(call.integer(0)), fcntl.F_SETFL, flags & ~os.O_APPEND)
        return Value()
    asked = call.opening
    return call.opened(asked.flags & ~os.O_APPEND) if asked.writes and asked.flags & os.O_APPEND else None


@fault("excl-ignored")
def excl_ignored(call: Call) -> Answer | None:
    """O_CREAT|O_EXCL opens an existing file, and follows a symbolic link, as O_CREAT alone does."""
    flags = call.opening.flags
    both = os.O_CREAT | os.O_EXCL
    if flags & both != both or not call.by_root or lstat(call.name_of(call.place)) is None:
        return None
    return call.opened(flags & ~os.O_EXCL)


@fault("trunc-keeps-content")
def trunc_keeps_content(call: Call) -> Answer | None:
    """O_TRUNC is dropped if the file is not empty."""
    asked = call.opening
    if not asked.writes or not asked.flags & os.O_TRUNC or asked.flags & os.O_EXCL or not call.by_root:
        return None
    found = existing(call)
    if found is None or not stat.S_ISREG(found.st_mode) or not found.st_size:
        return None
    return call.opened(asked.flags & ~(os.O_TRUNC | os.O_CREAT))


@fault("nofollow-ignored")
def nofollow_ignored(call: Call) -> Answer | None:
    """O_NOFOLLOW follows a symbolic link."""
    asked = call.opening
    if not asked.flags & os.O_NOFOLLOW or asked.flags & os.O_PATH or not call.by_root:
        return None
    if not stat.S_ISLNK(os.fstat(call.subject()).st_mode):
        return None
    directory, path = call.place
    return Descriptor(call.target.open(directory, path, asked.flags & ~(os.O_NOFOLLOW | os.O_CREAT)))


@fault("directory-flag-ignored")
def directory_flag_ignored(call: Call) -> Answer | None:
    """O_DIRECTORY opens a file."""
    asked = call.opening
    if not asked.flags & os.O_DIRECTORY or asked.makes_temporary or asked.flags & os.O_CREAT or not call.by_root:
        return None
    if not stat.S_ISREG(os.fstat(call.subject()).st_mode):
        return None
    return call.opened(asked.flags & ~os.O_DIRECTORY)


@fault("directory-opens-for-writing")
def directory_opens_for_writing(call: Call) -> Answer | None:
    """A directory can be opened for writing."""
    asked = call.opening
    if not asked.writes or asked.flags & os.O_CREAT or asked.makes_temporary or not call.by_root:
        return None
    if not stat.S_ISDIR(os.fstat(call.subject()).st_mode):
        return None
    return call.opened(asked.flags & ~os.O_ACCMODE)


@fault("tmpfile-refused")
def tmpfile_refused(call: Call) -> Answer | None:
    return Error(errno.EOPNOTSUPP) if call.opening.makes_temporary else None


@fault("direct-refused")
def direct_refused(call: Call) -> Answer | None:
    """O_DIRECT is refused, at open and at F_SETFL."""
    if call.name == "fcntl":
        return Error(errno.EINVAL) if call.integer(1) == fcntl.F_SETFL and call.arguments[2] & os.O_DIRECT else None
    return Error(errno.EINVAL) if call.opening.flags & os.O_DIRECT else None


@fault("dangling-not-created")
def dangling_not_created(call: Call) -> Answer | None:
    """O_CREAT through a dangling symbolic link creates nothing."""
    asked = call.opening
    if not asked.flags & os.O_CREAT or asked.flags & (os.O_EXCL | os.O_NOFOLLOW) or existing(call) is not None:
        return None
    directory, path = call.place
    link = os.fstat(call.target.open(directory, path, os.O_PATH | os.O_NOFOLLOW))
    return Error(errno.ENOENT) if stat.S_ISLNK(link.st_mode) else None


@fault("noatime-for-everyone")
def noatime_for_everyone(call: Call) -> Answer | None:
    """O_NOATIME is granted to users who do not own the file."""
    asked = call.opening
    if not asked.flags & os.O_NOATIME or call.by_root or asked.writes:
        return None
    return call.opened(asked.flags)


@fault("permission-ignored")
def permission_ignored(call: Call) -> Answer | None:
    """Any user can open any file."""
    asked = call.opening
    return None if call.by_root or asked.flags & (os.O_CREAT | os.O_PATH) else call.opened(asked.flags)


@fault("writer-uncounted")
def writer_uncounted(call: Call) -> Answer | None:
    """A process that has a program open for writing does not count as its writer, so the program can be executed."""
    asked = call.opening
    if not asked.writes or asked.flags & (os.O_TRUNC | os.O_CREAT) or not call.by_root:
        return None
    mode = os.fstat(call.subject()).st_mode
    return call.opened(asked.flags & ~os.O_ACCMODE) if stat.S_ISREG(mode) and mode & 0o111 else None


@fault("program-still-busy")
def program_still_busy(call: Call) -> Answer | None:
    """A program cannot be opened for writing at all, whether it runs or not."""
    asked = call.opening
    mode = os.fstat(call.subject()).st_mode
    return Error(errno.ETXTBSY) if asked.writes and stat.S_ISREG(mode) and mode & 0o111 else None


@fault("long-names-refused")
def long_names_refused(call: Call) -> Answer | None:
    """Names end at 242 bytes, as on aufs, whose whiteouts need the rest."""
    if call.name in OPENING and not call.opening.flags & os.O_CREAT:
        return None
    _directory, path = call.place
    return Error(errno.ENAMETOOLONG) if len(os.fsencode(os.path.basename(path))) > 242 else None


@fault("deep-directories-refused")
def deep_directories_refused(call: Call) -> Answer | None:
    """No directory is made below a path of 2000 bytes."""
    return Error(errno.ENAMETOOLONG) if len(call.target.directory) > 2000 else None


@fault("copy-range-copies-nothing")
def copy_range_copies_nothing(call: Call) -> Answer | None:
    """copy_file_range(2) reports success and copies nothing."""
    return Value(call.arguments[4])


@fault("sendfile-sends-nothing")
def sendfile_sends_nothing(call: Call) -> Answer | None:
    """sendfile(2) and splice(2) report success and move nothing."""
    return Value(call.arguments[3] if call.name == "sendfile" else call.arguments[4])


@fault("clone-of-image-file-refused")
def clone_refused(call: Call) -> Answer | None:
    """ioctl_ficlone(2) refuses a lower file as its source."""
    if call.arguments[1] & 0xFFFFFFFF != FICLONE:
        return None
    source = call.inside(call.target.duplicate(call.integer(2)))
    return Error(errno.EXDEV) if call.target.in_image(source) else None


@fault("truncate-drops-all")
def truncate_drops_all(call: Call) -> Answer | None:
    """truncate(2) to a size keeps the size and loses the data."""
    size = call.arguments[1]
    if not call.by_root or not size:
        return None
    flags = os.O_WRONLY
    descriptor = call.target.duplicate(call.integer(0)) if call.name == "ftruncate" else call.subject(flags)
    os.ftruncate(descriptor, 0)
    os.ftruncate(descriptor, size)
    return Value()


@fault("creat-opens-directories")
def creat_opens_directories(call: Call) -> Answer | None:
    """O_CREAT is ignored if O_DIRECTORY is given, too."""
    asked = call.opening
    both = os.O_CREAT | os.O_DIRECTORY
    if asked.flags & both != both or asked.makes_temporary or not call.by_root:
        return None
    return call.opened(asked.flags & ~os.O_CREAT)


@fault("fallocate-does-nothing")
def fallocate_does_nothing(_call: Call) -> Answer | None:
    """fallocate(2) reports success and allocates nothing."""
    return Value()
