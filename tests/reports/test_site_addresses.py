"""Addresses of the site: readable, relative, and one for each id, whatever the id is."""

from __future__ import annotations

import itertools
import re

import hostile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.reports.site import addresses


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (addresses.check("rename/merged-directory"), "check/rename/merged-directory.html"),
        (addresses.driver("overlay2"), "driver/overlay2.html"),
        (addresses.kernels("containerd:overlayfs"), "kernels/containerd~overlayfs.html"),
        (addresses.edition("2026-11-30-evening"), "edition/2026-11-30-evening/index.html"),
        (addresses.comparison("overlay2", "vfs"), "compare/overlay2/vfs.html"),
    ],
)
def test_plain_ids_are_readable(found, expected):
    assert found == expected


@pytest.mark.parametrize("name", ["", ".", "..", "../../etc/passwd", "a//b", "/", ".git", "a\0b", "x" * 5000, "index",
                                  "a" + "/b" * 50, hostile.attack("http://there")], ids=repr)  # fmt: skip
def test_no_id_leaves_its_directory(name):
    """Whatever an id is, its file is a plain name below the site's root, and no hidden one."""
    for found in (addresses.check(name), addresses.driver(name), addresses.edition(name), addresses.benchmark(name)):
        assert re.fullmatch(r"[a-z0-9][a-z0-9.~_-]*(/[a-z0-9][a-z0-9.~_-]*)+", found)
        assert ".." not in found.split("/")
        assert max(map(len, found.split("/"))) < 120
    assert addresses.driver("index") != "driver/index.html"


@given(st.lists(st.text(alphabet="aA.:/_~-é", max_size=6), min_size=2, max_size=2, unique=True))
def test_two_ids_have_two_files(names):
    """No two ids have one file, and no file of one id is the directory of another."""
    one, other = map(addresses.check, names)
    assert one != other
    assert not one.startswith(f"{other}/")


def test_links_are_relative():
    """A link leads from any depth to any other, so that the site works from a file and below any path."""
    places = ["index.html", "driver/vfs.html", "check/rename/merged-directory.html", "edition/2026-11-30/index.html"]
    for one, other in itertools.product(places, places):
        found = addresses.link(one, other)
        assert not found.startswith(("/", "http"))
        parts = [*one.split("/")[:-1], *found.split("/")]
        while ".." in parts:
            at = parts.index("..")
            del parts[at - 1 : at + 1]
        assert "/".join(parts) == other
    assert addresses.link("check/a/b.html", "matrix.html", "row") == "../../matrix.html#row"
