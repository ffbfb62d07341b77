"""Two descriptors, two names or two moments denote one file."""

from os import O_RDONLY, O_RDWR

from roadworthy import check, lower


@check("identity/ro-rw-same-inode", claim="S48", source="POSIX.1-2017, open()", provenance=("lower", "upper", "copied-up"))
@lower(foo=b"old")
def test_open_read_only_then_read_write_is_one_file(fs, observe):
    """A file opened read-only and then read-write has one device and inode."""
    reader = fs.open("foo", O_RDONLY)
    writer = fs.open("foo", O_RDWR)
    observe("inode", "same" if fs.fstat(reader).ino == fs.fstat(writer).ino else "differs")
    assert fs.fstat(reader).identity == fs.fstat(writer).identity


@check("identity/ro-fd-sees-rw-write", claim="S48", source="POSIX.1-2017, write()")
@lower(foo=b"old")
def test_descriptor_opened_before_copy_up_sees_new_data(fs, observe):
    """A descriptor opened read-only sees what is written through a later read-write one."""
    reader = fs.open("foo", O_RDONLY)
    writer = fs.open("foo", O_RDWR)
    fs.pwrite(writer, b"new", 0)
    observe("read after write", fs.pread(reader, 3, 0))
    assert fs.pread(reader, 3, 0) == b"new"
