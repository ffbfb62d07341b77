"""containerd's snapshotters, through Docker's containerd image store: other columns than the graph drivers."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from roadworthy.declaring.features import COPY_UP, LAYERS, PLAIN_FILES, SHARED_PAGE_CACHE, WHITEOUTS
from roadworthy.drivers.base import Daemon, Driver, Form
from roadworthy.linux import EXT4_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.machines.place import Place, PlacePath
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Unsupported
from roadworthy.reports.nearest import hint

#: Makes a thin pool ($2) on two loop devices over files in a directory ($1), as containerd's documentation does. If the
#: files are there, the pool is the one that they hold.
MAKE_POOL = """
mkdir -p "$1"; cd "$1"; truncate --size=4G data; truncate --size=64M meta
data=$(losetup --find --show data); meta=$(losetup --find --show meta)
dmsetup create "$2" --table "0 $(blockdev --getsz "$data") thin-pool $meta $data 128 32768 1 skip_block_zeroing"
"""
#: Removes the snapshots' devices, then the pool ($1) that they lie in, then its loop devices.
REMOVE_POOL = """
devices=$(dmsetup table "$1" | cut -d " " -f 4,5)
for name in $(dmsetup info --columns --noheadings --options=name); do
    case "$name" in "$1"-*) dmsetup remove --retry "$name" ;; esac
done
dmsetup remove --retry "$1"
for device in $devices; do losetup --detach "/dev/block/$device"; done
"""


#: How the value of a setting is read, by its form.
READ: Mapping[Form, Callable[[str], object]] = {
    "switch": lambda value: value == "true", "number": int, "word": str, "words": lambda value: value.split(","),
}  # fmt: skip
#: Settings with every snapshotter. With sync_fs, containerd's diff service calls syncfs(2) before a layer is committed
#: (containerd 2.0, PR 10284). How many layers are unpacked at once is for images that containerd itself pulls.
SHARED: Mapping[str, tuple[str, Form]] = {
    "sync_fs": ("io.containerd.service.v1.diff-service", "switch"),
    "max_concurrent_unpacks": ("io.containerd.transfer.v1.local", "number"),
}
OVERLAYFS, EROFS = (f"io.containerd.snapshotter.v1.{name}" for name in ("overlayfs", "erofs"))


class Snapshotter(Driver):
    """A snapshotter of the containerd that dockerd uses; its root lies below dockerd's data root."""

    first_in = "25.0"
    configuration = {"features": {"containerd-snapshotter": True}}
    another = "native"
    layout = ("containerd",)
    committed_to = ("containerd/daemon/io.containerd.content.v1.content/ingest",)
    info_fields = ("driver-type",)
    #: dockerd mounts whatever a snapshotter returns, even if that is a bind mount of a directory.
    mounts_root = True

    containerd_options = SHARED
    #: dockerd walks the mounted container, and changes the owner of every name (moby PR 46375).
    remaps_in_a_copy = True

    @property
    def mount_directory(self) -> str:
        return f"rootfs/{self.daemon_name}"

    def containerd_plugins(
        self, place: Place, data_root: Path, options: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:  # fmt: skip
        found: dict[str, dict[str, Any]] = {}
        for word in options:
            key, _, value = word.partition("=")
            if key in self.containerd_options:
                plugin, form = self.containerd_options[key]
                found.setdefault(plugin, {})[key] = READ[form](value)
        return found

    def mistake_in(self, key: str, value: str) -> str:
        if key not in self.containerd_options:
            return f"unknown setting {key!r} of {self.name}{hint(key, list(self.containerd_options))}"
        form = self.containerd_options[key][1]
        if form == "switch" and value != "true":
            return f"{self.name} takes {key}=true, or no {key}, which is off; got {key}={value}"
        if form == "number" and not value.isdecimal():
            return f"{self.name} takes {key}=NUMBER; got {key}={value}"
        return ""

    def writable_layer(self, engine: Daemon, container: Mapping[str, Any]) -> PlacePath:
        return self.directory(engine, self.ctr(engine, "mounts", "/unused", container["Id"]))

    def image_layer(self, engine: Daemon, chain_id: str) -> PlacePath:
        # containerd names the place of a layer, of which only the chain id is known, in answer to a request for a view.
        # Use that answer: its garbage collector may remove a view that nothing refers to before the next call.
        view = f"roadworthy-{secrets.token_hex(6)}"
        try:
            return self.directory(engine, self.ctr(engine, "view", "--target", "/unused", view, chain_id))
        finally:
            with suppress(ProgramFailed):
                self.ctr(engine, "rm", view)

    def directory(self, engine: Daemon, mount: str) -> PlacePath:
        """The directory of one snapshot, from the mount command that containerd prints for it. Raises Unsupported."""
        for pattern in (r"upperdir=([^,\s]+)", r"lowerdir=([^:,\s]+)", r"mount -t bind (\S+)"):
            found = re.search(pattern, mount)
            if found:
                return engine.place.path(found[1])
        raise Unsupported(f"{self.name} keeps its layers in no directory: {mount.strip()}")

    def ctr(self, engine: Daemon, *words: str) -> str:
        """Run containerd's own client on snapshots and return its output."""
        client = ["ctr", "--address", engine.containerd, "--namespace", engine.containerd_namespace]
        return engine.place.run([*client, "snapshots", "--snapshotter", self.daemon_name, *words])


class ContainerdOverlayfs(Snapshotter):
    """containerd's overlayfs snapshotter: kernel overlayfs, one directory a snapshot."""

    containerd_options: ClassVar[Mapping[str, tuple[str, Form]]] = {
        **SHARED, "upperdir_label": (OVERLAYFS, "switch"), "sync_remove": (OVERLAYFS, "switch"),
        "slow_chown": (OVERLAYFS, "switch"), "mount_options": (OVERLAYFS, "words"),
    }  # fmt: skip

    name = "containerd:overlayfs"
    engine_name = "overlayfs"
    backings = ("ext4", "xfs", "btrfs", "tmpfs")
    features = LAYERS | WHITEOUTS | COPY_UP | SHARED_PAGE_CACHE
    whiteout_form = "character device 0:0"
    built_on = "overlayfs"
    root_file_system = "overlay"
    magic = OVERLAYFS_SUPER_MAGIC

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        yield machine.filesystem("overlay")


class ContainerdNative(Snapshotter):
    """containerd's native snapshotter: every snapshot is a full copy of its parent."""

    name = "containerd:native"
    engine_name = "native"
    another = "overlayfs"
    backings = ("ext4", "xfs", "btrfs", "tmpfs")
    features = LAYERS | PLAIN_FILES


class ContainerdBtrfs(Snapshotter):
    """containerd's btrfs snapshotter: one btrfs subvolume a snapshot."""

    name = "containerd:btrfs"
    engine_name = "btrfs"
    backings = ("btrfs",)
    features = LAYERS

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        yield machine.filesystem("btrfs")

    def directory(self, engine: Daemon, mount: str) -> PlacePath:
        # The mount names a subvolume by its number. A view is a short-lived snapshot; its parent is the layer.
        found = re.search(r"subvolid=(\d+)(,ro)?", mount)
        assert found, mount
        top = engine.data_root.parent
        listed = engine.place.run(["btrfs", "subvolume", "list", "-q", "-u", str(top)])
        rows = [re.split(r" (?:gen|top level|parent_uuid|uuid|path) ", line) for line in listed.splitlines()]
        known = {row[0].removeprefix("ID "): row for row in rows}
        _, _, _, parent, _, path = known[found[1]]
        if found[2]:
            path = next(row[5] for row in rows if row[4] == parent.strip())
            # containerd makes a committed snapshot read-only, but checks prepare files in it.
            engine.place.run(["btrfs", "property", "set", "-f", "-t", "subvol", str(top / path), "ro", "false"])
        return engine.place.path(top / path)


class ContainerdErofs(Snapshotter):
    """containerd's EROFS snapshotter: an image layer is a read-only file system image, with overlayfs on top."""

    containerd_options: ClassVar[Mapping[str, tuple[str, Form]]] = {
        **SHARED, "set_immutable": (EROFS, "switch"), "enable_fsverity": (EROFS, "switch"),
        "ovl_mount_options": (EROFS, "words"), "max_unmerged_layers": (EROFS, "number"),
        "dmverity_mode": (EROFS, "word"), "enable_dmverity": ("io.containerd.differ.v1.erofs", "switch"),
    }  # fmt: skip

    name = "containerd:erofs"
    engine_name = "erofs"
    first_in = "28.5"
    backings = ("ext4", "xfs", "btrfs", "tmpfs")
    features = LAYERS | WHITEOUTS | COPY_UP
    whiteout_form = "character device 0:0"
    built_on = "overlayfs"
    root_file_system = "overlay"
    magic = OVERLAYFS_SUPER_MAGIC
    sealed_layers = "an image layer is a read-only EROFS image here: it takes neither holes nor file flags"

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        yield machine.filesystem("overlay")
        yield machine.filesystem("erofs")
        yield machine.command("mkfs.erofs")

    def directory(self, engine: Daemon, mount: str) -> PlacePath:
        found = re.search(r"mount -t erofs (\S+)/layer\.erofs", mount)
        if not found:
            return super().directory(engine, mount)
        # The view of the lowest layer is a mount still to be made. Make it where containerd makes it for a container,
        # so that containerd recognises it.
        place = f"{found[1]}/fs"
        if not any(line.split()[4] == place for line in engine.place.mounts()):
            engine.place.run(["mount", "-t", "erofs", "-o", "ro", f"{found[1]}/layer.erofs", place])
        return engine.place.path(place)


class ContainerdBlockfile(Snapshotter):
    """containerd's blockfile snapshotter: every snapshot is a file with a file system in it, a copy of its parent."""

    name = "containerd:blockfile"
    engine_name = "blockfile"
    first_in = "28.5"
    #: The file is copied as a whole, which costs nothing if the backing shares blocks between files.
    backings = ("xfs", "btrfs", "ext4")
    features = LAYERS
    root_file_system = "ext4"
    magic = EXT4_SUPER_MAGIC
    sealed_layers = "an image layer is a file system in a file here, which is mounted read-only when it is looked at"
    nested = True
    #: The size of every file system.
    size = "512M"

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        yield machine.filesystem("ext4")
        yield machine.command("containerd")
        yield machine.command("mkfs.ext4")

    def containerd_plugins(
        self, place: Place, data_root: Path, options: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:  # fmt: skip
        scratch = str(data_root / "blockfile")
        place.run(["mkdir", "-p", str(data_root)])
        place.run(["truncate", f"--size={self.size}", scratch])
        place.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0", scratch])
        settings = {"scratch_file": scratch, "fs_type": "ext4", "mount_options": ["loop"]}
        plugins = super().containerd_plugins(place, data_root, options)
        return {**plugins, "io.containerd.snapshotter.v1.blockfile": settings}

    def writable_layer(self, engine: Daemon, container: Mapping[str, Any]) -> PlacePath:
        return engine.root / self.mount_directory / str(container["Id"])

    def directory(self, engine: Daemon, mount: str) -> PlacePath:
        found = re.search(r"mount -t ext4 (\S+) /unused", mount)
        assert found, mount
        file = Path(found[1])
        place = file.parents[1] / "looked-at" / file.name
        if not engine.place.path(place).is_dir():
            engine.place.run(["mkdir", "-p", str(place)])
            engine.place.run(["mount", "-t", "ext4", "-o", "loop,ro", str(file), str(place)])
        return engine.place.path(place)


class ContainerdDevmapper(Snapshotter):
    """containerd's devmapper snapshotter: every snapshot is a thin-provisioned block device."""

    name = "containerd:devmapper"
    engine_name = "devmapper"
    first_in = "28.5"
    backings = ("ext4", "xfs")
    features = LAYERS
    root_file_system = "ext4"
    magic = EXT4_SUPER_MAGIC
    sealed_layers = "an image layer is a block device of a thin pool here, which is mounted while containerd uses it"
    nested = True

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        yield machine.module("dm_mod", "the device mapper")
        yield machine.module("dm_thin_pool", "device-mapper thin targets")
        yield machine.command("dmsetup")
        yield machine.command("containerd")
        yield machine.own_kernel("the devices of its snapshots")

    def containerd_plugins(
        self, place: Place, data_root: Path, options: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:  # fmt: skip
        self.find(place, data_root)
        directory, pool = self._pool(place, data_root)
        settings = {"root_path": directory, "pool_name": pool, "base_image_size": "512MB", "fs_type": "ext4"}
        plugins = super().containerd_plugins(place, data_root, options)
        return {**plugins, "io.containerd.snapshotter.v1.devmapper": settings}

    def find(self, place: Place, data_root: Path) -> None:
        directory, pool = self._pool(place, data_root)
        place.afterwards(["sh", "-ec", REMOVE_POOL, "sh", pool])
        place.run(["sh", "-ec", MAKE_POOL, "sh", directory, pool])

    def _pool(self, place: Place, data_root: Path) -> tuple[str, str]:
        """The directory and the name of the pool of thin devices."""
        return str(data_root / "devmapper"), f"roadworthy{place.runtime.name}"

    def writable_layer(self, engine: Daemon, container: Mapping[str, Any]) -> PlacePath:
        return engine.root / self.mount_directory / str(container["Id"])

    def image_layer(self, engine: Daemon, chain_id: str) -> PlacePath:
        raise Unsupported(self.sealed_layers)  # not even by a view: its device would go while udev looks at it


class ContainerdZfs(Snapshotter):
    """containerd's zfs snapshotter: every snapshot is a ZFS dataset, a clone of its parent."""

    name = "containerd:zfs"
    engine_name = "zfs"
    first_in = "28.5"
    backings = ("zfs",)
    features = LAYERS
    root_file_system = "zfs"

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        lacking = "needs a containerd with its zfs snapshotter: this one was built without it (build tag no_zfs)"
        yield machine.built_with("containerd", b"github.com/containerd/zfs", lacking)
        yield machine.module("zfs", "the zfs module")
        yield machine.command("zfs")


SNAPSHOTTERS = (
    ContainerdOverlayfs, ContainerdNative, ContainerdBtrfs, ContainerdErofs, ContainerdBlockfile, ContainerdDevmapper,
    ContainerdZfs,
)  # fmt: skip
