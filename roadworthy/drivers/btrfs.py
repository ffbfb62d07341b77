"""btrfs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from roadworthy.declaring.features import LAYERS, SIZE_LIMIT, SNAPSHOTS
from roadworthy.drivers.base import Daemon, Driver
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.machines.place import PlacePath


class Btrfs(Driver):
    """One btrfs subvolume per layer; a container is a snapshot of its image."""

    name = "btrfs"
    backings = ("btrfs",)
    features = LAYERS | SIZE_LIMIT | SNAPSHOTS
    layout = ("btrfs/subvolumes",)
    info_fields = ("Build Version", "Library Version")

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        yield machine.filesystem("btrfs")

    def descent(
        self, engine: Daemon, chain_ids: Sequence[str], container: Mapping[str, Any]
    ) -> list[tuple[str, str]]:  # fmt: skip
        layers = [self.image_layer(engine, chain) for chain in chain_ids]
        # The engine puts a layer of its own, with what it mounts, between the image's last one and a container's.
        name = self.writable_layer(engine, container).name
        found = []
        for path in (
            *layers,
            self.layer_directory(engine.root, f"{name}-init"),
            self.layer_directory(engine.root, name),
        ):
            said = engine.place.run(["btrfs", "subvolume", "show", engine.place.inside(path)])
            uuids = dict(re.findall(r"^\s+(UUID|Parent UUID):\s+(\S+)$", said, re.MULTILINE))
            found.append((uuids["UUID"], "" if uuids["Parent UUID"] == "-" else uuids["Parent UUID"]))
        return found

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "btrfs/subvolumes" / identity
