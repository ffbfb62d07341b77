"""The storage drivers that the suite knows, in the order of a matrix's columns."""

from __future__ import annotations

from roadworthy.drivers.aufs import Aufs
from roadworthy.drivers.base import Driver
from roadworthy.drivers.btrfs import Btrfs
from roadworthy.drivers.devicemapper import Devicemapper
from roadworthy.drivers.fuse_overlayfs import FuseOverlayfs
from roadworthy.drivers.native import Native
from roadworthy.drivers.overlay import Overlay
from roadworthy.drivers.overlay2 import Overlay2
from roadworthy.drivers.podman import PODMAN
from roadworthy.drivers.snapshotters import SNAPSHOTTERS
from roadworthy.drivers.vfs import Vfs
from roadworthy.drivers.zfs import Zfs

GRAPH_DRIVERS = (Overlay2, Overlay, Vfs, Btrfs, FuseOverlayfs, Aufs, Devicemapper, Zfs)
DRIVERS: dict[str, Driver] = {kind.name: kind() for kind in (Native, *GRAPH_DRIVERS, *SNAPSHOTTERS, *PODMAN)}

__all__ = ["DRIVERS", "Driver"]
