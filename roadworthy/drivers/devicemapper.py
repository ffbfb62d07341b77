"""devicemapper."""

from collections.abc import Iterator

from roadworthy.drivers.base import Driver
from roadworthy.features import LAYERS, SIZE_LIMIT
from roadworthy.machines.host import Host, Requirement
from roadworthy.machines.place import PlacePath


class Devicemapper(Driver):
    """One thin-provisioned block device per layer; a container is a snapshot of its image's device."""

    name = "devicemapper"
    backings = ("ext4", "xfs")
    features = LAYERS | SIZE_LIMIT
    packages = ("dmsetup",)
    removed_in = "25.0"
    layout = ("devicemapper/mnt", "devicemapper/metadata")
    info_fields = ("Pool Name", "Backing Filesystem", "Data Space Used", "Metadata Space Used")

    def requirements(self, machine: Host) -> Iterator[Requirement]:
        yield machine.module("dm_mod", "the device mapper")
        yield machine.module("dm_thin_pool", "device-mapper thin targets")

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "devicemapper/mnt" / identity / "rootfs"
