"""docs/example has editions of real runs, small, and nothing in them that a page would not publish."""

import io
import json
import tarfile

import pytest
import sample
from example import archives, pack, unpack, unpack_all

from roadworthy.reports.bundle import FILE_NAME, read_bundle
from roadworthy.reports.published import published
from roadworthy.reports.redaction import Redaction

LARGEST = 10 << 20


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """The bundles of each edition of the example, by its name."""
    place = tmp_path_factory.mktemp("example")
    unpack_all(place)
    return {edition.name: [read_bundle(file) for file in sorted(edition.rglob(FILE_NAME))]
            for edition in sorted(place.iterdir()) if edition.is_dir()}  # fmt: skip


def test_the_example_is_small():
    """It is cloned by everybody."""
    assert archives()
    assert sum(archive.stat().st_size for archive in archives()) <= LARGEST


def test_the_example_has_many_lanes(bundles):
    """Of real runs, at least fifteen that gave verdicts in each edition."""
    for own in bundles.values():
        assert len({result.lane for bundle in own for result in bundle.results}) >= 15


def test_nothing_of_the_example_is_private(bundles):
    """What a page would publish of it is all that it has."""
    redact = Redaction()
    for own in bundles.values():
        for bundle in own:
            assert published(bundle, redact) == bundle


def test_packing_publishes_and_makes_the_same_bytes(tmp_path):
    """Facts that no page shows do not get into an archive, nor names to be hidden; nor does what cannot be read."""
    place = sample.write(tmp_path / "2026-11-30" / "host" / "deep", sample.records())
    records = [json.loads(line) for line in (place / FILE_NAME).read_text().splitlines()]
    for record in records:
        if record["type"] == "lane":
            record["facts"]["host"] = {"name": "s3cr3t"}
        if record["type"] == "result":
            record["reason"] = "on build77"
    (place / FILE_NAME).write_text("".join(json.dumps(record) + "\n" for record in records))
    (tmp_path / "2026-11-30" / "broken").mkdir()
    (tmp_path / "2026-11-30" / "broken" / FILE_NAME).write_text("{}\n")
    archive = pack(tmp_path / "2026-11-30", ["build77"])
    assert archive == pack(tmp_path / "2026-11-30", ["build77"])
    (tmp_path / "a.tar.xz").write_bytes(archive)
    unpack(tmp_path / "a.tar.xz", tmp_path / "out")
    (file,) = (tmp_path / "out").rglob(FILE_NAME)
    assert file == tmp_path / "out" / "host" / "deep" / FILE_NAME
    assert "s3cr3t" not in file.read_text()
    assert "build77" not in file.read_text()
    bundle = read_bundle(file)
    assert (bundle.troubles, len(bundle.results)) == ((), len(read_bundle(place).results))


@pytest.mark.parametrize("name", ["../bundle.jsonl", "/bundle.jsonl", "a/../../bundle.jsonl", "a/other.json"])
def test_an_archive_writes_nothing_else(tmp_path, name):
    """Only bundles below its own directory."""
    with tarfile.open(tmp_path / "a.tar.xz", "w:xz") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(ValueError, match="is no bundle"):
        unpack(tmp_path / "a.tar.xz", tmp_path / "out")
    assert not (tmp_path / "out").exists()
