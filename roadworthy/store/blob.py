"""A layer's blob in containerd's content store: its tar, its two digests, and what its layer has to hold."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from roadworthy.programs import ENVIRONMENT, tied
from roadworthy.store.findings import Unverifiable
from roadworthy.store.on_disk import opened
from roadworthy.store.wanted import Layer
from roadworthy.supplies.packages import needs

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
AT_ONCE = 1 << 20


class BlobDamaged(Exception):
    """A blob is not what its digest says; the text says how."""


@dataclass(frozen=True)
class Unpacked:
    """What a blob says: a layer's entries with the digest of each file, and the digest of the tar."""

    layer: Layer
    diff_id: str


class Hashed(io.RawIOBase):
    """Reads from another file, and takes the digest of what was read."""

    def __init__(self, source: IO[bytes], say: Callable[[int], None] = lambda _: None) -> None:
        self._source, self._say = source, say
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        found = self._source.read(size)
        self.digest.update(found)
        self._say(len(found))
        return found

    def drain(self) -> None:
        """Read to the end."""
        while self.read(AT_ONCE):
            pass


def unpacked(blob: Path, digest: str, say: Callable[[int], None]) -> Unpacked:
    """Read a blob to its end. Raises BlobDamaged, Unverifiable, OSError."""
    with opened(str(blob)) as descriptor, open(descriptor, "rb", closefd=False) as file:
        packed = Hashed(file, say)
        start = os.pread(descriptor, 4, 0)
        layer = Layer()
        wrong = ""
        with plain(packed, file, start) as stream:
            tar = Hashed(stream)
            try:
                for header, member in members(tar):
                    own = hashlib.sha256()
                    while member is not None and (piece := member.read(AT_ONCE)):
                        own.update(piece)
                    layer.add(header, ("sha256", own.digest()))
                tar.drain()
            except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, ValueError, OverflowError) as reason:
                wrong = str(reason)
        packed.drain()
    if (found := f"sha256:{packed.digest.hexdigest()}") != digest:
        size = blob.stat().st_size
        raise BlobDamaged("it is empty" if not size else f"the digest of its {size} bytes is {found}")
    if wrong:
        raise Unverifiable(f"its blob is no tar that can be read here: {wrong}")
    return Unpacked(layer, f"sha256:{tar.digest.hexdigest()}")


def members(stream: Hashed) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    with tarfile.open(fileobj=stream, mode="r|", encoding="utf-8", errors="surrogateescape") as tar:
        for header in tar:
            yield header, tar.extractfile(header) if header.isreg() else None
            tar.members = []  # type: ignore[attr-defined]  # or it would keep them all


@contextmanager
def plain(packed: Hashed, file: IO[bytes], start: bytes) -> Iterator[IO[bytes]]:
    """Yield what a blob is without its compression."""
    if start.startswith(GZIP):
        yield gzip.GzipFile(fileobj=packed)  # type: ignore[misc]
    elif start != ZSTD:
        yield packed  # type: ignore[misc]
    elif not shutil.which("zstd", path=ENVIRONMENT["PATH"]):
        raise Unverifiable(f"its blob is compressed; {needs('zstd')}")
    else:
        words = ["zstd", "--decompress", "--stdout", "--quiet"]
        with subprocess.Popen(tied(words), stdin=file, stdout=subprocess.PIPE, env=ENVIRONMENT) as program:
            assert program.stdout is not None
            yield program.stdout
        file.seek(0)
