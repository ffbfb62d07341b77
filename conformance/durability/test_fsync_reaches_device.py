"""A synchronisation that reports success has given the device its data and a flush.

The block device under the backing file system counts both. That costs no power cut, and finds the driver that answers
"done" and does nothing; what lies on the device after a power cut is asked elsewhere.
"""

from os import O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, O_SYNC

from roadworthy import Directory, check, lower
from roadworthy.linux import MAP_SHARED, PROT_READ, PROT_WRITE

EVERYWHERE = ("lower", "upper", "copied-up")
SIZE = 256 << 10


@check("dura/fsync-ro-fd", source="POSIX.1-2017, fsync()", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_fsync_through_a_descriptor_opened_read_only(fs, observe):
    """fsync succeeds on a descriptor that was opened read-only."""
    observed = fs.attempt.fsync(fs.open("foo", O_RDONLY))
    observe("fsync", observed)
    assert observed == "success"


@check("dura/fsync-dir-syncfs", source="fsync(2)", provenance=EVERYWHERE)
@lower({"dir": Directory(), "dir/foo": b""})
def test_fsync_of_a_directory(fs, observe):
    """fsync succeeds on a directory."""
    observed = fs.attempt.fsync(fs.open("dir", O_RDONLY | O_DIRECTORY))
    observe("fsync", observed)
    assert observed == "success"


@check("dura/fsync-reaches-device", source="POSIX.1-2017, fsync()", provenance=EVERYWHERE)
@lower(foo=b"x" * SIZE)
def test_fsync_reaches_the_device(fs, storage, observe):
    """After fsync the device has been given the written data and at least one flush."""
    writer = fs.open("foo", O_RDWR)
    with storage.device_work() as work:
        fs.pwrite(writer, b"z" * SIZE, 0)
        fs.fsync(writer)
    observe("written and flushes", f"{work['bytes written'] >> 10} KiB, {work['flushes']}")
    assert work["bytes written"] >= SIZE
    assert work["flushes"] >= 1


@check("dura/fdatasync-reaches-device", source="POSIX.1-2017, fdatasync()", provenance=EVERYWHERE)
@lower(foo=b"x" * SIZE)
def test_fdatasync_reaches_the_device(fs, storage, observe):
    """After fdatasync the device has been given the written data and at least one flush."""
    writer = fs.open("foo", O_RDWR)
    with storage.device_work() as work:
        fs.pwrite(writer, b"z" * SIZE, 0)
        fs.fdatasync(writer)
    observe("written and flushes", f"{work['bytes written'] >> 10} KiB, {work['flushes']}")
    assert work["bytes written"] >= SIZE
    assert work["flushes"] >= 1


@check("dura/o-sync-reaches-device", source="open(2), O_SYNC", provenance=EVERYWHERE)
@lower(foo=b"x" * SIZE)
def test_write_with_o_sync_reaches_the_device(fs, storage, observe):
    """When a write through a descriptor opened with O_SYNC returns, the device has its data and a flush."""
    writer = fs.open("foo", O_RDWR | O_SYNC)
    with storage.device_work() as work:
        fs.pwrite(writer, b"z" * SIZE, 0)
    observe("written and flushes", f"{work['bytes written'] >> 10} KiB, {work['flushes']}")
    assert work["bytes written"] >= SIZE
    assert work["flushes"] >= 1


@check("dura/msync-reaches-device", source="POSIX.1-2017, msync()", provenance=EVERYWHERE)
@lower(foo=b"x" * SIZE)
def test_msync_reaches_the_device(fs, storage, observe):
    """After msync of a shared mapping the device has been given the stored data and at least one flush."""
    mapping = fs.mmap(fs.open("foo", O_RDWR), SIZE, PROT_READ | PROT_WRITE, MAP_SHARED)
    with storage.device_work() as work:
        fs.poke(mapping, b"z" * SIZE)
        fs.msync(mapping, SIZE)
    observe("written and flushes", f"{work['bytes written'] >> 10} KiB, {work['flushes']}")
    assert work["bytes written"] >= SIZE
    assert work["flushes"] >= 1


@check("dura/fsync-through-reader-reaches-device", source="POSIX.1-2017, fsync()", provenance=EVERYWHERE)
@lower(foo=b"x" * SIZE)
def test_fsync_through_the_reader_covers_the_writer(fs, storage, observe):
    """fsync through a descriptor opened read-only covers what was written through a later read-write one."""
    reader = fs.open("foo", O_RDONLY)
    writer = fs.open("foo", O_RDWR)
    with storage.device_work() as work:
        fs.pwrite(writer, b"z" * SIZE, 0)
        fs.fsync(reader)
    observe("written and flushes", f"{work['bytes written'] >> 10} KiB, {work['flushes']}")
    assert work["bytes written"] >= SIZE
    assert work["flushes"] >= 1


@check("dura/fsync-dir-reaches-device", source="fsync(2)", provenance=EVERYWHERE)
@lower(dir=Directory())
def test_fsync_of_a_directory_reaches_the_device(fs, storage, observe):
    """After a file was made in a directory, fsync of the directory gives the device at least one flush."""
    directory = fs.open("dir", O_RDONLY | O_DIRECTORY)
    with storage.device_work() as work:
        fs.close(fs.open("dir/new", O_RDWR | O_CREAT))
        fs.fsync(directory)
    observe("flushes", work["flushes"])
    assert work["flushes"] >= 1


@check("dura/fsync-after-unlink-reaches-device", source="fsync(2)", provenance="lower")
@lower({"dir/foo": b"data"})
def test_fsync_makes_a_deletion_durable(fs, storage, observe):
    """After a file of the image was removed, fsync of its directory gives the device at least one flush."""
    directory = fs.open("dir", O_RDONLY | O_DIRECTORY)
    with storage.device_work() as work:
        fs.unlink("dir/foo")
        fs.fsync(directory)
    observe("flushes", work["flushes"])
    assert work["flushes"] >= 1
