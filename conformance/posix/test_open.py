"""What the flags of open(2) promise."""

import stat
from fcntl import F_SETFL
from os import O_APPEND, O_CREAT, O_DIRECT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY

import pytest

from roadworthy import COPY_UP, Directory, File, Symlink, check, lower, needs
from roadworthy.linux import AT_SYMLINK_FOLLOW, O_NOATIME, O_TMPFILE

EVERYWHERE = ("lower", "upper", "copied-up")
BLOCK = 4096
RECORD = b"r" * 63 + b"\n"


@check("open/o-tmpfile", source="open(2), O_TMPFILE", provenance=EVERYWHERE)
@lower(dir=Directory())
def test_file_without_a_name_can_be_given_one(fs, observe):
    """A file opened with O_TMPFILE has no name, takes data, and can be given a name."""
    observed = fs.attempt.open("dir", O_TMPFILE | O_RDWR)
    observe("open with O_TMPFILE", observed)
    assert observed == "success"
    nameless = fs.open("dir", O_TMPFILE | O_RDWR)
    fs.write(nameless, b"data")
    assert fs.listdir("dir") == []
    fs.linkat(f"/proc/self/fd/{nameless}", "dir/named", AT_SYMLINK_FOLLOW)
    assert fs.load("dir/named") == b"data"


@check("open/o-direct-read-write", source="open(2), O_DIRECT", provenance=EVERYWHERE)
@lower(foo=b"x" * 2 * BLOCK)
def test_direct_writes_and_reads_agree_with_cached_ones(fs, observe):
    """What is written with O_DIRECT is read with O_DIRECT and through the page cache alike."""
    observed = fs.attempt.open("foo", O_RDWR | O_DIRECT)
    observe("open with O_DIRECT", observed)
    assert observed == "success"
    direct = fs.open("foo", O_RDWR | O_DIRECT)
    fs.pwrite_aligned(direct, b"y" * BLOCK, BLOCK)
    assert fs.pread_aligned(direct, BLOCK, BLOCK) == b"y" * BLOCK
    assert fs.load("foo") == b"x" * BLOCK + b"y" * BLOCK


@check("open/fsetfl-append", source="POSIX.1-2017, fcntl()", provenance=EVERYWHERE)
@lower(foo=b"old")
def test_append_flag_set_after_opening_counts(fs, observe):
    """A descriptor that is given O_APPEND after it was opened writes at the end of the file."""
    writer = fs.open("foo", O_RDWR)
    fs.fcntl(writer, F_SETFL, O_APPEND)
    fs.write(writer, b"new")
    content = observe("file", fs.load("foo"))
    assert content == b"oldnew"


@check("open/fsetfl-direct", source="fcntl(2), F_SETFL", provenance=EVERYWHERE)
@lower(foo=b"x" * BLOCK)
def test_direct_flag_set_after_opening(fs, observe):
    """A descriptor can be given O_DIRECT after it was opened, and reads the file."""
    reader = fs.open("foo", O_RDONLY)
    observed = fs.attempt.fcntl(reader, F_SETFL, O_DIRECT)
    observe("fcntl", observed)
    assert observed == "success"
    assert fs.pread_aligned(reader, BLOCK, 0) == b"x" * BLOCK


@check("open/o-append", source="POSIX.1-2017, write()", provenance=EVERYWHERE)
@lower(foo=b"old")
def test_appending_ignores_the_offset(fs, observe):
    """A descriptor opened with O_APPEND writes at the end of the file, wherever its offset is."""
    writer = fs.open("foo", O_RDWR | O_APPEND)
    fs.lseek(writer, 0)
    fs.write(writer, b"new")
    content = observe("file", fs.load("foo"))
    assert content == b"oldnew"


@check("open/append-atomic", source="POSIX.1-2017, write()", provenance=EVERYWHERE)
@lower(log=b"")
def test_records_appended_by_two_processes_stay_whole(fs, other, observe):
    """Records that two processes append to one file at the same time are not lost, torn or overwritten."""
    pending = fs.begin("append_often", "log", RECORD, 300), other.begin("append_often", "log", RECORD.upper(), 300)
    for work in pending:
        work.answer()
    records = fs.load("log").splitlines(keepends=True)
    observe("records", len(records))
    assert (records.count(RECORD), records.count(RECORD.upper()), len(records)) == (300, 300, 600)


@check("open/trunc", source="POSIX.1-2017, open()", provenance=EVERYWHERE)
@lower(foo=b"old data")
def test_truncating_open_leaves_no_tail(fs, observe):
    """A file opened with O_TRUNC is empty, and then holds only what is written."""
    writer = fs.open("foo", O_WRONLY | O_TRUNC)
    assert fs.stat("foo").size == 0
    fs.write(writer, b"new")
    content = observe("file", fs.load("foo"))
    assert content == b"new"


@check("open/trunc-seen-by-reader", source="POSIX.1-2017, open()", provenance=EVERYWHERE)
@lower(foo=b"old data")
def test_truncating_open_is_seen_through_an_older_descriptor(fs, observe):
    """A descriptor opened read-only sees that the file was opened with O_TRUNC."""
    reader = fs.open("foo", O_RDONLY)
    fs.open("foo", O_WRONLY | O_TRUNC)
    size = observe("size", fs.fstat(reader).size)
    assert size == 0
    assert fs.pread(reader, 8, 0) == b""


@check("open/excl-on-lower", source="POSIX.1-2017, open()", provenance=EVERYWHERE)
@pytest.mark.parametrize("name", ["file", "symlink"])
@lower(file=b"old", symlink=Symlink(target="missing"))
def test_exclusive_creation_refuses_an_existing_name(fs, observe, name):
    """O_CREAT with O_EXCL refuses a name that exists, also that of a symbolic link to nothing."""
    observed = fs.attempt.open(name, O_CREAT | O_EXCL | O_RDWR)
    observe("open", observed)
    assert observed == "EEXIST"
    assert fs.attempt.lstat("missing") == "ENOENT"


@check("open/excl-copies-nothing", source="POSIX.1-2017, open()", provenance="lower")
@needs(COPY_UP)
@lower(foo=b"old")
def test_refused_creation_copies_nothing(fs, storage, container, observe):
    """An exclusive creation that is refused leaves nothing in the writable layer."""
    assert fs.attempt.open("foo", O_CREAT | O_EXCL | O_RDWR) == "EEXIST"
    observed = "copied" if storage.upper(container, "foo").exists() else "nothing"
    observe("in the writable layer", observed)
    assert observed == "nothing"


@check("open/excl-after-unlink", source="POSIX.1-2017, open()", provenance=EVERYWHERE)
@lower(lock=b"old")
def test_exclusive_creation_takes_a_name_that_was_removed(fs, observe):
    """O_CREAT with O_EXCL makes a new, empty file where one was removed."""
    fs.unlink("lock")
    observed = fs.attempt.open("lock", O_CREAT | O_EXCL | O_RDWR)
    observe("open", observed)
    assert observed == "success"
    assert fs.load("lock") == b""


@check("open/creat-through-dangling", source="POSIX.1-2017, open()", provenance=EVERYWHERE)
@lower(symlink=Symlink(target="missing"))
def test_creation_follows_a_symbolic_link_to_nothing(fs, observe):
    """O_CREAT through a symbolic link to nothing makes the file that it names, and leaves the link."""
    observed = fs.attempt.open("symlink", O_CREAT | O_WRONLY)
    observe("open", observed)
    assert observed == "success"
    assert fs.lstat("missing").kind == stat.S_IFREG
    assert fs.readlink("symlink") == "missing"


@check("open/nofollow-directory-flags", source="POSIX.1-2017, open()", provenance=EVERYWHERE)
@pytest.mark.parametrize(
    ("name", "flags", "refusal"),
    [("symlink", O_NOFOLLOW, "ELOOP"), ("file", O_DIRECTORY, "ENOTDIR"), ("directory", O_WRONLY, "EISDIR")],
    ids=["nofollow", "directory", "write-to-directory"],
)
@lower(symlink=Symlink(target="file"), file=b"data", directory=Directory())
def test_open_refuses_what_its_flags_exclude(fs, observe, name, flags, refusal):
    """O_NOFOLLOW refuses a link, O_DIRECTORY a file, and a directory is not opened for writing."""
    observed = fs.attempt.open(name, flags)
    observe("open", observed)
    assert observed == refusal


@check("open/o-path-fstat", source="open(2), O_PATH", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_path_descriptor_sees_new_metadata(fs, observe):
    """A descriptor opened with O_PATH shows the mode that the file was given later."""
    handle = fs.open("foo", O_PATH)
    fs.chmod("foo", 0o600)
    found = fs.fstat(handle)
    observe("mode", f"{found.permissions:o}")
    assert found.permissions == 0o600
    assert found.identity == fs.stat("foo").identity


@check("open/noatime-owner", source="open(2), O_NOATIME", provenance=EVERYWHERE)
@lower(own=File(b"data", uid=1000), foreign=b"data")
def test_noatime_is_for_the_owner(other, observe):
    """O_NOATIME is granted to the owner of a file and refused to others."""
    other.become(1000)
    observed = other.attempt.open("own", O_NOATIME), other.attempt.open("foreign", O_NOATIME)
    observe("owner, another", " ".join(observed))
    assert observed == ("success", "EPERM")


@check("open/splice-sendfile-lower", source="sendfile(2)", provenance=EVERYWHERE)
@lower(foo=b"data" * BLOCK)
def test_sendfile_from_a_file(fs, observe):
    """sendfile copies a file's bytes."""
    sent = fs.sendfile(fs.open("copy", O_CREAT | O_RDWR), fs.open("foo", O_RDONLY), 0, 4 * BLOCK)
    observe("bytes", sent)
    assert sent == 4 * BLOCK
    assert fs.load("copy") == b"data" * BLOCK


@check("open/splice", source="splice(2)", provenance=EVERYWHERE)
@lower(foo=b"data" * 256)
def test_splice_through_a_pipe(fs, observe):
    """splice moves a file's bytes into a pipe, and from a pipe into a file of the same image."""
    reader, writer = fs.pipe()
    fs.splice(fs.open("foo", O_RDONLY), writer, 512)
    target = fs.open("foo", O_WRONLY | O_TRUNC)
    moved = observe("bytes", fs.splice(reader, target, 512))
    assert moved == 512
    assert fs.load("foo") == b"data" * 128


@check("open/dir-with-creat", source="open(2), O_DIRECTORY, EINVAL", provenance=EVERYWHERE)
@lower({"d": Directory(), "d/f": b"data"})
def test_directory_is_not_created_by_open(fs, observe):
    """O_CREAT with O_DIRECTORY neither opens a directory nor makes one: EINVAL, or EISDIR before Linux 6.4."""
    outcome = fs.attempt.open("d", O_RDONLY | O_DIRECTORY | O_CREAT)
    observe("open", outcome)
    assert outcome in ("EINVAL", "EISDIR")
    assert fs.listdir("d") == ["f"]
    fs.attempt.open("new", O_RDONLY | O_DIRECTORY | O_CREAT)
    assert fs.attempt.listdir("new") in ("ENOENT", "ENOTDIR")  # before Linux 6.4 it makes a file
