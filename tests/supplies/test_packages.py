"""Which package has a program, and what a user of each distribution is told to type."""

import platform
import re
import subprocess
from pathlib import Path

import pytest

from roadworthy.calls.toolbox import PROGRAMS
from roadworthy.engines import KINDS
from roadworthy.machines.backing import BACKING_TYPES
from roadworthy.machines.host import Host
from roadworthy.supplies import packages
from roadworthy.supplies.packages import INSTALL, PACKAGES, needs

ROOT = Path(__file__).parents[2]


@pytest.fixture
def on(monkeypatch):
    """Be on a distribution, by its os-release(5)."""

    def on(**release):
        packages.distribution.cache_clear()
        monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)

    yield on
    packages.distribution.cache_clear()


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ({"ID": "debian"}, "needs dockerd and mkfs.xfs: apt-get install docker.io xfsprogs"),
        (
            {"ID": "linuxmint", "ID_LIKE": "ubuntu debian"},
            "needs dockerd and mkfs.xfs: apt-get install docker.io xfsprogs",
        ),
        ({"ID": "fedora"}, "needs dockerd and mkfs.xfs: dnf install moby-engine xfsprogs"),
        (
            {"ID": "rocky", "ID_LIKE": "rhel centos fedora"},
            "needs dockerd and mkfs.xfs: dnf install moby-engine xfsprogs",
        ),
        ({"ID": "arch"}, "needs dockerd and mkfs.xfs: pacman -S docker xfsprogs"),
        ({"ID": "alpine"}, "needs dockerd and mkfs.xfs: apk add docker-engine xfsprogs"),
        (
            {"ID": "nixos"},
            "needs dockerd and mkfs.xfs: install dockerd and mkfs.xfs (dockerd is in Debian's docker.io, "
            "mkfs.xfs is in Debian's xfsprogs)",
        ),
    ],
    ids=lambda value: value["ID"] if isinstance(value, dict) else "",
)
def test_each_distribution_has_names_of_its_own(on, release, said):
    """One sentence names all that is missing, and one command installs it."""
    on(**release)
    assert needs("dockerd", "mkfs.xfs") == said


def test_what_a_distribution_has_no_package_of_is_said_apart(on):
    """The rest can be installed all the same; the user knows what to look for."""
    on(ID="fedora")
    assert needs("fio", "zfs", "qemu-storage-daemon") == (
        "needs fio, zfs and qemu-storage-daemon: dnf install fio qemu-img, "
        "and install zfs (zfs is in Debian's zfsutils-linux)"
    )


def test_a_host_without_a_name_is_told_what_is_missing(on, monkeypatch):
    """os-release(5) is missing in some containers."""
    on()
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: (_ for _ in ()).throw(OSError))
    assert needs("fio") == "needs fio: install fio (fio is in Debian's fio)"


def test_packages_of_one_program_are_installed_once(on):
    on(ID="debian")
    assert needs("mv", "cp") == "needs mv and cp: apt-get install coreutils"


def test_every_program_that_lanes_ask_for_is_in_the_table():
    """A driver, an engine or a backing names programs; what is not in the table would be installed by its own name."""
    asked = [*PROGRAMS, *Host.calls, *(name for kind in KINDS.values() for name in kind.programs)]
    asked += [kind.mkfs[0] for kind in BACKING_TYPES.values() if kind.mkfs]
    words = re.compile(r'\b(?:machine|host)\.command\("([^"]+)"\)|\bneeds\("([^"]+)"\)')
    for path in sorted((ROOT / "roadworthy").rglob("*.py")):
        asked += [name for found in words.findall(path.read_text()) for name in found if name]
    assert {"zfs", "fio", "mkfs.erofs", "docker"} <= set(asked)
    assert set(asked) <= set(PACKAGES)


def test_debians_packages_have_the_programs():
    """On a Debian, what is installed here is asked: each program that is there belongs to the package of the table."""
    if packages.distribution() != "debian":
        pytest.skip("this host is no Debian, whose dpkg could be asked")
    searched = [f"*bin/{name}" for name in PACKAGES]
    listed = subprocess.run(
        ["dpkg", "--search", *searched], capture_output=True, text=True, check=False, timeout=60
    ).stdout
    owners = {}
    for line in listed.splitlines():
        owner, _, path = line.partition(": ")
        if Path(path).parent.name in ("bin", "sbin"):
            owners.setdefault(Path(path).name, set()).update(owner.split(", "))
    wrong = {name: owners[name] for name, of in PACKAGES.items() if name in owners and of.debian not in owners[name]}
    if wrong.get("docker") == {"docker-cli"}:  # since Debian 13, where docker.io recommends it
        del wrong["docker"]
    assert wrong == {}
    assert len(owners) > 10


def test_each_distribution_is_one_of_the_table():
    assert tuple(INSTALL) == packages.Packages._fields
