"""containerd's snapshotters, through Docker's containerd image store: columns of their own beside the graph drivers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from roadworthy.drivers.base import Driver
from roadworthy.features import COPY_UP, LAYERS, SHARED_PAGE_CACHE, WHITEOUTS
from roadworthy.linux import OVERLAYFS_SUPER_MAGIC
from roadworthy.machines.host import Host, Requirement
from roadworthy.machines.place import PlacePath
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Unsupported

if TYPE_CHECKING:
    from roadworthy.engines.dockerd import Dockerd


class Snapshotter(Driver):
    """A snapshotter of the containerd that dockerd starts; its root lies below dockerd's data root."""

    first_in = "25.0"
    configuration = {"features": {"containerd-snapshotter": True}}
    another = "native"
    layout = ("containerd",)

    def writable_layer(self, engine: Dockerd, container: Mapping[str, Any]) -> PlacePath:
        return self.directory(engine, container["Id"])

    def image_layer(self, engine: Dockerd, chain_id: str) -> PlacePath:
        view = f"roadworthy-{chain_id[-12:]}"
        ctr(engine, "snapshots", "--snapshotter", self.daemon_name, "view", view, chain_id)
        try:
            return self.directory(engine, view)
        finally:
            with suppress(ProgramFailed):  # containerd's garbage collector may be faster
                ctr(engine, "snapshots", "--snapshotter", self.daemon_name, "rm", view)

    def directory(self, engine: Dockerd, key: str) -> PlacePath:
        """The directory of one snapshot: what is its own in the mount that containerd would make of it."""
        said = ctr(engine, "snapshots", "--snapshotter", self.daemon_name, "mounts", "/unused", key)
        for pattern in (r"upperdir=([^,\s]+)", r"lowerdir=([^:,\s]+)", r"mount -t bind (\S+)"):
            found = re.search(pattern, said)
            if found:
                return engine.place.path(found[1])
        raise Unsupported(f"{self.name} keeps its layers in no directory: {said.strip()}")


def ctr(engine: Dockerd, *words: str) -> str:
    """What containerd's own client answers. Docker's images and containers are in the namespace `moby`."""
    return engine.place.run(["ctr", "--address", engine.containerd, "--namespace", "moby", *words])


class ContainerdOverlayfs(Snapshotter):
    """containerd's overlayfs snapshotter: kernel overlayfs, one directory a snapshot."""

    name = "containerd:overlayfs"
    engine_name = "overlayfs"
    backings = ("ext4", "xfs", "btrfs", "tmpfs")
    features = LAYERS | WHITEOUTS | COPY_UP | SHARED_PAGE_CACHE
    whiteout_form = "character device 0:0"
    root_file_system = "overlay"
    magic = OVERLAYFS_SUPER_MAGIC

    def requirements(self, machine: Host) -> Iterator[Requirement]:
        yield machine.filesystem("overlay")


class ContainerdNative(Snapshotter):
    """containerd's native snapshotter: every snapshot is a full copy of its parent."""

    name = "containerd:native"
    engine_name = "native"
    another = "overlayfs"
    backings = ("ext4", "xfs", "btrfs", "tmpfs")
    features = LAYERS


class ContainerdBtrfs(Snapshotter):
    """containerd's btrfs snapshotter: one btrfs subvolume a snapshot."""

    name = "containerd:btrfs"
    engine_name = "btrfs"
    backings = ("btrfs",)
    features = LAYERS

    def requirements(self, machine: Host) -> Iterator[Requirement]:
        yield machine.filesystem("btrfs")


class ContainerdErofs(Snapshotter):
    """containerd's EROFS snapshotter: an image layer is a read-only file system image, with overlayfs on top."""

    name = "containerd:erofs"
    engine_name = "erofs"
    first_in = "28.5"
    backings = ("ext4", "xfs", "btrfs", "tmpfs")
    features = LAYERS | WHITEOUTS | COPY_UP
    whiteout_form = "character device 0:0"
    root_file_system = "overlay"
    magic = OVERLAYFS_SUPER_MAGIC

    def requirements(self, machine: Host) -> Iterator[Requirement]:
        yield machine.filesystem("overlay")
        yield machine.filesystem("erofs")
        yield machine.command("mkfs.erofs", "erofs-utils")


SNAPSHOTTERS = (ContainerdOverlayfs, ContainerdNative, ContainerdBtrfs, ContainerdErofs)
