"""aufs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from roadworthy.declaring.features import COPY_UP, LAYERS, SHARED_PAGE_CACHE, WHITEOUTS
from roadworthy.drivers.base import Daemon, Driver
from roadworthy.linux import AUFS_SUPER_MAGIC
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.machines.place import PlacePath


class Aufs(Driver):
    """A union of one directory per layer, by a file system that never was in the mainline kernel.

    In a layer, `.wh.NAME` marks the removal of NAME, all such marks being links to `.wh..wh.aufs` at the layer's top;
    `.wh..wh..opq` in a directory hides what older layers have in it. Files of several links that were copied up are
    held together by links under `.wh..wh.plnk`, and what was removed while open waits under `.wh..wh.orph`.
    """

    name = "aufs"
    backings = ("ext4", "xfs")
    features = LAYERS | WHITEOUTS | COPY_UP | SHARED_PAGE_CACHE
    removed_in = "24.0"
    layout = ("aufs/diff", "aufs/layers", "aufs/mnt")
    info_fields = ("Root Dir", "Backing Filesystem", "Dirs", "Dirperm1 Supported")
    whiteout_form = ".wh. file"
    built_on = "aufs"
    root_file_system = "aufs"
    magic = AUFS_SUPER_MAGIC

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        found = machine.filesystem("aufs")
        where = "; --kernel takes one that has it, see docs/bring-your-own-kernel.md"
        yield found if found.met or found.host else replace(found, reason=found.reason + where)

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "aufs/diff" / identity

    def lower_directories(self, engine: Daemon, root: str, container: Mapping[str, Any]) -> list[str]:
        """The lower branches from sysfs, as the mount table shows the mount's number only; br0 is the writable one."""
        found = re.search(r"\bsi=([0-9a-f]+)", root)
        if found is None:
            return []
        branches = engine.place.path(f"/sys/fs/aufs/si_{found[1]}").glob("br[0-9]*")
        numbered = {int(file.name.removeprefix("br")): file.read_text() for file in branches}
        return [numbered[number].strip().rpartition("=")[0] for number in sorted(numbered) if number]
