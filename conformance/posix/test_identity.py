"""Two descriptors, two names or two moments denote one file."""

from fcntl import LOCK_EX
from os import O_APPEND, O_RDONLY, O_RDWR, O_WRONLY, SEEK_END, major, minor

import pytest

from roadworthy import Directory, check, layers, lower
from roadworthy.linux import MAP_SHARED, PROT_READ


@check("identity/ro-rw-same-inode", source="POSIX.1-2017, open()", provenance=("lower", "upper", "copied-up"))
@lower(foo=b"old")
def test_open_read_only_then_read_write_is_one_file(fs, observe):
    """A file opened read-only and then read-write has one device and inode."""
    reader = fs.open("foo", O_RDONLY)
    writer = fs.open("foo", O_RDWR)
    read, written = fs.fstat(reader).identity, fs.fstat(writer).identity
    observe("device and inode", "same" if read == written else "differ")
    assert read == written


@check(
    "identity/ro-fd-sees-rw-write",
    source="POSIX.1-2017, write()",
    provenance=("lower", "lower-deep", "copied-up", "volume"),
)
@lower(foo=b"old")
def test_descriptor_opened_before_copy_up_sees_new_data(fs, observe):
    """A descriptor opened read-only sees what is written through a later read-write one."""
    reader = fs.open("foo", O_RDONLY)
    writer = fs.open("foo", O_RDWR)
    fs.pwrite(writer, b"new", 0)
    seen = observe("read after write", fs.pread(reader, 3, 0))
    assert seen == b"new"


@check(
    "identity/ro-fd-sees-truncate",
    source="POSIX.1-2017, ftruncate()",
    provenance=("lower", "lower-deep", "copied-up", "volume"),
)
@lower(foo=b"a long text")
def test_descriptor_opened_before_copy_up_sees_truncation(fs, observe):
    """A descriptor opened read-only shows the size that a later read-write one gave the file."""
    reader = fs.open("foo", O_RDONLY)
    writer = fs.open("foo", O_RDWR)
    fs.ftruncate(writer, 3)
    size = fs.fstat(reader).size
    observe("size through the old descriptor", size)
    assert size == 3
    assert fs.pread(reader, 100, 0) == b"a l"


@check(
    "identity/ro-fd-sees-append-at-eof",
    source="POSIX.1-2017, read()",
    provenance=("lower", "lower-deep", "copied-up", "volume"),
)
@lower(log=b"first\n")
def test_reader_at_the_end_sees_what_is_appended(fs, other, observe):
    """A reader that waits at the end of a file gets what another process appends, as tail -f does."""
    reader = fs.open("log", O_RDONLY)
    fs.lseek(reader, 0, SEEK_END)
    other.write(other.open("log", O_WRONLY | O_APPEND), b"second\n")
    seen = fs.read(reader, 100)
    observe("read at the end", seen or "nothing")
    assert seen == b"second\n"


@check("identity/touch-workaround", source="utimensat(2)")
@lower(foo=b"old")
def test_file_that_was_touched_is_one_file(fs, observe):
    """A file whose times were set before its first use is one file for readers and writers."""
    fs.utimens("foo", 10**18, 10**18)
    reader = fs.open("foo", O_RDONLY)
    writer = fs.open("foo", O_RDWR)
    fs.pwrite(writer, b"new", 0)
    seen = observe("read after write", fs.pread(reader, 3, 0))
    assert seen == b"new"
    assert fs.fstat(reader).identity == fs.fstat(writer).identity


@check(
    "identity/ino-stable-over-copyup",
    source="POSIX.1-2017, XBD 4.6 and sys/stat.h",
    provenance="lower-deep",
)
@lower(foo=b"old")
def test_inode_is_the_same_after_the_first_write(fs, observe):
    """A file keeps its device and inode when it is written for the first time."""
    before = fs.stat("foo")
    fs.write(fs.open("foo", O_WRONLY | O_APPEND), b"new")
    after = fs.stat("foo")
    observe("inode", "kept" if after.ino == before.ino else "changed")
    assert after.dev == before.dev
    assert after.ino == before.ino, "the inode changed"


@check("identity/ino-stable-over-restart", source="POSIX.1-2017, XBD 4.6 and sys/stat.h", provenance="lower-deep")
@lower(foo=b"old")
@pytest.mark.slow
def test_inode_of_a_changed_file_is_the_same_after_a_restart(containers, observe):
    """A file that was changed keeps its inode when its container is stopped and started."""
    container = containers.run()
    fs = containers.process(container)
    fs.chmod("foo", 0o600)
    before = fs.stat("foo").ino
    container.stop()
    container.start()
    after = containers.process(container).stat("foo").ino
    observe("inode", "kept" if after == before else "changed")
    assert after == before, "the inode changed"


@check("identity/rename-keeps-ino", source="POSIX.1-2017, rename()", provenance="lower-deep")
@lower(old=b"data")
def test_renamed_file_keeps_its_inode(fs, observe):
    """A file keeps its device and inode when it is renamed."""
    before = fs.stat("old")
    fs.rename("old", "new")
    after = fs.stat("new")
    observe("inode", "kept" if after.ino == before.ino else "changed")
    assert after.dev == before.dev
    assert after.ino == before.ino, "the inode changed"


@check("identity/dir-ino-stable", source="POSIX.1-2017, XBD 4.6 and sys/stat.h", provenance=("lower", "lower-deep"))
@lower({"d": Directory()})
def test_directory_keeps_its_inode_when_it_gets_a_child(fs, observe):
    """A directory keeps its device and inode when something is made in it."""
    before = fs.stat("d").identity
    fs.store("d/child", b"")
    after = fs.stat("d").identity
    observe("device and inode", "kept" if after == before else "changed")
    assert after == before


@check("identity/dev-uniform-file-vs-dir", source="POSIX.1-2017, sys/stat.h: st_dev")
@lower({"d/old": b"", "d/changed": b""})
def test_files_and_directories_are_on_one_device(fs, observe):
    """Everything in one file system has one device number: directories, old files, changed files, new files."""
    fs.store("d/new", b"")
    fs.chmod("d/changed", 0o600)
    devices = [fs.stat(path).dev for path in ("d", "d/old", "d/changed", "d/new")]
    observe("devices", f"{len(set(devices))}")
    assert len(set(devices)) == 1


@check("identity/ino-unique", source="POSIX.1-2017, XBD 4.6 and sys/stat.h")
@lower(old=b"1", changed=b"2", also_changed=b"3")
def test_two_files_never_share_an_inode(fs, observe):
    """Two files never have the same device and inode, whether they are old, changed or new."""
    fs.chmod("changed", 0o600)
    fs.chmod("also_changed", 0o600)
    fs.store("new", b"4")
    found = {fs.stat(path).identity for path in ("old", "changed", "also_changed", "new")}
    observe("identities of 4 files", len(found))
    assert len(found) == 4


@check("identity/proc-maps-dev-ino", source="proc_pid_maps(5)", provenance=("lower", "upper", "copied-up"))
@layers({"lib": b"x" * 4096}, {"above": b""})
def test_memory_map_names_the_mapped_file(fs, observe):
    """/proc/self/maps shows the device and inode of a mapped file as fstat(2) does."""
    descriptor = fs.open("lib", O_RDONLY)
    address = fs.mmap(descriptor, 4096, PROT_READ, MAP_SHARED)
    maps = fs.load("/proc/self/maps").decode()
    line = next(line.split() for line in maps.splitlines() if line.startswith(f"{address:x}-"))
    found = fs.fstat(descriptor)
    device = f"{major(found.dev):02x}:{minor(found.dev):02x}"
    observe("inode", "same" if int(line[4]) == found.ino else "differs")
    observe("device", "same" if line[3] == device else "differs")
    assert int(line[4]) == found.ino, "another inode"
    assert line[3] == device, "another device"


@check("identity/proc-locks-ino", source="proc_locks(5)", provenance=("lower", "upper", "copied-up"))
@layers({"pidfile": b"1"}, {"above": b""})
def test_lock_table_names_the_locked_file(fs, observe):
    """/proc/locks shows the inode of a locked file as fstat(2) does."""
    before = fs.stat("pidfile").ino
    descriptor = fs.open("pidfile", O_RDWR)
    fs.flock(descriptor, LOCK_EX)
    table = [line.split() for line in fs.load("/proc/locks").decode().splitlines()]
    place = next(words[5] for words in table if words[1] == "FLOCK" and words[4] == str(fs.getpid()))
    inode, told = int(place.split(":")[2]), fs.fstat(descriptor).ino
    known = {before: "the one before it was opened for writing", told: "same"}
    assert observe("inode", known.get(inode, "of no name")) == "same"


@check("identity/proc-fd-path", source="proc_pid_fd(5)", provenance=("lower", "upper", "copied-up"))
@lower({"d": Directory(), "d/foo": b""})
def test_descriptor_tells_its_path(fs, observe):
    """The link /proc/self/fd/N of an open file is the path by which the process opened it."""
    descriptor = fs.open("d/foo", O_RDONLY)
    path = fs.readlink(f"/proc/self/fd/{descriptor}")
    observe("path", "the opened one" if path == f"{fs.directory}/d/foo" else path)
    assert path == f"{fs.directory}/d/foo"
