"""zfs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from roadworthy.declaring.features import LAYERS, SIZE_LIMIT, SNAPSHOTS
from roadworthy.drivers.base import Daemon, Driver, layer_id, mount_id
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.machines.place import PlacePath
from roadworthy.reasons import Unsupported


@contextmanager
def mounted(engine: Daemon, chain_id: str, parent: str, options: str) -> Iterator[PlacePath]:
    """Mount an image layer's dataset while the block runs."""
    identity, place = layer_id(engine.root, Zfs.name, chain_id), engine.place
    where = place.runtime / "layers" / identity
    place.path(where).mkdir(parents=True, exist_ok=True)
    place.run(["mount", "-t", "zfs", "-o", options, f"{parent}/{identity}", str(where)])
    try:
        yield place.path(where)
    finally:
        place.run(["umount", str(where)])


def parent_dataset(engine: Daemon) -> str:
    """The dataset below which the engine makes one for each layer."""
    return str(dict(engine.info()["DriverStatus"])["Parent Dataset"])


class Zfs(Driver):
    """One ZFS dataset per layer; a container is a clone of its image's snapshot."""

    name = "zfs"
    backings = ("zfs",)
    features = LAYERS | SIZE_LIMIT | SNAPSHOTS
    root_file_system = "zfs"
    packages = ("zfsutils-linux",)
    layout = ("zfs/graph",)
    info_fields = ("Zpool", "Zpool Health", "Parent Dataset", "Space Used By Parent", "Space Available",
                   "Parent Quota", "Compression")  # fmt: skip

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        yield machine.module("zfs", "the zfs module")
        yield machine.command("zfs")

    @contextmanager
    def layers_at_hand(self, engine: Daemon, chain_ids: Sequence[str], writable: bool) -> Iterator[list[PlacePath]]:
        parent = parent_dataset(engine)
        options = "rw" if writable else "ro"
        with ExitStack() as held:
            yield [held.enter_context(mounted(engine, chain_id, parent, options)) for chain_id in chain_ids]

    def descent(
        self, engine: Daemon, chain_ids: Sequence[str], container: Mapping[str, Any]
    ) -> list[tuple[str, str]]:  # fmt: skip
        parent = parent_dataset(engine)
        name = mount_id(engine.root, self.daemon_name, container["Id"])
        names = [*(layer_id(engine.root, self.daemon_name, chain) for chain in chain_ids), f"{name}-init", name]
        found = []
        for own in names:
            origin = engine.place.run(["zfs", "get", "-H", "-o", "value", "origin", f"{parent}/{own}"]).strip()
            found.append((f"{parent}/{own}", "" if origin == "-" else origin.partition("@")[0]))
        return found

    def image_layer(self, engine: Daemon, chain_id: str) -> PlacePath:
        raise Unsupported("this driver's image layers are datasets that are mounted only while the engine uses them")

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "zfs/graph" / identity
