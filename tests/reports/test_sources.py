"""Addresses of sources: every recorded deviation has one, and each kind of source leads to the right place."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from roadworthy.reports.sources import addresses, linked

ROOT = Path(__file__).parents[2]
RECORDED = [path.read_text() for path in sorted((ROOT / "conformance/deviations").glob("*.toml"))]


def entries():
    """The tables of all recorded deviations; a check has one, or a list of them."""
    for text in RECORDED:
        for found in tomllib.loads(text).values():
            yield from found if isinstance(found, list) else [found]


SOURCES = sorted({entry["source"] for entry in entries()})

LINUX = "https://github.com/torvalds/linux"
MOBY = "https://github.com/moby/moby"


def test_every_recorded_source_has_an_address():
    """Whoever reads why a promise breaks can go and read it where it is written, without searching."""
    assert len(SOURCES) > 150
    assert [source for source in SOURCES if not addresses(source)] == []
    found = {address for source in SOURCES for address in addresses(source)}
    assert [address for address in found if not re.fullmatch(r"https://[a-z0-9.-]+/[\w./?=#~+-]*", address)] == []


def test_links_leave_the_words_of_a_source_as_they_are():
    """What is shown is the source, word by word."""
    for source in SOURCES:
        assert "".join(text for text, _ in linked(source)) == source


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("moby/moby#19647", [f"{MOBY}/issues/19647"]),
        ("moby/moby#35699 and #43882", [f"{MOBY}/issues/35699", f"{MOBY}/issues/43882"]),
        ("moby issues 36135, 41190 and 49784", [f"{MOBY}/issues/{number}" for number in (36135, 41190, 49784)]),
        ("containerd issue 14164 and PR 14167", ["https://github.com/containerd/containerd/issues/14164",
                                                 "https://github.com/containerd/containerd/pull/14167"]),
        ("Linux fs/super.c, alloc_super(), and fs/attr.c", [f"{LINUX}/blob/v6.12/fs/super.c",
                                                            f"{LINUX}/blob/v6.12/fs/attr.c"]),
        ("Linux 5.10 mm/mmap.c, VM_DENYWRITE", [f"{LINUX}/blob/v5.10/mm/mmap.c"]),
        ("Linux commit 3efdc78fdc21 (6.8), fs/proc: show", [f"{LINUX}/commit/3efdc78fdc21"]),
        ("Linux Documentation/filesystems/overlayfs.rst, index",
         ["https://www.kernel.org/doc/html/v6.12/filesystems/overlayfs.html"]),
        ("moby daemon/graphdriver/vfs/driver.go, btrfs/btrfs.go, Status",
         [f"{MOBY}/blob/v20.10.24/daemon/graphdriver/vfs/driver.go"]),
        ("moby daemon/containerd/service.go, Usage", [f"{MOBY}/blob/v28.5.2/daemon/containerd/service.go"]),
        ("containers/fuse-overlayfs main.c; issue 351", ["https://github.com/containers/fuse-overlayfs/blob/v1.10/main.c",
                                                         "https://github.com/containers/fuse-overlayfs/issues/351"]),
        ("fsync(2), directories; mount.fuse3(8)", ["https://man7.org/linux/man-pages/man2/fsync.2.html",
                                                   "https://github.com/libfuse/libfuse/blob/fuse-3.14.0/doc/mount.fuse3.8"]),
        ("Docker documentation, Use the VFS storage driver",
         ["https://docs.docker.com/engine/storage/drivers/vfs-driver/"]),
        ("measured with Podman 4.3", ["https://github.com/containers/podman/tree/v4.3.1"]),
        ("defaultThinpBlockSize: 128 sectors, 4096 bytes of 2026", []),
        ("rename(), unlink(); chmod 0644", []),
        ("see https://example.org/a.", ["https://example.org/a"]),
        ("javascript:alert(1)", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_source_leads_to_where_it_is_written(source, found):
    """Files of a release, documents, man pages, commits, issues; what only looks like one of these is text."""
    assert addresses(source) == found
