"""What files are filled with."""

import bz2

import pytest

from roadworthy.measuring.filler import filler


@pytest.mark.parametrize("size", [0, 1, 100_000, (1 << 20) - 1, 1 << 20, (3 << 20) + 5])
def test_a_filler_has_its_size_and_is_the_same_each_time(size):
    """A longer one begins with a shorter one."""
    assert len(filler(size).content) == size
    assert filler(size) == filler(size)
    assert filler(size + 10).content.startswith(filler(size).content)


def test_no_file_system_compresses_it():
    """Neither a piece nor what is repeated in it: of 64 KiB over and over a 28th was left."""
    content = filler(4 << 20).content
    assert len(bz2.compress(content)) > 0.99 * len(content)
    blocks = [content[at : at + 4096] for at in range(0, len(content), 4096)]
    assert len(set(blocks)) == len(blocks)
