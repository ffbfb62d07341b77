"""What a lane needs of its machine and its engine, and why it cannot be had where something is missing."""

from __future__ import annotations

from collections.abc import Iterator

from roadworthy.engines import engine_class
from roadworthy.lane.lanes import Lane
from roadworthy.machines.backing import BACKING_TYPES
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.versions import version


def requirements(lane: Lane, machine: Machine) -> Iterator[Requirement]:
    """Everything that a lane needs of this machine, the first unmet one being its reason."""
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
    """Why the lane's engine has not its driver, or nothing where it has."""
    removed, first = lane.driver.removed_in, lane.driver.first_in
    if removed and lane.engine.version >= version(removed):
        return f"{lane.driver.name} is not shipped by this engine: removed in Docker {removed}"
    if first and lane.engine.version < version(first):
        return f"{lane.driver.name} is not in this engine: it came with Docker {first}"
    return ""


def refuse_unmet(lane: Lane, machine: Machine) -> None:
    """Raise Unsupported for what this kernel or engine has not, Precondition for what the user can mend."""
    if sentence := lacking(lane):
        raise Unsupported(sentence)
    # Of a driver that the engine has not, nobody wants to know what else it would take.
    for need in requirements(lane, machine):
        if not need.met:
            raise (Precondition if need.host else Unsupported)(need.reason)
