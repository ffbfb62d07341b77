"""A layer's blob as somebody hostile may have made it: it is read, nothing of it is unpacked or followed."""

import gzip
import hashlib
import io
import tarfile
import tracemalloc

import pytest

from roadworthy.store.blob import BlobDamaged, unpacked
from roadworthy.store.findings import Unverifiable
from roadworthy.store.on_disk import file_below
from roadworthy.store.wanted import Inode


def blob(path, *members, packed=False):
    """Write a tar of these headers as a blob: its digest."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    data = gzip.compress(tar.getvalue()) if packed else tar.getvalue()
    path.write_bytes(data)
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def member(name, kind=tarfile.REGTYPE, target="", size=0):
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, target, size
    return made


def read(path, digest):
    return unpacked(path, digest, lambda _: None).layer


HOSTILE = [
    member("../../outside"), member("/absolute"), member("d/../../up"), member("link", tarfile.SYMTYPE, "/etc"),
    member("link/passwd"), member("null", tarfile.CHRTYPE), member("hard", tarfile.LNKTYPE, "../../../etc/passwd"),
    member("n" * 5000), member("a\nb\x1b[31m"),
]  # fmt: skip


def test_F56_names_of_an_archive_lead_nowhere(tmp_path):
    """Names that go up, absolute names, links out and devices are entries of the layer, below its own directory."""
    (tmp_path / "blobs").mkdir()
    found = read(tmp_path / "blobs/it", blob(tmp_path / "blobs/it", *HOSTILE)).entries
    assert {"outside", "absolute", "up", "link", "link/passwd", "null"} <= set(found)
    assert "hard" not in found, "there is nothing in the layer that it links to"
    assert not [path for path in found if path.startswith(("/", "..")) or "/../" in path]
    assert all(isinstance(value, Inode) for value in found.values())
    assert [path.name for path in tmp_path.rglob("*")] == ["blobs", "it"], "nothing is written"


def test_F56_a_layers_link_is_not_followed(tmp_path):
    """A directory of the layer may be a link on the disk that leads out of it: nothing behind it is opened."""
    (tmp_path / "layer").mkdir()
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/passwd").write_text("kept")
    (tmp_path / "layer/link").symlink_to(tmp_path / "precious")
    with pytest.raises(NotADirectoryError), file_below(tmp_path / "layer", "link/passwd"):
        pass


def test_F56_a_bomb_is_read_in_pieces(tmp_path):
    """A blob that grows by the factor of a thousand is read with little memory; twenty thousand entries are read."""
    digest = blob(tmp_path / "it", member("zeroes", size=300 << 20), packed=True)
    assert (tmp_path / "it").stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        assert read(tmp_path / "it", digest).entries["zeroes"].size == 300 << 20
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
    many = [member(f"d/{number}") for number in range(20_000)]
    assert len(read(tmp_path / "it", blob(tmp_path / "it", *many)).entries) == 20_000


@pytest.mark.parametrize("cut", [1, 100, 511])
@pytest.mark.parametrize("packed", [False, True], ids=["tar", "gzip"])
def test_F56_an_archive_that_ends_early_or_is_none_is_told(tmp_path, cut, packed):
    """What is no tar to its end is damage by its digest, or cannot be verified; it is no error of the suite."""
    many = [member(f"{number}") for number in range(1000)]
    digest = blob(tmp_path / "it", *many, packed=packed)
    data = (tmp_path / "it").read_bytes()[:cut]
    (tmp_path / "it").write_bytes(data)
    with pytest.raises(BlobDamaged):
        read(tmp_path / "it", digest)
    for known in (data, b"\x1f\x8b" + data):
        (tmp_path / "it").write_bytes(known)
        with pytest.raises(Unverifiable):
            read(tmp_path / "it", f"sha256:{hashlib.sha256(known).hexdigest()}")
