"""Engine roots and kernels, made for real from the host's own package sources; a warm cache makes them once."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roadworthy.deadline import wait_until
from roadworthy.guests.initramfs import MODULES, Plan, busybox, initramfs
from roadworthy.programs import run
from roadworthy.supplies.cache import Cache
from roadworthy.supplies.engine_roots import engine_image, engine_root
from roadworthy.supplies.kernels import kernel, modules_image
from roadworthy.supplies.modules import Modules
from roadworthy.supplies.packages import needs

pytestmark = [
    pytest.mark.real,
    pytest.mark.builds,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: making a root file system takes it"),
    pytest.mark.skipif(not shutil.which("mmdebstrap"), reason=needs("mmdebstrap")),
]


@pytest.fixture(scope="module")
def root():
    return engine_root("docker-20.10")


@pytest.fixture(scope="module")
def linux():
    return kernel("6.1")


def test_a_root_runs_chrooted(root):
    assert "Docker version 20.10." in run(["chroot", root.tree, "dockerd", "--version"])
    agent = "import ctypes, fcntl, json, select, socket, struct, sys; print(sys.version_info >= (3, 9))"
    assert run(["chroot", root.tree, "python3", "-c", agent]).strip() == "True"
    for program in ("udevadm", "modprobe", "lvm", "thin_check", "mkfs.btrfs", "mkfs.xfs", "fuse-overlayfs", "fio"):
        assert shutil.which(program, path=f"{root.tree}/usr/bin:{root.tree}/usr/sbin"), program


def test_a_root_names_exact_versions(root):
    assert root.version == run(["chroot", root.tree, "dpkg-query", "-Wf", "${Version}", "docker.io"])
    assert root.facts()["suite"] == "bookworm"


def test_a_root_keeps_nothing_of_the_host(root):
    left = [
        path for path in (root.tree / "etc/apt").rglob("*") if path.is_file() and path.suffix in (".list", ".sources")
    ]
    assert left == []
    assert not (root.tree / "etc/apt/apt.conf.d/99mmdebstrap").exists()
    assert not (root.tree / "etc/resolv.conf").exists()
    assert (root.tree / "etc/hostname").read_text() == "roadworthy\n"


def test_an_image_holds_the_tree(root):
    image = engine_image(root).path / "root.ext4"
    said = run(["debugfs", "-R", "stat /usr/sbin/dockerd", image])
    assert f"Size: {(root.tree / 'usr/sbin/dockerd').stat().st_size}" in said
    assert "User:     0   Group:     0" in said
    run(["e2fsck", "-fn", image], 120)


def test_a_kernel_has_what_a_guest_needs(linux):
    assert linux.series == "6.1"
    assert linux.lacking([*MODULES, "btrfs", "xfs", "dm_thin_pool", "loop", "fuse", "erofs", "bridge", "veth"]) == []
    files = Modules(linux.modules).closure(MODULES)
    assert all(path.is_file() for path in files)
    image = modules_image(linux).path / "modules.ext4"
    assert f"{linux.release}" in run(["debugfs", "-R", "ls -p /", image])


def test_an_initramfs_reads_back_with_cpio(linux, tmp_path):
    archive = initramfs(linux, busybox(), Plan(init="/sbin/init"))
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    subprocess.run(
        [busybox(), "cpio", "-idm"], input=archive, cwd=unpacked, check=True, capture_output=True, timeout=60
    )
    assert (unpacked / "bin/sh").readlink().name == "busybox"
    assert run([unpacked / "bin/sh", "-n", unpacked / "init"]) == ""
    assert (unpacked / "dev/console").is_char_device()


BUILD = """
import sys
from pathlib import Path
from roadworthy.supplies.cache import Cache
from roadworthy.supplies.engine_roots import engine_root

engine_root("docker-20.10", Cache(Path(sys.argv[1])))
"""


def test_a_killed_build_takes_its_programs_along_and_leaves_only_files(tmp_path):
    cache = Cache(tmp_path / "cache")
    before = set(Path("/tmp").glob("mmdebstrap.*"))
    builder = subprocess.Popen([sys.executable, "-c", BUILD, cache.directory])

    def unpacking():
        return any((path / "tree/usr/bin").is_dir() for path in cache.leftovers())

    try:
        wait_until(unpacking, 300, "the build to unpack packages")
        assert users(cache.directory)
    finally:
        builder.send_signal(signal.SIGKILL)
        builder.wait(30)
    wait_until(lambda: not users(cache.directory), 10, "the build's programs to be gone")
    assert str(cache.directory) not in Path("/proc/self/mountinfo").read_text()
    assert set(Path("/tmp").glob("mmdebstrap.*")) <= before, "what mmdebstrap writes lies in the cache"
    (left,) = cache.leftovers()
    began = time.monotonic()
    assert [(one.path, one.kept) for one in cache.prune()] == [(left, "")]
    assert time.monotonic() - began < 60
    assert cache.entries() == cache.leftovers() == []


def users(directory):
    """Processes that were started for a directory: it is among their words, or their root lies in it."""
    found = []
    for process in os.listdir("/proc"):
        if not process.isdigit() or int(process) == os.getpid():
            continue
        try:
            words = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace")
            root = os.readlink(f"/proc/{process}/root")
        except OSError:
            continue
        if root.startswith(str(directory)) or (str(directory) in words and BUILD not in words):
            found.append(int(process))
    return found
