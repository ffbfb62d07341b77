"""Bring up the machine that a lane's engine and kernel need: this host, with or without an engine root, or a guest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from roadworthy.calls.toolbox import toolbox
from roadworthy.guests.capsule import TOOLBOX
from roadworthy.guests.guest import Guest, GuestFailed
from roadworthy.guests.initramfs import busybox
from roadworthy.guests.machine import GuestMachine
from roadworthy.guests.qemu import PROGRAM, Disk, Hardware
from roadworthy.guests.room import processors, room
from roadworthy.guests.toolbox_disk import toolbox_image
from roadworthy.lane.lanes import Lane
from roadworthy.lane.needs import refuse
from roadworthy.lane.other_machines import MACHINES
from roadworthy.machines.backing import GIB
from roadworthy.machines.host import Host
from roadworthy.machines.machine import Machine
from roadworthy.machines.mode import ROOTLESS
from roadworthy.machines.rooted import RootedHost
from roadworthy.reasons import Precondition
from roadworthy.stage import Stage
from roadworthy.supplies.engine_roots import ENGINES, Root, engine_image, engine_root
from roadworthy.supplies.kernels import kernel, modules_image
from roadworthy.supplies.laid_over import own_root
from roadworthy.supplies.own_engine import EngineUnknown, own_engine
from roadworthy.supplies.zfs_module import with_zfs
from roadworthy.upkeep.site import Site

#: Fresh, sparse disks of a guest: one or two for the lane's daemon, the others for daemons that checks start.
DATA_DISKS = 6
DISK_SIZE = 8 * GIB
#: The disk that can write down what it is told. Nobody pays for it before that: it has no content of its own.
LOGGED = "logged"


@contextmanager
def booted(lane: Lane, site: Site, stage: Stage, accept_expired: bool = False) -> Iterator[Machine]:
    """Yield the lane's machine while the block runs.

    Raises Precondition for what this host lacks, GuestFailed, and what the supplies of the machine raise.
    """
    if lane.source == "host" and not lane.root:
        yield Host()
        return
    if lane.source in MACHINES:
        with MACHINES[lane.source].booted(lane.root, site, stage) as machine:
            yield machine
        return
    host = Host()
    programs = ["mmdebstrap", "depmod", *([PROGRAM] if lane.source != "host" else []), *host.calls]
    refuse([host.privilege(), *map(host.command, programs)])
    with ExitStack() as held:
        zfs = lane.backing == "zfs"
        with stage(f"making the engine root {lane.engine}"):
            root = root_of(lane, accept_expired, stage)
        held.enter_context(root.held())
        if lane.source == "host":
            yield RootedHost(root)
            return
        with stage(f"fetching the kernel {lane.source}"):
            found = kernel(lane.source, accept_expired=accept_expired, stage=stage)
            if zfs:
                found = with_zfs(found, accept_expired=accept_expired, stage=stage)
            modules = modules_image(found, stage=stage)
            shell = busybox(accept_expired=accept_expired, stage=stage)
        with stage("making the disks of the guest"):
            image = engine_image(root, stage=stage)
            tools = toolbox_image(toolbox())
        held.enter_context(image.held())
        disks = [Disk("root", image.path / "root.ext4"), Disk("toolbox", tools)]
        if modules is not None:
            held.enter_context(modules.held())
            disks.append(Disk("modules", modules.path / "modules.ext4"))
        hardware = Hardware(found, shell, tuple(disks), processors=processors(), command_line=lane.kernel_options)
        with stage("waiting for room for another virtual machine"):
            held.enter_context(room(hardware.memory))
        with stage(f"booting Linux {found.release}"):
            guest = powered_on(site, hardware, stage)
        held.callback(guest.close)
        guest.mount_image("toolbox", TOOLBOX)
        yield GuestMachine(guest)


def root_of(lane: Lane, accept_expired: bool, stage: Stage) -> Root:
    """The root that the lane's daemon sees: an engine root of the suite, or the user's engine. Raises Precondition."""
    zfs = lane.backing == "zfs"
    extra = "+zfs" if zfs else "+rootless" if lane.mode is ROOTLESS else ""
    if lane.root in ENGINES:
        return engine_root(f"{lane.root}{extra}", accept_expired=accept_expired, stage=stage)
    try:
        return own_root(own_engine(lane.root), zfs, accept_expired=accept_expired, stage=stage)
    except EngineUnknown as reason:
        raise Precondition(f"--engine: {reason}") from None


def powered_on(site: Site, hardware: Hardware, stage: Stage) -> Guest:
    """Boot a guest with fresh disks; try once more if that fails, as emulated boots do on a busy host."""
    try:
        return power_on(site, hardware)
    except GuestFailed as reason:
        with stage(f"booting again, as the first boot failed ({reason})"):
            return power_on(site, hardware)


def power_on(site: Site, hardware: Hardware) -> Guest:
    path, runtime = site.next()
    fresh = [Disk(f"data{n}", path.with_suffix(f".{n}.img"), DISK_SIZE) for n in range(DATA_DISKS)]
    fresh.append(Disk(LOGGED, path.with_suffix(f".{LOGGED}.img"), DISK_SIZE, logged=True))
    guest = Guest(site.ledger, runtime, replace(hardware, disks=(*hardware.disks, *fresh)), keep=site.keep)
    try:
        return guest.ready()
    except BaseException:
        guest.close()
        raise
