"""Docker's record of a layer's tar: its pieces are the tar, and its headers are read without the content."""

import base64
import gzip
import io
import json
import tarfile

import pytest

from roadworthy.store.crc64 import Crc64
from roadworthy.store.tar_split import RecordDamaged, layer_of, pieces_of
from roadworthy.trees.layers import Directory, File, Hardlink, Whiteout, entry, layer_tar


def recorded(tar, path):
    """Write the record of a tar as Docker does."""
    lines, at = [], 0

    def add(kind, **values):
        lines.append(json.dumps({"type": kind, **values, "position": len(lines)}) + "\n")

    with tarfile.open(fileobj=io.BytesIO(tar), errors="surrogateescape") as headers:
        for header in headers:
            add(2, payload=base64.b64encode(tar[at : header.offset_data]).decode())
            size = header.size if header.isreg() else 0
            raw = header.name.encode("utf-8", "surrogateescape")
            named = {"name": header.name} if raw.isascii() else {"name_raw": base64.b64encode(raw).decode()}
            checksum = Crc64()
            checksum.update(tar[header.offset_data : header.offset_data + size])
            add(1, **named, size=size, payload=base64.b64encode(checksum.digest()).decode() if size else None)
            at = header.offset_data + size
    add(2, payload=base64.b64encode(tar[at:]).decode())
    path.write_bytes(gzip.compress("".join(lines).encode()))


@pytest.fixture
def record(tmp_path):
    return tmp_path / "tar-split.json.gz"


TREE = {
    "d": Directory(mode=0o1777), "d/f": File(content=b"1" * 5000, mode=0o600), "l": Hardlink(target="d/f"),
    "d/gone": Whiteout(), "\udcff": b"raw", "empty": b"", "long" * 60: b"1",
}  # fmt: skip


def test_headers_are_read_without_content(record):
    """Sizes, modes and checksums of all entries, whatever lies between the headers."""
    recorded(layer_tar({path: entry(value) for path, value in TREE.items()}), record)
    found = layer_of(pieces_of(record)).entries
    assert set(found) == set(TREE)
    assert (found["d/f"].size, found["d/f"].modes) == (5000, {0o600})
    assert found["l"] is found["d/f"]
    checksum = Crc64()
    checksum.update(b"1" * 5000)
    assert found["d/f"].digest == ("crc64", checksum.digest())
    assert found["empty"].digest == ("crc64", b"")


def test_pieces_with_the_content_are_the_tar(record):
    tar = layer_tar({path: entry(value) for path, value in TREE.items()})
    recorded(tar, record)
    contents = {"d/f": b"1" * 5000, "\udcff": b"raw", "long" * 60: b"1"}
    assert b"".join(one.segment or contents.get(one.path, b"") for one in pieces_of(record)) == tar


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: b"", "it is empty"), (lambda data: data[: len(data) // 2], "cannot be read"),
        (lambda data: bytes(len(data)), "cannot be read"), (lambda data: gzip.compress(b"no JSON\n"), "cannot be read"),
    ],
    ids=["empty", "cut short", "zeroed", "of something else"],
)  # fmt: skip
def test_a_damaged_record_says_what_is_wrong(record, damage, said):
    recorded(layer_tar({path: entry(value) for path, value in TREE.items()}), record)
    record.write_bytes(damage(record.read_bytes()))
    with pytest.raises(RecordDamaged, match=said):
        pieces_of(record)


def test_a_record_that_is_gone(record):
    with pytest.raises(RecordDamaged, match="not there"):
        pieces_of(record)
