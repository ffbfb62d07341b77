"""Memory mappings show the file, whichever descriptor they were made from."""

from os import O_RDONLY, O_RDWR

import pytest

from roadworthy import check, lower
from roadworthy.linux import MAP_PRIVATE, MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE

EVERYWHERE = ("lower", "upper", "copied-up")
PAGE = 4096
#: What a page shows that should have been written to; anything else is shown as it is.
SHOWN = {b"new": "fresh", b"old": "stale"}


@check("mmap/ro-shared-map-sees-write", source="POSIX.1-2017, mmap()", provenance=(*EVERYWHERE, "volume"))
@lower(foo=b"old" + bytes(PAGE - 3))
def test_shared_mapping_of_a_reader_sees_a_write(fs, observe):
    """A shared mapping of a descriptor opened read-only shows what is written through a later read-write one."""
    mapping = fs.mmap(fs.open("foo", O_RDONLY), PAGE, PROT_READ, MAP_SHARED)
    assert fs.peek(mapping, 3) == b"old"
    fs.pwrite(fs.open("foo", O_RDWR), b"new", 0)
    observed = observe("mapping shows", SHOWN.get(shown := fs.peek(mapping, 3), shown))
    assert observed == "fresh"


@check(
    "mmap/ro-shared-map-sees-truncate", source="POSIX.1-2017, truncate(), mmap()", provenance=(*EVERYWHERE, "volume")
)
@lower(foo=b"0123456789" + bytes(PAGE - 10))
def test_shared_mapping_of_a_reader_sees_a_cut(fs, observe):
    """A shared mapping of a descriptor opened read-only shows zeroes beyond the end after a truncation by name."""
    mapping = fs.mmap(fs.open("foo", O_RDONLY), PAGE, PROT_READ, MAP_SHARED)
    assert fs.peek(mapping, 10) == b"0123456789"
    fs.truncate("foo", 3)
    shown = fs.peek(mapping, 10)
    observe("mapping shows", shown)
    assert shown == b"012" + bytes(7)


@check("mmap/new-map-from-old-ro-fd", source="POSIX.1-2017, mmap()", provenance=EVERYWHERE)
@lower(foo=b"old" + bytes(PAGE - 3))
def test_mapping_made_after_a_write_from_a_descriptor_opened_before(fs, observe):
    """A mapping made after a write shows the new data, though its descriptor was opened before the write."""
    reader = fs.open("foo", O_RDONLY)
    fs.pwrite(fs.open("foo", O_RDWR), b"new", 0)
    mapping = fs.mmap(reader, PAGE, PROT_READ, MAP_SHARED)
    observed = observe("mapping shows", SHOWN.get(shown := fs.peek(mapping, 3), shown))
    assert observed == "fresh"


@check("mmap/rw-map-store-seen-by-read", source="POSIX.1-2017, mmap()", provenance=EVERYWHERE)
@lower(foo=b"old" + bytes(PAGE - 3))
def test_store_into_a_shared_mapping_is_read(fs, observe):
    """A store into a shared mapping is read through a descriptor that was opened read-only before."""
    reader = fs.open("foo", O_RDONLY)
    mapping = fs.mmap(fs.open("foo", O_RDWR), PAGE, PROT_READ | PROT_WRITE, MAP_SHARED)
    fs.poke(mapping, b"new")
    seen = observe("read after store", fs.pread(reader, 3, 0))
    assert seen == b"new"


@check("mmap/two-shared-maps", source="POSIX.1-2017, mmap()", provenance=EVERYWHERE)
@lower(foo=b"old" + bytes(PAGE - 3))
def test_two_processes_share_a_mapping(fs, other, observe):
    """A store into one process's shared mapping is seen in another process's."""
    first = fs.mmap(fs.open("foo", O_RDWR), PAGE, PROT_READ | PROT_WRITE, MAP_SHARED)
    second = other.mmap(other.open("foo", O_RDONLY), PAGE, PROT_READ, MAP_SHARED)
    assert other.peek(second, 3) == b"old"
    fs.poke(first, b"new")
    shown = observe("other mapping shows", other.peek(second, 3))
    assert shown == b"new"


@check("mmap/private-store-stays-private", source="POSIX.1-2017, mmap()", provenance=EVERYWHERE)
@lower(foo=b"old" + bytes(PAGE - 3))
def test_store_into_a_private_mapping_stays_there(fs, observe):
    """A store into a private mapping does not reach the file."""
    mapping = fs.mmap(fs.open("foo", O_RDONLY), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE)
    fs.poke(mapping, b"new")
    content = observe("file after store", fs.load("foo")[:3])
    assert fs.peek(mapping, 3) == b"new"
    assert content == b"old"


@check("mmap/private-map-unaffected", source="POSIX.1-2017, mmap(), MAP_PRIVATE", provenance=EVERYWHERE)
@lower(foo=b"old" + bytes(PAGE - 3))
def test_private_page_keeps_its_store_when_the_file_is_written(fs, other, observe):
    """A page of a private mapping that was stored to keeps the store when another process writes to the file."""
    mapping = fs.mmap(fs.open("foo", O_RDONLY), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE)
    fs.poke(mapping, b"own")
    other.pwrite(other.open("foo", O_RDWR), b"new", 0)
    shown = observe("mapping shows", fs.peek(mapping, 3))
    assert shown == b"own"
    assert fs.load("foo")[:3] == b"new"


@check("mmap/exec-map-during-replace", source="POSIX.1-2017, rename()", provenance=EVERYWHERE)
@lower({"libfoo.so": b"old" + bytes(PAGE - 3)})
def test_mapping_outlives_the_replacement_of_its_file(fs, observe):
    """A program's mapping of a library keeps its content when the library is replaced by rename."""
    library = fs.open("libfoo.so", O_RDONLY)
    mapping = fs.mmap(library, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE)
    fs.close(library)
    fs.store("incoming", b"new" + bytes(PAGE - 3))
    fs.rename("incoming", "libfoo.so")
    shown = observe("mapping shows", fs.peek(mapping, 3))
    assert shown == b"old"
    assert fs.load("libfoo.so")[:3] == b"new"


@check("mmap/truncate-sigbus", source="mmap(2), SIGBUS", provenance=EVERYWHERE)
@lower(foo=b"x" * (2 * PAGE))
def test_touching_a_page_that_was_cut_off(fs, other, observe):
    """Touching a mapped page that lies beyond the file's new end kills the process with SIGBUS."""
    mapping = fs.mmap(fs.open("foo", O_RDWR), 2 * PAGE, PROT_READ, MAP_SHARED)
    other.truncate("foo", PAGE)
    assert fs.peek(mapping, 1) == b"x"
    observed = fs.attempt.peek(mapping + PAGE, 1)
    observe("touching the page", observed)
    assert observed == "SIGBUS"


@check("mmap/msync-durable", source="msync(2)", provenance="lower")
@pytest.mark.slow
@lower(foo=b"old" + bytes(PAGE - 3))
def test_synced_store_outlives_a_killed_container(containers, observe):
    """A store into a shared mapping that was synced is in the file after the container was killed."""
    container = containers.run()
    process = containers.process(container)
    mapping = process.mmap(process.open("foo", O_RDWR), PAGE, PROT_READ | PROT_WRITE, MAP_SHARED)
    process.poke(mapping, b"new")
    process.msync(mapping, PAGE)
    container.handle.kill()
    container.forget_agent()
    container.start()
    observed = containers.process(container).load("foo")[:3]
    observe("file after restart", observed)
    assert observed == b"new"


@check("mmap/shared-write-on-volume", source="POSIX.1-2017, mmap()", provenance="volume", control=True)
@pytest.mark.slow
@lower(foo=b"old" + bytes(PAGE - 3))
def test_containers_share_a_mapping_of_a_volume(containers, observe):
    """A store into a mapping of a volume's file is seen in another container's mapping of it."""
    first, second = (containers.process(containers.run(), name) for name in "AB")
    mine = first.mmap(first.open("foo", O_RDWR), PAGE, PROT_READ | PROT_WRITE, MAP_SHARED)
    theirs = second.mmap(second.open("foo", O_RDWR), PAGE, PROT_READ | PROT_WRITE, MAP_SHARED)
    first.poke(mine, b"new")
    shown = observe("other container's mapping shows", second.peek(theirs, 3))
    assert shown == b"new"
