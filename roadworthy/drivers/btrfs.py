"""btrfs."""

from collections.abc import Iterator

from roadworthy.declaring.features import LAYERS, SIZE_LIMIT
from roadworthy.drivers.base import Driver
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.machines.place import PlacePath


class Btrfs(Driver):
    """One btrfs subvolume per layer; a container is a snapshot of its image."""

    name = "btrfs"
    backings = ("btrfs",)
    features = LAYERS | SIZE_LIMIT
    layout = ("btrfs/subvolumes",)
    info_fields = ("Build Version", "Library Version")

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        yield machine.filesystem("btrfs")

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "btrfs/subvolumes" / identity
