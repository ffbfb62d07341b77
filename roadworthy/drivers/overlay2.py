"""overlay2."""

from collections.abc import Iterator

from roadworthy.declaring.features import COPY_UP, LAYERS, SHARED_PAGE_CACHE, WHITEOUTS
from roadworthy.drivers.base import Driver
from roadworthy.linux import OVERLAYFS_SUPER_MAGIC
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.machines.place import PlacePath


class Overlay2(Driver):
    """Kernel overlayfs: one upper directory over up to 128 lower ones."""

    name = "overlay2"
    backings = ("ext4", "xfs", "btrfs", "tmpfs")
    features = LAYERS | WHITEOUTS | COPY_UP | SHARED_PAGE_CACHE
    sizes_on = ("xfs:prjquota",)
    layout = ("overlay2", "overlay2/l")
    info_fields = ("Backing Filesystem", "Supports d_type", "Native Overlay Diff")
    whiteout_form = "character device 0:0"
    built_on = "overlayfs"
    root_file_system = "overlay"
    magic = OVERLAYFS_SUPER_MAGIC

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        yield machine.filesystem("overlay")

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "overlay2" / identity / "diff"
