"""The reader of containerd's databases, on a file that is laid out as bbolt lays it out."""

import struct

import pytest

from roadworthy.store.bolt import BRANCH, BUCKET, LEAF, MAGIC, Bucket, NotReadable, database, fnv

SIZE = 4096


def page(number, kind, count, body):
    return struct.pack("<QHHI", number, kind, count, 0) + body


def leaf(number, rows):
    """A page of keys with values; a value that is a pair is a bucket: its flag, and what it holds."""
    heads, data = b"", b""
    for place, (key, value) in enumerate(rows):
        flags, value = value if isinstance(value, tuple) else (0, value)
        begin = 16 * (len(rows) - place) + len(data)
        heads += struct.pack("<IIII", flags, begin, len(key), len(value))
        data += key + value
    return page(number, LEAF, len(rows), heads + data)


def branch(number, rows):
    heads, data = b"", b""
    for place, (key, child) in enumerate(rows):
        heads += struct.pack("<IIQ", 16 * (len(rows) - place) + len(data), len(key), child)
        data += key
    return page(number, BRANCH, len(rows), heads + data)


def meta(number, counter, root):
    body = struct.pack("<IIIIQQQQQ", MAGIC, 2, SIZE, 0, root, 0, 0, 9, counter)
    return page(number, 4, 0, body + struct.pack("<Q", fnv(body)))


def inline(rows):
    """A bucket that is small enough to lie in its parent's page."""
    return BUCKET, struct.pack("<QQ", 0, 0) + leaf(0, rows)


def file(*pages):
    return b"".join(one.ljust(SIZE, b"\0") for one in pages)


@pytest.fixture
def image():
    """Two meta pages of which the second is newer, a branch over two leaves, and a bucket with a page of its own."""
    small = inline([(b"id", b"\x05"), (b"kind", b"\x03")])
    return file(
        meta(0, 6, 7), meta(1, 7, 2), branch(2, [(b"a", 3), (b"n", 4)]), leaf(3, [(b"a", b"1"), (b"b", small)]),
        leaf(4, [(b"n", (BUCKET, struct.pack("<QQ", 5, 0)))]), leaf(5, [(b"deep", b"2")]),
    )  # fmt: skip


def test_the_newer_transaction_is_read(image):
    """Values, buckets in the page and buckets of their own pages, in the order of their keys."""
    top = database(lambda: image)
    assert [key for key, _ in top.items()] == [b"a", b"b", b"n"]
    assert (top.value("a"), top.value("nothing")) == (b"1", b"")
    assert isinstance(top.bucket("b"), Bucket)
    assert top.bucket("b").value("kind") == b"\x03"
    assert top.bucket("n").value("deep") == b"2"
    assert top.bucket("n", "deep") is None


def test_a_torn_meta_page_leaves_the_older_transaction(image):
    """Its checksum is wrong, as after a crash in the middle of it."""
    older = meta(0, 6, 3).ljust(SIZE, b"\0")
    torn = bytearray(older + image[SIZE:])
    torn[SIZE + 40] ^= 1
    assert [key for key, _ in database(lambda: bytes(torn)).items()] == [b"a", b"b"]


def test_a_file_that_is_written_to_is_read_again(image):
    """Only what one transaction has left is taken."""
    answers = [file(meta(0, 8, 3)) + image[SIZE:], image, image, image]
    assert database(lambda: answers.pop(0)).value("a") == b"1"
    assert answers == []


@pytest.mark.parametrize("data", [b"", bytes(SIZE * 4), b"text"], ids=["empty", "zeroes", "text"])
def test_what_is_no_database_is_refused(data):
    with pytest.raises(NotReadable):
        database(lambda: data)


def test_pages_that_make_no_tree_are_refused(image):
    broken = image[: SIZE * 2] + bytes(SIZE * 4)
    with pytest.raises(NotReadable):
        list(database(lambda: broken[: SIZE * 2] + page(2, BRANCH, 1, struct.pack("<IIQ", 16, 0, 99))).items())
    assert list(database(lambda: broken).items()) == []
