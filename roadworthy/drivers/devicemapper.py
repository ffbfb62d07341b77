"""devicemapper."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from roadworthy.declaring.features import LAYERS, THIN_POOL
from roadworthy.drivers.base import Daemon, Driver, layer_id
from roadworthy.linux import XFS_SUPER_MAGIC
from roadworthy.machines.backing import Backing
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.machines.place import PlacePath
from roadworthy.reasons import Unsupported

#: A disk of fewer bytes than this is meant to be filled.
SMALL = 1 << 30
#: Removes the devices of layers before their pool; a device is released a moment after its last unmount.
REMOVE_DEVICES = """
for kind in layer pool; do
    for name in $(dmsetup info --columns --noheadings --options=name); do
        case "$kind $name" in
            "pool $1"*-pool) dmsetup remove --retry "$name" ;;
            *" $1"*-pool) ;;
            "layer $1"*) dmsetup remove --retry "$name" ;;
        esac
    done
done
"""


@contextmanager
def mounted(engine: Daemon, chain_id: str, pool: str, options: str) -> Iterator[PlacePath]:
    """Mount an image layer's device while the block runs, under a name of our own beside the daemon's."""
    identity = layer_id(engine.root, Devicemapper.name, chain_id)
    known = json.loads((engine.root / "devicemapper/metadata" / identity).read_text())
    name, place = f"roadworthy-{identity[:16]}", engine.place
    where = place.runtime / "layers" / identity
    place.path(where).mkdir(parents=True, exist_ok=True)
    table = f"0 {known['size'] // 512} thin /dev/mapper/{pool} {known['device_id']}"
    place.run(["dmsetup", "create", name, "--table", table])
    try:
        place.run(["mount", "-o", options, f"/dev/mapper/{name}", str(where)])
        try:
            yield place.path(where) / "rootfs"
        finally:
            place.run(["umount", str(where)])
    finally:
        place.run(["dmsetup", "remove", "--retry", name])


class Devicemapper(Driver):
    """One thin-provisioned block device per layer; a container is a snapshot of its image's device."""

    name = "devicemapper"
    # A container's size cannot be smaller than the base device, 10 GB: a limit too large for a check to reach.
    backings = ("direct-lvm", "loop-lvm")
    features = LAYERS | THIN_POOL
    packages = ("dmsetup",)
    removed_in = "25.0"
    layout = ("devicemapper/mnt", "devicemapper/metadata")
    info_fields = (
        "Pool Name", "Pool Blocksize", "Base Device Size", "Backing Filesystem", "Udev Sync Supported",
        "Data Space Used", "Data Space Total", "Metadata Space Used", "Metadata Space Total",
    )  # fmt: skip
    root_file_system = "xfs"
    magic = XFS_SUPER_MAGIC

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        yield machine.module("dm_mod", "the device mapper")
        yield machine.module("dm_thin_pool", "device-mapper thin targets")
        yield machine.own_kernel("the devices of its layers")

    def backing_options(self, backing: Backing) -> list[str]:
        if not backing.pool:
            # Its files are sparse, of 100 GB: on a small disk the file system is full before the pool, and breaks it.
            return [] if backing.size >= SMALL else [f"dm.loopdatasize={backing.size // 2}"]
        made = backing.pool.startswith("/dev/mapper/")
        return [f"dm.{'thinpooldev' if made else 'directlvm_device'}={backing.pool}"]

    def afterwards(self, backing: Backing) -> Iterator[list[str]]:
        # Names begin with the device that the data root lies on, see moby's DeviceSet.initDevmapper().
        device = backing.path().stat().st_dev
        prefix = f"docker-{os.major(device)}:{os.minor(device)}-"
        yield ["sh", "-c", REMOVE_DEVICES, "sh", prefix]

    @contextmanager
    def layers_at_hand(self, engine: Daemon, chain_ids: Sequence[str], writable: bool) -> Iterator[list[PlacePath]]:
        status = dict(engine.info()["DriverStatus"])
        unique = ["nouuid"] if status["Backing Filesystem"] == "xfs" else []
        options = ",".join(unique + (["rw"] if writable else ["ro", "norecovery"]))
        with ExitStack() as held:
            pool = status["Pool Name"]
            yield [held.enter_context(mounted(engine, chain_id, pool, options)) for chain_id in chain_ids]

    def image_layer(self, engine: Daemon, chain_id: str) -> PlacePath:
        raise Unsupported("this driver's image layers are devices that are mounted only while the engine uses them")

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        return data_root / "devicemapper/mnt" / identity / "rootfs"
