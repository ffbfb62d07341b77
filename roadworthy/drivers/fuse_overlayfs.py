"""fuse-overlayfs."""

import re
from collections.abc import Iterator
from contextlib import suppress

from roadworthy.declaring.features import COPY_UP, LAYERS, WHITEOUTS
from roadworthy.drivers.base import Driver
from roadworthy.linux import FUSE_SUPER_MAGIC
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.machines.place import Place, PlacePath
from roadworthy.programs import ProgramFailed


class FuseOverlayfs(Driver):
    """An overlay in a FUSE server, for rootless engines and for kernels that refuse overlayfs to users."""

    name = "fuse-overlayfs"
    backings = ("ext4", "xfs", "btrfs", "tmpfs")
    features = LAYERS | WHITEOUTS | COPY_UP
    packages = ("fuse-overlayfs",)
    layout = ("fuse-overlayfs", "fuse-overlayfs/l")
    whiteout_form = "character device 0:0"
    built_on = "fuse-overlayfs"
    root_file_system = "fuse.fuse-overlayfs"
    magic = FUSE_SUPER_MAGIC
    server = "fuse-overlayfs"

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        yield machine.filesystem("fuse")
        yield machine.device("/dev/fuse", 10, 229)
        yield machine.command("fuse-overlayfs")

    def server_version(self, place: Place) -> str:
        """The version of Debian's package, or else what the program says of itself: the release 1.14 says 1.13-dev."""
        with suppress(ProgramFailed):
            packaged = place.run(["dpkg-query", "--show", "--showformat=${Version}", "fuse-overlayfs"])
            return packaged.partition("-")[0]
        said = place.run(["fuse-overlayfs", "--version"])
        found = re.search(r"^fuse-overlayfs: version (\S+)", said, re.MULTILINE)
        return found[1] if found else ""

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "fuse-overlayfs" / identity / "diff"
