"""The storage drivers that the suite knows, in the order of a matrix's columns."""

from __future__ import annotations

from collections.abc import Mapping

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
from roadworthy.extending.table import Table, subclass_of
from roadworthy.machines.backing import BACKING_TYPES

GRAPH_DRIVERS = (Overlay2, Overlay, Vfs, Btrfs, FuseOverlayfs, Aufs, Devicemapper, Zfs)
OWN = {kind.name: kind() for kind in (Native, *GRAPH_DRIVERS, *SNAPSHOTTERS, *PODMAN)}


def made(name: str, value: object) -> Driver:
    """The driver that another distribution adds. Raises ValueError."""
    found = subclass_of(Driver, name, value)()
    for backing in found.backings:
        if backing not in BACKING_TYPES:
            raise ValueError(f"no backing is called {backing!r}; known: {', '.join(BACKING_TYPES)}")
    return found


DRIVERS: Mapping[str, Driver] = Table("drivers", OWN, made)

__all__ = ["DRIVERS", "Driver"]
