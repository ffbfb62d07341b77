"""The drivers of containers/storage, the store of Podman, Buildah and CRI-O: other columns than Docker's drivers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from roadworthy.declaring.features import COPY_UP, LAYERS, PLAIN_FILES, SHARED_PAGE_CACHE, SIZE_LIMIT, WHITEOUTS
from roadworthy.drivers.base import Daemon, Driver
from roadworthy.linux import OVERLAYFS_SUPER_MAGIC
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.machines.place import PlacePath


class PodmanDriver(Driver):
    """A graph driver of containers/storage: its records are JSON files beside the driver's directory."""

    engines = ("podman",)
    default_engine = "podman-5"
    layers_added = 0

    def writable_layer(self, engine: Daemon, container: Mapping[str, Any]) -> PlacePath:
        records = self.records(engine, "containers")
        layer: str = next(record["layer"] for record in records if record["id"] == container["Id"])
        return self.layer_directory(engine.root, layer)

    def image_layer(self, engine: Daemon, chain_id: str) -> PlacePath:
        return self.layer_directory(engine.root, layer_of_chain(self.records(engine, "layers"), chain_id))

    def records(self, engine: Daemon, kind: str) -> list[dict[str, Any]]:
        """The store's records of `layers` or `containers`; those that need not outlive a crash lie in a second file."""
        directory = engine.root / f"{self.daemon_name}-{kind}"
        files = [directory / f"{prefix}{kind}.json" for prefix in ("", "volatile-")]
        return [record for file in files if file.exists() for record in json.loads(file.read_text())]


def layer_of_chain(records: Iterable[Mapping[str, Any]], chain_id: str) -> str:
    """The layer whose uncompressed contents, from the lowest layer up, have this chain id. Raises KeyError.

    A chain id is the OCI image-spec's (config.md, "Layer ChainID"); the store links layers by `parent` and gives each
    the digest of its contents.
    """
    by_id: dict[str, Mapping[str, Any]] = {str(record["id"]): record for record in records}
    chains: dict[str, str] = {}

    def chain(identity: str) -> str:
        if identity not in chains:
            record = by_id[identity]
            parent, digest = record.get("parent", ""), str(record.get("diff-digest", ""))
            below = chain(parent) if parent else ""
            joined = f"{below} {digest}"
            chains[identity] = f"sha256:{hashlib.sha256(joined.encode()).hexdigest()}" if below else digest
        return chains[identity]

    for identity, record in by_id.items():
        # The layer of a container has no digest: it is not part of an image.
        if record.get("diff-digest") and chain(identity) == chain_id:
            return identity
    raise KeyError(f"the store has no layer of chain {chain_id}")


class PodmanOverlay(PodmanDriver):
    """containers/storage's overlay driver: kernel overlayfs, one directory a layer."""

    name = "podman:overlay"
    engine_name = "overlay"
    backings = ("ext4", "xfs", "btrfs", "tmpfs")
    features = LAYERS | WHITEOUTS | COPY_UP | SHARED_PAGE_CACHE
    sizes_on = ("xfs:prjquota",)
    layout = ("overlay", "overlay/l", "overlay-layers", "overlay-images", "overlay-containers")
    info_fields = ("Backing Filesystem", "Supports d_type", "Native Overlay Diff")
    whiteout_form = "character device 0:0"
    built_on = "overlayfs"
    root_file_system = "overlay"
    magic = OVERLAYFS_SUPER_MAGIC

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        yield machine.filesystem("overlay")

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "overlay" / identity / "diff"


class PodmanVfs(PodmanDriver):
    """containers/storage's vfs driver: every layer, and every container, is a full copy of the one below."""

    name = "podman:vfs"
    engine_name = "vfs"
    another = "overlay"
    backings = ("ext4", "xfs", "btrfs", "tmpfs")
    features = LAYERS | PLAIN_FILES
    layout = ("vfs/dir", "vfs-layers", "vfs-images", "vfs-containers")

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "vfs/dir" / identity


class PodmanBtrfs(PodmanDriver):
    """containers/storage's btrfs driver: one btrfs subvolume a layer."""

    name = "podman:btrfs"
    engine_name = "btrfs"
    backings = ("btrfs",)
    features = LAYERS | SIZE_LIMIT
    layout = ("btrfs/subvolumes", "btrfs-layers", "btrfs-images", "btrfs-containers")
    info_fields = ("Build Version", "Library Version")

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        yield machine.filesystem("btrfs")

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "btrfs/subvolumes" / identity


PODMAN = (PodmanOverlay, PodmanVfs, PodmanBtrfs)
