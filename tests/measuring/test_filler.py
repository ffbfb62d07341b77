"""What files are filled with."""

from roadworthy.measuring.filler import filler


def test_a_filler_has_its_size_and_is_not_empty():
    """No file system stores it as a hole."""
    content = filler(100_000).content
    assert len(content) == 100_000
    assert len(set(content[:65536])) > 200
    assert b"\0" * 64 not in content
