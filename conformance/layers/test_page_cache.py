"""The pages that the containers of one image share in the page cache."""

from os import O_RDONLY, O_RDWR

import pytest

from roadworthy import LAYERS, SHARED_PAGE_CACHE, File, check, lower, needs
from roadworthy.linux import MAP_SHARED, POSIX_FADV_DONTNEED, PROT_READ

SIZE = 4 << 20
PAGES = SIZE // 4096


@check("pagecache/shared-across-containers", source="Docker storage driver documentation")
@needs(LAYERS)
@pytest.mark.slow
@lower(foo=File(b"x" * SIZE))
def test_what_one_container_read_is_cached_for_another(containers, storage, observe):
    """A file of the image that one container has read is in the page cache for another, which had none of it before."""
    first, second = (containers.process(containers.run(), name) for name in "AB")
    storage.backing.settle()  # writes back the loaded image, because only clean pages can be dropped
    reader = second.open("foo", O_RDONLY)
    first.fadvise(first.open("foo", O_RDONLY), 0, SIZE, POSIX_FADV_DONTNEED)
    second.fadvise(reader, 0, SIZE, POSIX_FADV_DONTNEED)
    mapping = second.mmap(reader, SIZE, PROT_READ, MAP_SHARED)
    before = second.mincore(mapping, SIZE)
    first.digest("foo")
    resident = second.mincore(mapping, SIZE)
    observe("pages cached for the second", f"{before}, then {resident} of {PAGES}")
    assert (before, resident) == (0, PAGES)


@check("pagecache/after-copyup", source="Docker storage driver documentation")
@needs(SHARED_PAGE_CACHE)
@pytest.mark.slow
@lower(foo=File(b"x" * SIZE))
def test_containers_share_on_after_another_wrote(containers, storage, observe):
    """A file of the image is cached once for two containers, also after a third one changed its own copy of it."""
    first, second, writer = (containers.process(containers.run(), name) for name in "ABC")
    writer.pwrite(writer.open("foo", O_RDWR), b"y" * SIZE, 0)
    storage.backing.settle()  # writes back the loaded image, because only clean pages can be dropped
    reader = second.open("foo", O_RDONLY)
    first.fadvise(first.open("foo", O_RDONLY), 0, SIZE, POSIX_FADV_DONTNEED)
    second.fadvise(reader, 0, SIZE, POSIX_FADV_DONTNEED)
    mapping = second.mmap(reader, SIZE, PROT_READ, MAP_SHARED)
    before = second.mincore(mapping, SIZE)
    first.digest("foo")
    resident = second.mincore(mapping, SIZE)
    observe("pages cached for the second", f"{before}, then {resident} of {PAGES}")
    assert (before, resident) == (0, PAGES)
    assert (second.peek(mapping, 1), writer.pread(writer.open("foo", O_RDONLY), 1, 0)) == (b"x", b"y")
