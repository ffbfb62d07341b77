"""Kernels: what is named, what a path may be, and which modules load in which order."""

import os
import struct
import subprocess

import pytest

from roadworthy.programs import run
from roadworthy.stage import quietly
from roadworthy.supplies import kernel_lists, kernels
from roadworthy.supplies.apt import AptFailed
from roadworthy.supplies.cache import Cache
from roadworthy.supplies.kernels import Kernel, KernelUnknown, kernel, modules_image
from roadworthy.supplies.modules import ModuleLacking, Modules, canonical

RELEASE = "6.1.0-50-cloud-amd64"
DEP = """\
kernel/lib/crc/crc16.ko:
kernel/fs/mbcache.ko:
kernel/fs/jbd2/jbd2.ko:
kernel/fs/ext4/ext4.ko: kernel/lib/crc/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko
kernel/drivers/virtio/virtio.ko.xz:
kernel/drivers/virtio/virtio_ring.ko.xz: kernel/drivers/virtio/virtio.ko.xz
kernel/drivers/block/virtio_blk.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz kernel/drivers/virtio/virtio.ko.xz
kernel/drivers/md/dm-thin-pool.ko: kernel/drivers/md/dm-mod.ko
kernel/drivers/md/dm-mod.ko:
kernel/crypto/crc32c_generic.ko:
kernel/fs/btrfs/btrfs.ko:
"""


@pytest.fixture
def tree(tmp_path):
    directory = tmp_path / "lib/modules" / RELEASE
    directory.mkdir(parents=True)
    (directory / "modules.dep").write_text(DEP)
    (directory / "modules.builtin").write_text("kernel/fs/overlayfs/overlay.ko\nkernel/drivers/virtio/virtio_pci.ko\n")
    (directory / "modules.softdep").write_text(
        "# soft\nsoftdep ext4 pre: crc32c nothing-known\nsoftdep btrfs post: ext4\n"
    )
    (directory / "modules.alias").write_text("alias crc32c crc32c_generic\nalias pci:v*d* virtio_pci\n")
    return directory


def names(paths):
    return [path.name.split(".")[0] for path in paths]


def bzimage(path, release):
    head = bytearray(0x600)
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x20E, 0x200)
    path.write_bytes(bytes(head[:0x400]) + f"{release} (me@here) #1 SMP".encode() + b"\0" + bytes(0x100))
    return path


# --- modules


def test_what_a_module_needs_is_loaded_before_it(tree):
    order = names(Modules(tree).closure(["virtio_blk", "ext4"]))
    assert order[:3] == ["virtio", "virtio_ring", "virtio_blk"]
    assert order[-1] == "ext4"
    assert set(order[3:-1]) == {"jbd2", "mbcache", "crc16", "crc32c_generic"}


def test_each_module_is_loaded_once(tree):
    order = names(Modules(tree).closure(["ext4", "virtio_blk", "ext4", "virtio", "jbd2"]))
    assert len(order) == len(set(order))


def test_files_are_whole_paths_with_their_compression(tree):
    assert Modules(tree).closure(["virtio"]) == [tree / "kernel/drivers/virtio/virtio.ko.xz"]


def test_dashes_and_underscores_are_the_same(tree):
    assert names(Modules(tree).closure(["dm_thin_pool"])) == ["dm-mod", "dm-thin-pool"]
    assert names(Modules(tree).closure(["dm-thin-pool"])) == ["dm-mod", "dm-thin-pool"]
    assert canonical("dm-thin-pool.ko.xz") == "dm_thin_pool"


def test_what_is_built_in_has_no_file(tree):
    found = Modules(tree)
    assert found.closure(["overlay", "virtio-pci"]) == []
    assert found.builtin("virtio-pci")
    assert found.has("overlay")
    assert not found.builtin("ext4")


def test_soft_dependencies_come_before_or_after(tree):
    order = names(Modules(tree).closure(["btrfs"]))
    assert order.index("btrfs") < order.index("ext4")
    assert order.index("crc32c_generic") < order.index("ext4")


def test_a_lacking_module_names_the_nearest(tree):
    with pytest.raises(ModuleLacking, match=f"kernel {RELEASE} has no module overlayfs; the nearest is overlay"):
        Modules(tree).closure(["overlayfs"])


def test_a_tree_that_depmod_has_not_seen_says_so(tree):
    (tree / "modules.dep").unlink()
    with pytest.raises(ModuleLacking, match=rf"no modules\.dep; expected .* depmod -b {tree.parents[2]} {RELEASE}"):
        Modules(tree)


# --- names and paths


def test_the_host_is_a_kernel():
    found = kernel("host")
    assert found.source == "host"
    assert found.release.startswith(found.series + ".")


@pytest.mark.parametrize(("name", "near"), [("6.11", "6.12"), ("hots", "host"), ("7.4", "7.2")])
def test_a_misspelt_name_names_the_nearest(name, near):
    with pytest.raises(
        KernelUnknown, match=rf"no kernel {name}; did you mean '{near}'\? Expected host, a series \(5.10"
    ):
        kernel(name)


def test_a_series_that_only_backports_carry_is_a_kernel(monkeypatch):
    """The table of releases need not name it."""
    kernels.expect_series("6.18")
    with pytest.raises(KernelUnknown, match=r"no kernel 6\.17; .* a series \(5\.10, 6\.1, 6\.12, 6\.18, 7\.2, 7\.3\)"):
        kernels.expect_series("6.17")


def test_lists_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    """A release's series needs no list; of another one nothing can be said without them."""

    def refused(*_, **__):
        raise AptFailed("the package lists of bookworm cannot be read: no network")

    monkeypatch.setattr(kernel_lists, "listed", refused)
    kernels.expect_series("6.12", Cache(tmp_path))
    with pytest.raises(KernelUnknown, match=r"no kernel 6\.18; .*cannot be read: the package lists of bookworm"):
        kernels.expect_series("6.18", Cache(tmp_path))


def test_the_carriers_of_a_series(tmp_path):
    """Of a release its suites, by their metapackage; of another series the package, a backport before experimental."""
    assert kernels.carriers("7.2", "", Cache(tmp_path), False, quietly) == {"forky": "", "sid": ""}
    assert list(kernels.carriers("7.3", "cloud-", Cache(tmp_path), False, quietly).items()) == [
        ("trixie-backports", "linux-image-7.3.4-cloud-amd64"),
        ("experimental", "linux-image-7.3.4-cloud-amd64"),
    ]
    assert kernels.carriers("8.0", "", Cache(tmp_path), False, quietly) == {}


def test_an_image_has_everything_built_in(tmp_path):
    found = kernel(str(bzimage(tmp_path / "bzImage", "5.10.244-aufs")))
    path = tmp_path / "bzImage"
    assert found == Kernel("5.10", "5.10.244-aufs", path, None, str(path))
    assert found.closure(["ext4"]) == []
    assert found.lacking(["ext4"]) == []
    assert modules_image(found, Cache(tmp_path / "cache")) is None


def test_a_file_that_is_no_kernel(tmp_path):
    (tmp_path / "vmlinux").write_bytes(b"\x7fELF" + bytes(1000))
    with pytest.raises(KernelUnknown, match="is not a bzImage: no boot header"):
        kernel(str(tmp_path / "vmlinux"))


@pytest.mark.parametrize("name", ["kernel", "kernel.deb"])
def test_a_pipe_is_no_kernel(tmp_path, name):
    """It is refused, and not waited for."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(KernelUnknown, match="neither a regular file nor a directory"):
        kernel(str(tmp_path / name))


def test_a_path_that_does_not_exist_names_the_nearest(tmp_path):
    bzimage(tmp_path / "bzImage", "5.10.1")
    with pytest.raises(KernelUnknown, match=r"bzimage does not exist; the nearest is .*/bzImage"):
        kernel(str(tmp_path / "bzimage"))


def test_a_directory_with_image_and_modules(tmp_path, tree):
    bzimage(tmp_path / "vmlinuz", RELEASE)
    found = kernel(str(tmp_path))
    assert (found.series, found.release, found.modules) == ("6.1", RELEASE, tree)
    assert found.lacking(["ext4", "overlay", "nfs", "zfs"]) == ["nfs", "zfs"]


def test_a_directory_says_what_it_lacks(tmp_path, tree):
    with pytest.raises(KernelUnknown, match=r"expected vmlinuz, bzImage or linux-image-\*\.deb in it; it has lib"):
        kernel(str(tmp_path))
    bzimage(tmp_path / "vmlinuz", RELEASE)
    (tmp_path / "lib/modules/6.1.0-49-amd64").mkdir()
    with pytest.raises(
        KernelUnknown, match=r"expected one kernel's tree in lib/modules, there are: 6\.1\.0-49-amd64, 6"
    ):
        kernel(str(tmp_path))


# --- packages, made here


def package(directory, name, files):
    """A package with these files, as dpkg-deb makes it."""
    root = directory / f"root-{name}"
    (root / "DEBIAN").mkdir(parents=True)
    control = (
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: x\n"
    )
    (root / "DEBIAN/control").write_text(control)
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    target = directory / "packages" / f"{name}_1_all.deb"
    target.parent.mkdir(exist_ok=True)
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", root, target], check=True, capture_output=True)
    return target


@pytest.fixture
def depmod(monkeypatch):
    """depmod needs real modules; here it writes a table."""

    def fake(argv, seconds=60):
        if argv[0] != "depmod":
            return run(argv, seconds)
        (argv[2] / "lib/modules" / argv[3] / "modules.dep").write_text("kernel/fs/ext4/ext4.ko:\n")
        return ""

    monkeypatch.setattr(kernels, "run", fake)


def test_one_package_with_all_of_a_kernel(tmp_path, depmod):
    files = {f"boot/vmlinuz-{RELEASE}": "image", f"lib/modules/{RELEASE}/kernel/fs/ext4/ext4.ko": "module",
             f"boot/config-{RELEASE}": "CONFIG_EXT4_FS=m"}  # fmt: skip
    cache = Cache(tmp_path / "cache")
    found = kernel(str(package(tmp_path, f"linux-image-{RELEASE}", files)), cache)
    assert (found.series, found.release) == ("6.1", RELEASE)
    assert found.image.read_text() == "image"
    assert [path.read_text() for path in found.closure(["ext4"])] == ["module"]
    assert (found.image.parent / "config").read_text() == "CONFIG_EXT4_FS=m"
    assert found == kernel(found.source, cache)


def test_a_kernel_spread_over_packages(tmp_path, depmod):
    tree = "usr/lib/modules/7.2.12-cloud"
    package(tmp_path, "linux-binary-7.2.12-cloud", {f"{tree}/vmlinuz": "image"})
    package(tmp_path, "linux-modules-7.2.12-cloud", {f"{tree}/kernel/fs/ext4/ext4.ko": "module"})
    package(tmp_path, "linux-base-7.2.12-cloud", {f"{tree}/config": "CONFIG", f"{tree}/System.map": "map"})
    package(tmp_path, "linux-image-7.2.12-cloud", {"usr/share/doc/linux/copyright": "x"})
    package(tmp_path, "linux-headers-7.2.12-cloud", {"usr/src/linux/Makefile": "x"})
    found = kernel(str(tmp_path / "packages"), Cache(tmp_path / "cache"))
    assert (found.release, found.image.read_text()) == ("7.2.12-cloud", "image")
    assert sorted(path.name for path in found.image.parent.iterdir()) == ["config", "entry.json", "lib", "vmlinuz"]


def test_a_package_without_modules_says_so(tmp_path, depmod):
    found = package(tmp_path, f"linux-image-{RELEASE}", {f"boot/vmlinuz-{RELEASE}": "image"})
    with pytest.raises(KernelUnknown, match="expected one tree of modules in them, there are 0"):
        kernel(str(found), Cache(tmp_path / "cache"))


class FakeApt:
    """A suite with a kernel's metapackage."""

    architecture = "amd64"

    def __init__(self, suite, depends):
        self.suite = suite
        self.depends = depends

    def show(self, package):
        return {"Package": package, "Version": "6.1.176-1", "Depends": self.depends.get(package, "")}


def test_the_kernel_behind_a_metapackage():
    found = FakeApt("bookworm", {"linux-image-cloud-amd64": f"linux-base-cloud, linux-image-{RELEASE} (= 6.1.176-1)"})
    assert kernels.candidate(found, "cloud-") == (f"linux-image-{RELEASE}", "6.1.176-1")


def test_the_parts_of_a_kernel_are_those_that_it_depends_on():
    listed = "dracut | initramfs-tools, linux-base-7.2-x (= 1), linux-binary-7.2-x (= 1), linux-modules-7.2-x (= 1)"
    found = kernels.parts(FakeApt("forky", {"linux-image-7.2-x": listed}), "linux-image-7.2-x")
    assert found == ["linux-image-7.2-x", "linux-binary-7.2-x", "linux-modules-7.2-x", "linux-base-7.2-x"]
    old = FakeApt("bookworm", {"linux-image-6.1-x": "kmod, linux-base (>= 4.3)"})
    assert kernels.parts(old, "linux-image-6.1-x") == ["linux-image-6.1-x"]


def test_the_generic_flavour_is_taken_where_the_cloud_one_lacks_a_module(tmp_path, monkeypatch):
    def fetched(series, flavour, cache, accept_expired, stage):
        def fill(directory):
            modules = directory / "lib/modules" / f"6.1.0-{flavour}x"
            modules.mkdir(parents=True)
            (modules / "modules.dep").write_text("a/overlay.ko:\n" + ("" if flavour else "a/9p.ko:\n"))
            return {"release": modules.name}

        return cache.entry("kernel", kernels.recipe(series, flavour), fill)

    monkeypatch.setattr(kernels, "fetched", fetched)
    cache = Cache(tmp_path)
    assert kernel("6.1", cache, needs=["overlay"]).release == "6.1.0-cloud-x"
    assert kernel("6.1", cache, needs=["overlay", "9p"]).release == "6.1.0-x"
    with pytest.raises(ModuleLacking, match=r"kernel 6.1 has no module aufs, in either flavour"):
        kernel("6.1", cache, needs=["aufs"])
