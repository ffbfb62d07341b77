"""aufs."""

from collections.abc import Iterator

from roadworthy.drivers.base import Driver
from roadworthy.features import COPY_UP, LAYERS, SHARED_PAGE_CACHE, WHITEOUTS
from roadworthy.machines.host import Host, Requirement
from roadworthy.machines.place import PlacePath


class Aufs(Driver):
    """A union of one directory per layer, by a file system that never was in the mainline kernel."""

    name = "aufs"
    backings = ("ext4", "xfs")
    features = LAYERS | WHITEOUTS | COPY_UP | SHARED_PAGE_CACHE
    removed_in = "24.0"
    layout = ("aufs/diff", "aufs/layers", "aufs/mnt")
    info_fields = ("Root Dir", "Backing Filesystem", "Dirs", "Dirperm1 Supported")
    whiteout_form = ".wh. file"
    root_file_system = "aufs"
    magic = 0x61756673

    def requirements(self, machine: Host) -> Iterator[Requirement]:
        yield machine.filesystem("aufs")

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "aufs/diff" / identity
