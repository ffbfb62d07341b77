"""A reader of bbolt's databases, in which containerd keeps what it knows: it takes no lock and writes nothing.

A file is a tree of pages. A transaction writes pages that nobody refers to, and then one of two meta pages, which has a
checksum and a counter. What was read while the counter stayed as it is belongs together. See go.etcd.io/bbolt.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MAGIC = 0xED0CDAED
BRANCH, LEAF = 0x01, 0x02
BUCKET = 0x01
HEADER, ELEMENT = 16, 16
PAGE, META = struct.Struct("<QHHI"), struct.Struct("<IIIIQQQQQ")
ATTEMPTS = 20


class NotReadable(Exception):
    """A database cannot be read; the text says what is wrong with it."""


@dataclass(frozen=True)
class Bucket:
    """A bucket of a database: values and buckets by key."""

    _data: bytes
    _page_size: int
    _root: int
    _inline: bytes = b""

    def items(self) -> Iterator[tuple[bytes, bytes | Bucket]]:
        """All keys in their order, each with its value or bucket. Raises NotReadable."""
        try:
            yield from self._items(self._inline or self._page(self._root))
        except (struct.error, IndexError, RecursionError) as reason:
            raise NotReadable(f"its pages make no tree: {reason}") from None

    def _page(self, number: int) -> bytes:
        begin = number * self._page_size
        overflow = PAGE.unpack_from(self._data, begin)[3]
        return self._data[begin : begin + (overflow + 1) * self._page_size]

    def _items(self, page: bytes) -> Iterator[tuple[bytes, bytes | Bucket]]:
        _, kind, count, _ = PAGE.unpack_from(page)
        for at in range(HEADER, HEADER + count * ELEMENT, ELEMENT):
            if kind & BRANCH:
                _, _, child = struct.unpack_from("<IIQ", page, at)
                yield from self._items(self._page(child))
                continue
            if not kind & LEAF:
                raise NotReadable("a page of it is neither a branch nor a leaf")
            flags, begin, key_size, size = struct.unpack_from("<IIII", page, at)
            key = page[at + begin : at + begin + key_size]
            value = page[at + begin + key_size : at + begin + key_size + size]
            if flags & BUCKET:
                root, _ = struct.unpack_from("<QQ", value)
                yield key, Bucket(self._data, self._page_size, root, b"" if root else value[16:])
            else:
                yield key, value

    def bucket(self, *keys: str) -> Bucket | None:
        """The bucket that these keys lead to, or None."""
        found: Bucket = self
        for key in keys:
            below = next((value for name, value in found.items() if name == key.encode()), None)
            if not isinstance(below, Bucket):
                return None
            found = below
        return found

    def value(self, key: str) -> bytes:
        """The value of a key; empty if there is none."""
        found = next((value for name, value in self.items() if name == key.encode()), b"")
        return found if isinstance(found, bytes) else b""


def database(read: Callable[[], bytes]) -> Bucket:
    """The top of a database whose file `read` reads, as one of its transactions has left it. Raises NotReadable."""
    for _ in range(ATTEMPTS):
        data = read()
        before, after = newest(data), newest(read())
        if before == after:
            return Bucket(data, before[1], before[2])
    raise NotReadable("it is written to all the time")


def newest(data: bytes) -> tuple[int, int, int]:
    """The counter, the page size, and the root's page of the newer meta page. Raises NotReadable."""
    if not data:
        raise NotReadable("it is empty")
    found = []
    sizes = {4096, struct.unpack_from("<I", data, HEADER + 8)[0]} if len(data) >= 4096 else set()
    for begin in {0, *sizes}:
        if len(data) < begin + HEADER + META.size + 8:
            continue
        magic, version, size, _, root, _, _, _, counter = META.unpack_from(data, begin + HEADER)
        (checksum,) = struct.unpack_from("<Q", data, begin + HEADER + META.size)
        if (magic, version) == (MAGIC, 2) and checksum == fnv(data[begin + HEADER : begin + HEADER + META.size]):
            found.append((counter, size, root))
    if not found:
        raise NotReadable("it has no valid meta page")
    return max(found)


def fnv(data: bytes) -> int:
    """FNV-1a of 64 bits."""
    found = 0xCBF29CE484222325
    for byte in data:
        found = (found ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return found
