"""What a lane needs of its machine and its engine, and the reason if something is missing."""

from __future__ import annotations

from collections.abc import Iterator

from roadworthy.engines import engine_class
from roadworthy.lane.lanes import Lane
from roadworthy.machines.backing import BACKING_TYPES
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.versions import version


def requirements(lane: Lane, machine: Machine) -> Iterator[Requirement]:
    """Yield everything that a lane needs of this machine; the first unmet requirement is the lane's reason."""
    yield from lane.driver.requirements(machine)
    kind = BACKING_TYPES[lane.backing]
    yield machine.filesystem(kind.file_system or lane.backing)
    if kind.leaves:
        yield machine.own_kernel(kind.leaves)
    yield machine.privilege()
    for name, package in engine_class(lane.engine).programs:
        yield machine.command(name, package)
    if kind.mkfs:
        yield machine.command(kind.mkfs[0], kind.package)


def lacking(lane: Lane) -> str:
    """Why the lane's engine lacks its driver, or an empty string if it has it."""
    removed, first = lane.driver.removed_in, lane.driver.first_in
    if removed and lane.engine.version >= version(removed):
        return f"{lane.driver.name} is not shipped by this engine: removed in Docker {removed}"
    if first and lane.engine.version < version(first):
        return f"{lane.driver.name} is not in this engine: it came with Docker {first}"
    return ""


def refuse_unmet(lane: Lane, machine: Machine) -> None:
    """Raise Unsupported for what this kernel or engine lacks, Precondition for what the user can provide."""
    if sentence := lacking(lane):
        raise Unsupported(sentence)
    # Do not report further needs of a driver that the engine lacks, so they come after it.
    for need in requirements(lane, machine):
        if not need.met:
            raise (Precondition if need.host else Unsupported)(need.reason)
