"""overlay, the legacy driver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from roadworthy.declaring.features import COPY_UP, LAYERS, SHARED_PAGE_CACHE, WHITEOUTS
from roadworthy.drivers.base import Daemon, Driver, mount_id
from roadworthy.linux import OVERLAYFS_SUPER_MAGIC
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.machines.place import PlacePath


class Overlay(Driver):
    """Kernel overlayfs with one lower directory: every image layer is a whole tree, hard-linked to the one below."""

    name = "overlay"
    backings = ("ext4", "xfs", "tmpfs")
    features = LAYERS | WHITEOUTS | COPY_UP | SHARED_PAGE_CACHE
    removed_in = "24.0"
    layout = ("overlay",)
    info_fields = ("Backing Filesystem", "Supports d_type")
    whiteout_form = "character device 0:0"
    links_layers = True
    built_on = "overlayfs"
    root_file_system = "overlay"
    magic = OVERLAYFS_SUPER_MAGIC

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        yield machine.filesystem("overlay")

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "overlay" / identity / "root"

    def writable_layer(self, engine: Daemon, container: Mapping[str, Any]) -> PlacePath:
        return engine.root / "overlay" / mount_id(engine.root, self.daemon_name, container["Id"]) / "upper"
