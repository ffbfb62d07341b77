"""Blocks of deleted files go back to the device below."""

import pytest

from roadworthy import check

MIB = 1 << 20


@pytest.mark.slow
@check("dura/discard", source="fstrim(8); unlink(2)")
def test_blocks_of_a_deleted_file_are_given_back(containers, storage, observe):
    """fstrim gives the blocks of a file that a container has deleted back to the device."""
    fs = containers.process(containers.run())
    fs.store("f", bytes(range(256)) * (32 << 10))
    storage.backing.trim()
    fs.unlink("f")
    returned = storage.given_back(8 * MIB)
    observe("given back", f"{returned / MIB:.0f} MiB")
    assert returned >= 8 * MIB
