"""What the containers of one image have in memory together."""

from os import O_RDONLY

import pytest

from roadworthy import LAYERS, File, check, lower, needs
from roadworthy.linux import MAP_SHARED, POSIX_FADV_DONTNEED, PROT_READ

SIZE = 4 << 20
PAGES = SIZE // 4096


@check("pagecache/shared-across-containers", claim="S46", source="Docker storage driver documentation")
@needs(LAYERS)
@pytest.mark.slow
@lower(foo=File(b"x" * SIZE))
def test_what_one_container_read_is_cached_for_another(containers, storage, observe):
    """A file of the image that one container has read is in the page cache for another container."""
    first, second = (containers.process(containers.run(), name) for name in "AB")
    storage.backing.used_bytes()  # writes back what the image's loading left, for only clean pages can be dropped
    reader = second.open("foo", O_RDONLY)
    first.fadvise(first.open("foo", O_RDONLY), 0, SIZE, POSIX_FADV_DONTNEED)
    second.fadvise(reader, 0, SIZE, POSIX_FADV_DONTNEED)
    mapping = second.mmap(reader, SIZE, PROT_READ, MAP_SHARED)
    before = second.mincore(mapping, SIZE)
    first.digest("foo")
    resident = second.mincore(mapping, SIZE)
    observe("pages cached for the second", f"{before}, then {resident} of {PAGES}")
    assert resident == PAGES
