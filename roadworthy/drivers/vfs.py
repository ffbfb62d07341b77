"""vfs."""

from roadworthy.declaring.features import LAYERS, PLAIN_FILES
from roadworthy.drivers.base import Driver
from roadworthy.machines.place import PlacePath


class Vfs(Driver):
    """No sharing at all: every layer, and every container, is a full copy of the one below."""

    name = "vfs"
    backings = ("ext4", "xfs", "btrfs", "tmpfs")
    features = LAYERS | PLAIN_FILES
    sizes_on = ("xfs:prjquota",)
    another = "overlay2"
    layout = ("vfs/dir",)

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "vfs/dir" / identity
