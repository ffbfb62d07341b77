"""aufs: where its branches are read, and what a kernel without it hears."""

from types import SimpleNamespace

import pytest

from roadworthy.drivers.aufs import Aufs
from roadworthy.machines.host import Host

ROOT = "96 40 0:47 / / rw,relatime - aufs none rw,si=93be833851ea5b1c,dio,dirperm1"


@pytest.fixture
def engine(tmp_path):
    """An engine whose place has a sysfs with one aufs mount of twelve branches."""
    directory = tmp_path / "sys/fs/aufs/si_93be833851ea5b1c"
    directory.mkdir(parents=True)
    for number in range(12):
        (directory / f"br{number}").write_text(f"/m/diff/{number}={'rw' if number == 0 else 'ro+wh'}\n")
        (directory / f"brid{number}").write_text(f"{number + 64}\n")
    return SimpleNamespace(place=SimpleNamespace(path=lambda inside: tmp_path / inside.lstrip("/")))


def test_branches_are_those_of_the_mount(engine):
    """The lower directories are the read-only branches, the highest first, by number and not by name."""
    assert Aufs().lower_directories(engine, ROOT, {}) == [f"/m/diff/{number}" for number in range(1, 12)]


def test_a_mount_that_shows_no_number_has_no_branches(engine):
    """Another mount's branches are not taken for this one's."""
    assert Aufs().lower_directories(engine, ROOT.replace("si=93be833851ea5b1c,", ""), {}) == []
    assert Aufs().lower_directories(engine, ROOT.replace("si=9", "si=8"), {}) == []


def test_a_kernel_without_it_hears_how_to_get_one(tmp_path):
    """The reason is one line that says what to give the suite."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/filesystems").write_text("\text4\n")
    (need,) = Aufs().requirements(Host(tmp_path))
    assert not need.met
    assert need.reason.startswith("needs the aufs file system: this kernel")
    assert "--kernel" in need.reason
    assert "\n" not in need.reason
