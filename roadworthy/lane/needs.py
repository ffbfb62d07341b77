"""What a lane needs of its machine and its engine, and the reason if something is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from roadworthy.engines import engine_class
from roadworthy.lane.lanes import Lane
from roadworthy.machines.backing import BACKING_TYPES
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.supplies.packages import needs
from roadworthy.versions import version


def requirements(lane: Lane, machine: Machine) -> Iterator[Requirement]:
    """Yield everything that a lane needs of this machine."""
    yield from lane.driver.requirements(machine)
    kind = BACKING_TYPES[lane.backing]
    yield machine.filesystem(kind.file_system or lane.backing)
    if kind.leaves:
        yield (alone := machine.own_kernel(kind.leaves))
        if not alone.met:
            return  # what else this machine lacks does not matter to a lane that is for another one
    if lane.mode.in_user_namespace:
        yield machine.user_namespaces()
    yield (privilege := machine.privilege())
    for name in (*engine_class(lane.engine).programs, *lane.mode.programs, *machine.calls):
        yield machine.command(name)
    if kind.mkfs:
        yield machine.command(kind.mkfs[0])
        if privilege.met:  # others cannot look
            yield machine.disk()


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
    refuse(requirements(lane, machine))


def refuse(needed: Iterable[Requirement]) -> None:
    """Raise Unsupported for the first need that nobody can meet here, else Precondition for all that the user can."""
    unmet = [need for need in needed if not need.met]
    for need in unmet:
        if not need.host:
            raise Unsupported(need.reason)
    if unmet:
        raise Precondition(at_once(unmet))


def at_once(unmet: Sequence[Requirement]) -> str:
    """The reasons of unmet needs in one sentence; programs are installed by one command."""
    programs = list(dict.fromkeys(need.program for need in unmet if need.program))
    reasons = dict.fromkeys(need.reason for need in unmet if not need.program)
    return "; ".join([*reasons, *([needs(*programs)] if programs else [])])
