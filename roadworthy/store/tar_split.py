"""What Docker's layer store keeps of a layer's tar: all its bytes but the content of files, with a checksum for each.

`tar-split.json.gz` is a list of JSON objects: segments of the tar (headers and padding), and between them the files,
whose content lies in the layer's directory. Put together they are the tar, whose SHA-256 is the layer's diff id. See
github.com/vbatts/tar-split, tar/storage.
"""

from __future__ import annotations

import base64
import bisect
import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roadworthy.store.wanted import Layer, cleaned

FILE, SEGMENT = 1, 2


class RecordDamaged(Exception):
    """A record of the engine cannot be read; the text says what is wrong with it."""


@dataclass(frozen=True)
class Piece:
    """A segment of the tar, or a file: its path, its size, and the CRC-64 of its content."""

    segment: bytes = b""
    path: str = ""
    size: int = 0
    checksum: bytes = b""

    @property
    def length(self) -> int:
        return len(self.segment) or self.size


def pieces_of(record: Path) -> list[Piece]:
    """The pieces of a tar, in order. Raises RecordDamaged."""
    try:
        with gzip.open(record) as lines:
            pieces = [piece(line) for line in lines]
        if not record.stat().st_size:  # which gzip takes for a file of nothing
            raise EOFError
        return pieces
    except FileNotFoundError:
        raise RecordDamaged("it is not there") from None
    except (EOFError, zlib.error, gzip.BadGzipFile, ValueError, KeyError, TypeError) as reason:
        size = record.stat().st_size
        raise RecordDamaged("it is empty" if not size else f"its {size} bytes cannot be read: {reason}") from None
    except OSError as reason:
        raise RecordDamaged(f"it cannot be read: {reason.strerror or reason}") from None


def piece(line: bytes) -> Piece:
    said = json.loads(line)
    payload = base64.b64decode(said.get("payload") or "")
    if said["type"] == SEGMENT:
        return Piece(segment=payload)
    raw = base64.b64decode(said["name_raw"]) if "name_raw" in said else said["name"].encode()
    return Piece(path=cleaned(raw.decode("utf-8", "surrogateescape")), size=said.get("size", 0), checksum=payload)


def layer_of(pieces: list[Piece]) -> Layer:
    """What the headers of a tar say; a file's digest is its CRC-64. Raises RecordDamaged."""
    checksums = {one.path: one.checksum for one in pieces if not one.segment}
    layer = Layer()
    try:
        for header in headers(pieces):
            layer.add(header, ("crc64", checksums.get(cleaned(header.name), b"") if header.size else b""))
    except (tarfile.TarError, ValueError, OverflowError) as reason:
        raise RecordDamaged(f"its headers make no tar: {reason}") from None
    return layer


def headers(pieces: list[Piece]) -> Iterator[tarfile.TarInfo]:
    if not any(one.length for one in pieces):
        return
    with tarfile.open(fileobj=WithoutContent(pieces), mode="r:", encoding="utf-8", errors="surrogateescape") as tar:
        yield from tar


class WithoutContent(io.RawIOBase):
    """A tar that can be read and sought in, with zeroes for the content of its files."""

    def __init__(self, pieces: list[Piece]) -> None:
        self._pieces = [one for one in pieces if one.length]
        self._begins = [0]
        for one in self._pieces:
            self._begins.append(self._begins[-1] + one.length)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._begins[-1])[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._begins[-1] if size < 0 else min(self._begins[-1], self._at + size)
        found = []
        while self._at < end:
            number = bisect.bisect_right(self._begins, self._at) - 1
            one, begin = self._pieces[number], self._begins[number]
            until = min(end, self._begins[number + 1])
            found.append(one.segment[self._at - begin : until - begin] if one.segment else bytes(until - self._at))
            self._at = until
        return b"".join(found)
