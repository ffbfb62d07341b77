"""vfs."""

from pathlib import Path

from roadworthy.drivers.base import Driver
from roadworthy.features import LAYERS


class Vfs(Driver):
    """No sharing at all: every layer, and every container, is a full copy of the one below."""

    name = "vfs"
    backings = ("ext4", "xfs", "btrfs", "tmpfs")
    features = LAYERS
    layout = ("vfs/dir",)

    def layer_directory(self, data_root: Path, identity: str) -> Path:
        return data_root / "vfs/dir" / identity
