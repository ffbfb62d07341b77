"""Kernel series in package lists: which packages are kernels, which is the newest, and how often lists are read."""

from contextlib import contextmanager

import pytest

from roadworthy.supplies import kernel_lists
from roadworthy.supplies.apt import AptFailed
from roadworthy.supplies.cache import Cache
from roadworthy.supplies.kernel_lists import Listed, all_series, carried, last_listed, of_series

NAMES = [
    "linux-image-6.1.0-9-amd64", "linux-image-6.1.0-57-amd64", "linux-image-6.1.0-57-amd64-unsigned",
    "linux-image-6.1.0-57-amd64-dbg", "linux-image-6.1.0-57-cloud-amd64", "linux-image-6.1.0-57-rt-amd64",
    "linux-image-6.16.3+deb13-amd64", "linux-image-6.16.12+deb13-amd64", "linux-image-7.3-amd64",
    "linux-image-amd64", "linux-image-cloud-amd64", "linux-image-amd64-signed-template",
]  # fmt: skip
#: The function itself: tests otherwise get lists of one day in its place.
LISTED = kernel_lists.listed


class FakeLists:
    """apt whose lists have these names, for one suite."""

    def __init__(self, suite, names):
        self.suite, self._names = suite, names

    def names(self, prefix):
        return [name for name in self._names if name.startswith(prefix)]


@pytest.fixture
def read(monkeypatch):
    """Suites whose lists were read. Only two of them exist."""
    asked = []

    @contextmanager
    def fake(suite, accept_expired, within):
        asked.append(suite)
        if suite not in ("bookworm", "trixie-backports"):
            raise AptFailed(f"the package lists of {suite} cannot be read: no mirror has it")
        yield FakeLists(suite, NAMES if suite == "bookworm" else ["linux-image-7.3.4+deb13-amd64"])

    monkeypatch.setattr(kernel_lists, "apt", fake)
    return asked


def test_the_newest_package_of_each_series_and_flavour():
    """By number and not by letter, and by the number of the binary interface too."""
    found = {(one.series, one.flavour): one.package for one in carried(FakeLists("bookworm", NAMES))}
    assert found == {
        ("6.1", ""): "linux-image-6.1.0-57-amd64",
        ("6.1", "cloud-"): "linux-image-6.1.0-57-cloud-amd64",
        ("6.16", ""): "linux-image-6.16.12+deb13-amd64",
        ("7.3", ""): "linux-image-7.3-amd64",
    }


def test_lists_are_read_once_a_day(tmp_path, read):
    """Suites that no mirror has are left out."""
    cache = Cache(tmp_path)
    assert last_listed(cache) == []
    found = LISTED(cache)
    assert read == list(kernel_lists.SUITES)
    assert [one.suite for one in of_series(found, "7.3", "")] == ["bookworm", "trixie-backports"]
    assert all_series(found) == ["6.1", "6.16", "7.3"]
    assert LISTED(cache) == found == last_listed(cache)
    assert read == list(kernel_lists.SUITES)


def test_lists_of_which_none_can_be_read(tmp_path, monkeypatch, read):
    """The first refusal is told, and nothing is kept, so that the next call reads again."""
    monkeypatch.setattr(kernel_lists, "SUITES", ("sid", "experimental"))
    with pytest.raises(AptFailed, match="the package lists of sid cannot be read"):
        LISTED(Cache(tmp_path))
    assert last_listed(Cache(tmp_path)) == []


def test_a_kernel_is_told_from_what_only_sounds_like_one():
    """A metapackage, one without signature, with debugging symbols, and the real-time flavour."""
    assert list(carried(FakeLists("sid", [name for name in NAMES if "6.1" not in name]))) == [
        Listed("7.3", "", "linux-image-7.3-amd64", "7.3", "sid")
    ]
