"""Mode, owner, times, link counts and file system data of files that may come from an image."""

import os
from os import O_APPEND, O_RDONLY, O_RDWR, O_WRONLY

import pytest

from roadworthy import LAYERS, Directory, File, Symlink, check, layers, lower, needs

EVERYWHERE = ("lower", "upper", "copied-up")
IMAGE = ("lower", "lower-deep", "copied-up")
FRACTION_NS = 1_500_000_000_123_456_789
MIB = 1 << 20


# --- times


@check("metadata/atime-on-lower-read", source="POSIX.1-2017, read()", provenance="lower")
@lower(foo=b"data")
def test_reading_a_file_of_the_image_moves_its_access_time(fs, observe):
    """Reading a file of the image moves its access time if that is older than its modification time."""
    before = fs.stat("foo").atime_ns
    fs.read(fs.open("foo", O_RDONLY), 4)
    observed = "moved" if fs.stat("foo").atime_ns > before else "not moved"
    observe("access time", observed)
    assert observed == "moved"


@check("metadata/atime-on-upper-read", source="POSIX.1-2017, read()", provenance=("upper", "copied-up"))
@lower(foo=b"data")
def test_reading_a_file_of_the_container_moves_its_access_time(fs, observe):
    """Reading a file of the container moves its access time if that is older than its modification time."""
    before = fs.stat("foo").atime_ns
    fs.read(fs.open("foo", O_RDONLY), 4)
    observed = "moved" if fs.stat("foo").atime_ns > before else "not moved"
    observe("access time", observed)
    assert observed == "moved"


@check("metadata/noatime-descriptor", source="open(2), O_NOATIME", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_reading_with_o_noatime_leaves_the_access_time(fs, observe):
    """Reading through a descriptor opened with O_NOATIME does not move the access time."""
    before = fs.stat("foo").atime_ns
    fs.read(fs.open("foo", O_RDONLY | os.O_NOATIME), 4)
    observed = "moved" if fs.stat("foo").atime_ns > before else "not moved"
    observe("access time", observed)
    assert observed == "not moved"


@check("metadata/mtime-on-write", source="POSIX.1-2017, write()", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_writing_moves_the_modification_time(fs, observe):
    """Writing to a file moves its modification time."""
    before = fs.stat("foo").mtime_ns
    fs.write(fs.open("foo", O_RDWR), b"D")
    observed = "moved" if fs.stat("foo").mtime_ns > before else "not moved"
    observe("modification time", observed)
    assert observed == "moved"


@check("metadata/ctime-on-chmod", source="POSIX.1-2017, chmod()", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_chmod_moves_the_change_time(fs, observe):
    """Changing a file's mode moves its status change time and leaves its modification time."""
    before = fs.stat("foo")
    fs.chmod("foo", 0o600)
    after = fs.stat("foo")
    observe("change time", "moved" if after.ctime_ns > before.ctime_ns else "not moved")
    assert after.ctime_ns > before.ctime_ns
    assert after.mtime_ns == before.mtime_ns


@check("metadata/mtime-dir-on-create", source="POSIX.1-2017, open()", provenance=EVERYWHERE)
@lower({"dir": Directory()})
def test_creating_a_file_moves_the_times_of_its_directory(fs, observe):
    """Creating a file moves the modification time of its directory."""
    before = fs.stat("dir").mtime_ns
    fs.store("dir/new", b"")
    observed = "moved" if fs.stat("dir").mtime_ns > before else "not moved"
    observe("directory's modification time", observed)
    assert observed == "moved"


@check("metadata/mtime-dir-on-unlink", source="POSIX.1-2017, unlink()", provenance=EVERYWHERE)
@lower({"dir": Directory(), "dir/foo": b""})
def test_removing_a_file_moves_the_times_of_its_directory(fs, observe):
    """Removing a file moves the modification time of its directory."""
    before = fs.stat("dir").mtime_ns
    fs.unlink("dir/foo")
    observed = "moved" if fs.stat("dir").mtime_ns > before else "not moved"
    observe("directory's modification time", observed)
    assert observed == "moved"


@check("metadata/utimensat-set-get", source="POSIX.1-2017, utimensat()", provenance=EVERYWHERE)
@pytest.mark.parametrize("kind", ["file", "directory", "symlink"])
@lower({"file": b"data", "directory": Directory(), "symlink": Symlink(target="nowhere")})
def test_times_are_kept_to_the_nanosecond(fs, observe, kind):
    """Access and modification times that were set are read back to the nanosecond."""
    fs.utimens(kind, FRACTION_NS, FRACTION_NS + 1, follow=False)
    found = fs.lstat(kind)
    observe("modification time", found.mtime_ns)
    assert (found.atime_ns, found.mtime_ns) == (FRACTION_NS, FRACTION_NS + 1)


@check("metadata/nanoseconds-from-image", source="OCI image-spec, layer.md", provenance=IMAGE)
@lower(foo=File(b"data", mtime_ns=FRACTION_NS))
def test_times_of_the_image_are_kept_to_the_nanosecond(fs, observe):
    """The modification time of a file in an image is seen to the nanosecond."""
    found = fs.stat("foo")
    at_once = abs(found.mtime_ns - found.ctime_ns) < 10**9
    seen = "kept" if found.mtime_ns == FRACTION_NS else "that of the last change" if at_once else f"{found.mtime_ns} ns"
    assert observe("modification time", seen) == "kept"


@check("metadata/timestamps-y2038-negative", source="POSIX.1-2017, utimensat()", provenance="lower")
@pytest.mark.parametrize("seconds", [2**31 + 1, -1], ids=["after-2038", "before-1970"])
@lower(foo=b"data")
def test_times_beyond_32_bits_are_kept(fs, observe, seconds):
    """A modification time before 1970 or after 2038 is read back as it was set."""
    fs.utimens("foo", seconds * 10**9, seconds * 10**9)
    mtime_ns = observe("modification time", fs.stat("foo").mtime_ns)
    assert mtime_ns == seconds * 10**9


@check("metadata/btime-stable", source="statx(2)", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_birth_time_outlives_a_change_of_mode(fs, observe):
    """A file has a birth time, and keeps it when its mode changes."""
    before = fs.birth_time("foo")
    fs.chmod("foo", 0o600)
    observed = "none" if not before else "kept" if fs.birth_time("foo") == before else "new"
    observe("birth time", observed)
    assert observed == "kept"


# --- mode and owner


@check("metadata/suid-cleared-by-write", source="POSIX.1-2017, write()", provenance=EVERYWHERE)
@lower(foo=File(b"data", mode=0o6755, uid=1000))
def test_writing_without_privilege_clears_set_id_bits(fs, other, observe):
    """A write by an unprivileged owner clears the set-user-ID and set-group-ID bits."""
    other.become(1000)
    other.write(other.open("foo", O_WRONLY | O_APPEND), b"more")
    mode = observe("mode", f"{fs.stat('foo').permissions:o}")
    assert mode == "755"


@check("metadata/suid-cleared-by-chown", source="chown(2)", provenance=EVERYWHERE)
@lower(foo=File(b"data", mode=0o6755, uid=1000))
def test_chown_clears_set_id_bits(fs, observe):
    """Changing the owner of an executable file clears its set-user-ID and set-group-ID bits."""
    fs.chown("foo", 1001, 1001)
    mode = observe("mode", f"{fs.stat('foo').permissions:o}")
    assert mode == "755"


@check("metadata/suid-kept-by-root-chmod-copyup", source="POSIX.1-2017, chmod()", provenance=EVERYWHERE)
@lower(foo=File(b"data", mode=0o4750))
def test_chmod_keeps_the_set_user_id_bit_that_it_names(fs, observe):
    """Root changes the mode of a set-user-ID file, and the bit stays where the new mode has it."""
    fs.chmod("foo", 0o4751)
    fs.utimens("foo", 1, 1)
    mode = observe("mode", f"{fs.stat('foo').permissions:o}")
    assert mode == "4751"


@check("metadata/sgid-dir-inherit", source="inode(7), S_ISGID", provenance=EVERYWHERE)
@lower(dir=Directory(mode=0o2777, gid=1234))
def test_set_group_id_directory_passes_its_group_on(fs, observe):
    """A file or directory made in a set-group-ID directory has its group, and the directory has the bit too."""
    fs.store("dir/file", b"")
    fs.mkdir("dir/sub")
    file, sub = fs.stat("dir/file"), fs.stat("dir/sub")
    groups, mode = (file.gid, sub.gid), f"{sub.permissions:o}"
    observe("groups and mode", f"{groups} {mode}")
    assert groups == (1234, 1234)
    assert mode == "2755"


@check("metadata/sticky-dir", source="POSIX.1-2017, unlink()", provenance=EVERYWHERE)
@lower({"dir": Directory(mode=0o1777), "dir/foo": File(b"", uid=1000)})
def test_sticky_directory_protects_files_of_others(fs, other, observe):
    """In a sticky directory a user cannot remove a file of another user."""
    other.become(1001)
    observed = other.attempt.unlink("dir/foo")
    observe("unlink", observed)
    assert observed == "EPERM"
    assert fs.listdir("dir") == ["foo"]


@check("metadata/umask-and-mode", source="POSIX.1-2017, umask()", provenance=("lower", "upper"))
@lower(dir=Directory())
def test_umask_limits_the_mode_of_a_new_file(fs, observe):
    """A new file has the mode that was asked for without the bits of the umask."""
    fs.umask(0o027)
    fs.close(fs.open("dir/new", O_RDWR | os.O_CREAT, 0o666))
    mode = observe("mode", f"{fs.stat('dir/new').permissions:o}")
    assert mode == "640"


@check("metadata/chmod-lower-as-owner", source="POSIX.1-2017, chmod()", provenance=EVERYWHERE)
@lower(foo=File(b"data", uid=1000, gid=1000))
def test_an_unprivileged_owner_changes_the_mode(fs, other, observe):
    """An unprivileged user can change the mode of a file that is its own."""
    other.become(1000)
    observed = other.attempt.chmod("foo", 0o600)
    observe("chmod", observed)
    assert observed == "success"
    assert fs.stat("foo").permissions == 0o600


@check("metadata/access-denied-consistent", source="POSIX.1-2017, XBD 4.5", provenance=EVERYWHERE)
@lower(foo=File(b"data", mode=0o600))
def test_files_of_others_are_closed(fs, other, observe):
    """An unprivileged user can neither open nor truncate a file that only root may use, nor set its times."""
    other.become(1000)
    observed = (
        other.attempt.open("foo", O_RDONLY),
        other.attempt.truncate("foo", 0),
        other.attempt.utimens("foo", 1, 1),
    )
    observe("open, truncate, utimensat", " ".join(observed))
    assert observed == ("EACCES", "EACCES", "EPERM")
    assert fs.load("foo") == b"data"


@check("metadata/perm-after-layered-chmod", source="OCI image-spec, layer.md")
@layers({"dir": Directory(mode=0o700), "dir/foo": b""}, {"dir": Directory(mode=0o755)})
@needs(LAYERS)
def test_mode_of_the_upper_layer_decides(other, observe):
    """A directory that a later layer opens for everybody can be listed, whatever its mode in an older layer."""
    other.become(1000)
    observed = other.attempt.listdir("dir")
    observe("listing", observed)
    assert observed == "success"


@check("metadata/perm-after-layered-chown", source="OCI image-spec, layer.md")
@layers({"dir": Directory()}, {"dir": Directory(uid=1000)})
@needs(LAYERS)
def test_owner_of_the_upper_layer_decides(other, observe):
    """A user can create a file in a directory that a later layer gives to that user."""
    other.become(1000)
    observed = other.attempt.store("dir/new", b"")
    observe("creating a file", observed)
    assert observed == "success"


@check("metadata/root-dir-mode", source="OCI image-spec, layer.md", provenance="lower")
@needs(LAYERS)
def test_everybody_may_enter_the_root_directory(fs, observe):
    """The root directory of a container has the mode 0755 and belongs to root."""
    found = fs.stat("/")
    observe("mode", f"{found.permissions:o}")
    assert (f"{found.permissions:o}", found.uid, found.gid) == ("755", 0, 0)


# --- counts and the file system


@check("metadata/dir-nlink-lower", source="find(1), -noleaf", provenance=EVERYWHERE)
@lower({"dir": Directory(), "dir/a": Directory(), "dir/b": Directory(), "dir/c": Directory()})
def test_link_count_of_a_directory_counts_subdirectories(fs, observe):
    """A directory's link count is the number of its subdirectories plus two, or 1 if they are not counted."""
    links = observe("link count", fs.stat("dir").nlink)
    assert links in (5, 1)


@check("metadata/dir-nlink-merged", source="find(1), -noleaf", provenance=EVERYWHERE)
@lower({"dir": Directory(), "dir/a": Directory(), "dir/b": Directory(), "dir/c": Directory()})
def test_link_count_of_a_directory_follows_mkdir(fs, observe):
    """A directory's link count includes a new subdirectory, or is 1 if they are not counted."""
    fs.mkdir("dir/d")
    links = observe("link count", fs.stat("dir").nlink)
    assert links in (6, 1)


@check("metadata/st-blocks-du", source="POSIX.1-2017, sys/stat.h", provenance="lower")
@lower(foo=b"x" * 65536)
def test_blocks_of_a_file_do_not_change_with_its_mode(fs, observe):
    """A file takes as many blocks after a change of its mode as before."""
    before = fs.stat("foo").blocks
    fs.chmod("foo", 0o600)
    fs.fsync(fs.open("foo", O_RDONLY))
    after = fs.stat("foo").blocks
    observe("blocks", f"{before}, then {after}")
    assert after == before


@check("metadata/statfs-type-and-namelen", source="statfs(2)", provenance=("lower", "upper"))
@lower(dir=Directory())
def test_statfs_names_the_file_system_and_its_longest_name(fs, driver, storage, observe):
    """statfs shows the file system type that the driver documents, and the longest name that a directory can have."""
    kind, longest = fs.statfs("dir")
    observe("type and longest name", f"{kind:#x} {longest}")
    assert f"{kind:#x}" == f"{driver.magic or storage.backing.kind.magic:#x}"
    assert fs.attempt.mkdir(f"dir/{'n' * longest}") == "success"
    assert fs.attempt.mkdir(f"dir/{'n' * (longest + 1)}") == "ENAMETOOLONG"


@check("metadata/statfs-free-space", source="statvfs(3)", provenance="upper")
def test_statfs_tells_the_size_of_the_backing_file_system(fs, storage, observe):
    """A container sees the size of the file system that its layer lies on, and less free space when it has written."""
    storage.backing.settle()
    inside, below = fs.statvfs("."), storage.backing.path().statvfs()
    size = inside.f_blocks * inside.f_frsize
    observe("size", f"{size / (1 << 30):.1f} GiB")
    observe("of the backing's", f"{100 * size / (below.f_blocks * below.f_frsize):.0f} %")
    fs.store("f", b"data" * MIB)
    storage.backing.settle()
    after = fs.statvfs(".")
    taken = (inside.f_bfree - after.f_bfree) * after.f_frsize
    observe("taken by 4 MiB", f"{taken / MIB:.1f} MiB")
    assert size == below.f_blocks * below.f_frsize
    assert abs(taken - 4 * MIB) < MIB  # what the file system takes for itself, and what it frees of others meanwhile


@check("metadata/getcwd-after-rmdir", source="getcwd(3)", provenance=EVERYWHERE)
@lower(dir=Directory())
def test_getcwd_in_a_removed_directory_fails(fs, observe):
    """A working directory that was removed no longer has a path."""
    fs.chdir("dir")
    fs.rmdir("../dir")
    observed = fs.attempt.getcwd()
    observe("getcwd", observed)
    assert observed == "ENOENT"


@check("metadata/getcwd-after-failed-rmdir", source="POSIX.1-2017, rmdir()", provenance=EVERYWHERE)
@lower({"dir": Directory(), "dir/sub": Directory()})
def test_getcwd_outlives_a_refused_rmdir(fs, observe):
    """A refused removal of a directory that has content leaves a working directory below it in place."""
    fs.chdir("dir/sub")
    observed = fs.attempt.rmdir("../../dir")
    observe("rmdir", observed)
    assert observed == "ENOTEMPTY"
    assert fs.getcwd() == f"{fs.directory}/dir/sub"
