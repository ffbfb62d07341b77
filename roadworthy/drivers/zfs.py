"""zfs."""

from collections.abc import Iterator

from roadworthy.drivers.base import Driver
from roadworthy.features import LAYERS, SIZE_LIMIT
from roadworthy.machines.host import Host, Requirement
from roadworthy.machines.place import PlacePath


class Zfs(Driver):
    """One ZFS dataset per layer; a container is a clone of its image's snapshot."""

    name = "zfs"
    backings = ("zfs",)
    features = LAYERS | SIZE_LIMIT
    packages = ("zfsutils-linux",)
    layout = ("zfs/graph",)
    info_fields = ("Zpool", "Parent Dataset", "Space Used By Parent")

    def requirements(self, machine: Host) -> Iterator[Requirement]:
        yield machine.module("zfs", "the zfs module")
        yield machine.command("zfs", "zfsutils-linux")

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "zfs/graph" / identity
