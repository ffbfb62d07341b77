"""Whether a lane can run on this host, as far as that can be seen without starting or fetching anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from roadworthy.guests.qemu import PROGRAM
from roadworthy.lane import needs
from roadworthy.lane.lanes import Lane
from roadworthy.lane.other_machines import MACHINES
from roadworthy.machines.backing import BACKING_TYPES
from roadworthy.machines.host import Host
from roadworthy.machines.machine import Requirement
from roadworthy.supplies.engine_roots import cached_root
from roadworthy.supplies.kernels import is_series


def wanted(lane: Lane, host: Host) -> Iterator[Requirement]:
    """Yield what a lane needs of this host; an engine root brings all programs but the one that makes it."""
    if lane.source in MACHINES:
        return  # it says so itself when it starts
    if lane.source == "host" and not lane.root:
        yield from needs.requirements(lane, host)
        return
    if lane.source == "host":
        yield from (need for need in lane.driver.requirements(host) if not need.host)
        kind = BACKING_TYPES[lane.backing]
        yield host.filesystem(kind.file_system or lane.backing)
        if kind.leaves:
            yield host.own_kernel(kind.leaves)
        if lane.mode.in_user_namespace:
            yield host.user_namespaces()
    yield host.privilege()
    if lane.source != "host":
        yield host.command(PROGRAM)
    if cached_root(lane.root) is None:
        yield host.command("mmdebstrap")


def why_not(lane: Lane, host: Host) -> str:
    """The one thing to do before a lane can run on this host, or an empty string if it can."""
    if sentence := needs.lacking(lane):
        return sentence
    if not (lane.source == "host" or is_series(lane.source) or lane.source in MACHINES or Path(lane.source).exists()):
        return f"needs the kernel {lane.source}, which is not on this host"
    unmet = [need for need in wanted(lane, host) if not need.met]
    nobody = next((need.reason for need in unmet if not need.host), "")
    return nobody or needs.at_once(unmet)
