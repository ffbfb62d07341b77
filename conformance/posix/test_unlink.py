"""A file that was removed while open stays usable for the processes that have it open."""

from os import O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR

from roadworthy import Directory, check, lower

EVERYWHERE = ("lower", "upper", "copied-up")


@check("unlink/open-lower-fd-readable", source="POSIX.1-2017, unlink()", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_removed_file_is_read_through_an_open_descriptor(fs, observe):
    """A file that was removed is still read through a descriptor opened before."""
    reader = fs.open("foo", O_RDONLY)
    fs.unlink("foo")
    seen = observe("read", fs.pread(reader, 4, 0))
    assert seen == b"data"
    assert fs.attempt.open("foo", O_RDONLY) == "ENOENT"


@check("unlink/open-lower-fd-nlink", source="POSIX.1-2017, unlink()", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_removed_file_has_no_links(fs, observe):
    """A file whose only name was removed has the link count 0."""
    reader = fs.open("foo", O_RDONLY)
    fs.unlink("foo")
    links = observe("link count", fs.fstat(reader).nlink)
    assert links == 0


@check("unlink/fchmod-on-unlinked-lower", source="POSIX.1-2017, fchmod()", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_mode_of_a_removed_file_can_be_changed(fs, observe):
    """The mode of a removed file can be changed through a descriptor opened read-only before."""
    reader = fs.open("foo", O_RDONLY)
    fs.unlink("foo")
    observed = fs.attempt.fchmod(reader, 0o600)
    observe("fchmod", observed)
    assert observed == "success"
    assert fs.fstat(reader).permissions == 0o600


@check("unlink/futimens-on-unlinked-lower", source="POSIX.1-2017, futimens()", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_times_of_a_removed_file_can_be_set(fs, observe):
    """The times of a removed file can be set through a descriptor opened read-only before."""
    reader = fs.open("foo", O_RDONLY)
    fs.unlink("foo")
    observed = fs.attempt.futimens(reader, 10**9, 10**9)
    observe("futimens", observed)
    assert observed == "success"
    assert fs.fstat(reader).mtime_ns == 10**9


@check("unlink/proc-reopen-rw", source="proc(5), /proc/pid/fd", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_removed_file_is_opened_for_writing_through_proc(fs, observe):
    """A removed file that is open read-only is opened for writing through /proc/self/fd."""
    reader = fs.open("foo", O_RDONLY)
    fs.unlink("foo")
    observed = fs.attempt.open(f"/proc/self/fd/{reader}", O_RDWR)
    observe("open", observed)
    assert observed == "success"
    fs.pwrite(fs.open(f"/proc/self/fd/{reader}", O_RDWR), b"DATA", 0)
    assert fs.pread(reader, 4, 0) == b"DATA"


@check("unlink/write-after-unlink-upper", source="POSIX.1-2017, unlink()", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_removed_file_is_written_through_an_open_descriptor(fs, observe):
    """A file that was removed is still written, and grows, through a descriptor opened before."""
    writer = fs.open("foo", O_RDWR)
    fs.unlink("foo")
    fs.pwrite(writer, b"more", 4)
    size = observe("size", fs.fstat(writer).size)
    assert size == 8
    assert fs.pread(writer, 8, 0) == b"datamore"


@check("unlink/recreate-while-open", source="POSIX.1-2017, unlink()", provenance=EVERYWHERE)
@lower(foo=b"old")
def test_new_file_of_the_same_name_is_another_file(fs, observe):
    """After a file was removed and made anew, the old descriptor has the old data and the name the new."""
    reader = fs.open("foo", O_RDONLY)
    fs.unlink("foo")
    fs.store("foo", b"new")
    contents = fs.pread(reader, 3, 0), fs.load("foo")
    observe("descriptor, name", b", ".join(contents))
    assert contents == (b"old", b"new")
    assert fs.fstat(reader).identity != fs.stat("foo").identity


@check("unlink/open-file-leaves-no-name", source="POSIX.1-2017, unlink()", provenance=EVERYWHERE)
@lower({"dir": Directory(), "dir/foo": b"data"})
def test_removed_open_file_does_not_keep_its_directory(fs, observe):
    """A directory whose only file was removed while open is empty and can be removed."""
    writer = fs.open("dir/foo", O_RDWR)
    fs.unlink("dir/foo")
    names = observe("names", fs.listdir("dir"))
    assert names == []
    assert fs.attempt.rmdir("dir") == "success"
    assert fs.pread(writer, 4, 0) == b"data"


@check("unlink/replaced-by-rename", source="POSIX.1-2017, rename()", provenance=EVERYWHERE)
@lower(foo=b"old")
def test_file_that_was_replaced_is_read_through_an_open_descriptor(fs, observe):
    """A file that another one replaced by rename is still read through a descriptor opened before."""
    reader = fs.open("foo", O_RDONLY)
    fs.store("incoming", b"new")
    fs.rename("incoming", "foo")
    contents = fs.pread(reader, 3, 0), fs.load("foo")
    observe("descriptor, name", b", ".join(contents))
    assert contents == (b"old", b"new")


@check("unlink/create-in-removed-directory", source="POSIX.1-2017, rmdir()", provenance=EVERYWHERE)
@lower(dir=Directory())
def test_removed_directory_takes_no_new_file(fs, observe):
    """In a directory that was removed no file can be made, though a process still has it open."""
    directory = fs.open("dir", O_RDONLY | O_DIRECTORY)
    fs.rmdir("dir")
    observed = fs.attempt.open(f"/proc/self/fd/{directory}/new", O_CREAT | O_RDWR)
    observe("open", observed)
    assert observed == "ENOENT"
