"""The search of one operation for cuts after which something is lost.

An operation is captured once: a daemon of the lane on a disk that writes down what it is told. Then it is replayed cut
by cut: the disk as it was, a file system mounted on it, the lane's daemon started there, and everything looked at.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from zlib import crc32

from docker.errors import DockerException
from requests.exceptions import RequestException

from roadworthy.calls.evidence import Evidence
from roadworthy.cuts.beside import Beside
from roadworthy.cuts.bisection import narrowed
from roadworthy.cuts.bystanders import bystanders
from roadworthy.cuts.choice import Cut, chosen, flushes
from roadworthy.cuts.contents import Tree
from roadworthy.cuts.findings import Findings, Look, Moment, Positioned
from roadworthy.cuts.kept import SCHEMA, Acknowledged, Asked, Capture, keep_log
from roadworthy.cuts.operation import Operation
from roadworthy.cuts.records import Records, lost_records, records_of
from roadworthy.cuts.replica import Replica
from roadworthy.cuts.store import Store, Thing, anonymous, refused, state
from roadworthy.engines.engine import EngineFailed
from roadworthy.lane.faults import Faults
from roadworthy.lane.software import Software
from roadworthy.lane.stand import Stand
from roadworthy.machines.backing import GIB
from roadworthy.machines.place import Place
from roadworthy.machines.write_log import WriteLog
from roadworthy.programs import ProgramFailed
from roadworthy.stage import Stage, quietly
from roadworthy.upkeep.site import Site

#: Bytes of the disk of a capture; sparse.
SIZE = 2 * GIB


def search(
    operation: Operation, second: Callable[[], AbstractContextManager[Stand]], faults: Faults, site: Site,
    software: Callable[[Stand], Software], most: float, stage: Stage = quietly, exact: bool = False,
    keep: Path | None = None,
) -> Findings:  # fmt: skip
    """Capture an operation on a daemon of its own, and look at `most` cuts of it; at every flush if that is infinite.

    `second` brings up a stand with a logged disk, `software` puts programs on its volume. If every flush is looked at,
    no part of what was written between two flushes is. If the search has to be `exact`, it looks for the first flush
    that breaks a promise. The log is kept in the file `keep`. Raises what making and capturing raise, and Unsupported.
    """
    directory = site.state / f"cuts-{operation.name}"
    directory.mkdir()
    begun, beside = time.monotonic(), Beside(site, software)
    try:
        with second() as stand:
            log, evidence, moments, begin, end, records = captured(operation, stand, beside)
            stand.home.close()
            told = list(log.entries())
            entries = faults.told(told, begin)
            kept = keep is not None and entries == told  # the log of a disk that lies says nothing of what it kept
            if keep is not None and kept:
                keep_log(log, keep, captured_as(operation, stand, evidence, moments, begin, end))
            captured_at = time.monotonic()
            every, size = list(flushes(entries, begin, end)), stand.backing.disk_size
            near = [moment.at for moment in moments if moment.at]
            cuts = chosen(entries, begin, end, near, most, crc32(operation.name.encode()))
            replica = Replica(log.path, entries, directory / "disk", size)
            replica.advance(begin)
            seen: dict[str, Look] = {}
            looks = looked(operation, stand, faults, site, beside, replica, cuts, moments, records, seen, stage)

            def look_back(cut: Cut) -> Look:
                back = Replica(log.path, entries, directory / "back", size)
                found = looked(operation, stand, faults, site, beside, back, [cut], moments, records, seen, stage)
                back.image.unlink()
                return found[0]

            found = Findings(operation, moments, looks, len(every) - 1, evidence, (0, 0), kept=kept)
            found = narrowed(found, every, look_back) if exact else found
            return replace(found, seconds=(captured_at - begun, time.monotonic() - captured_at))
    finally:
        beside.close()
        shutil.rmtree(directory)


def captured_as(
    operation: Operation, stand: Stand, evidence: Positioned, moments: Sequence[Moment], begin: int, end: int
) -> Capture:
    """What is written beside a log that is kept."""
    return Capture(
        schema=SCHEMA, lane=stand.lane.id, operation=operation.name, does=operation.words, backing=stand.lane.backing,
        size=stand.backing.disk_size, begin=begin, end=end,
        moments=[Acknowledged(moment.thing.label, moment.at) for moment in moments if not moment.bystander],
        calls=[Asked(call.call, call.answer, at) for call, at in evidence.calls],
    )  # fmt: skip


def captured(
    operation: Operation, stand: Stand, beside: Beside
) -> tuple[WriteLog, Positioned, list[Moment], int, int, Records]:  # fmt: skip
    """Do the operation: the log, what was acknowledged when, where cuts begin and end, and the records at the end."""
    assert stand.home.write_log is not None, "the lane's disk writes nothing down"
    log = WriteLog(stand.home.write_log)
    evidence = Positioned(log.position)
    store = Store(stand, evidence, beside)
    others = bystanders(store)
    steps = operation.steps(store)
    next(steps)
    stand.backing.settle()
    evidence.begin()
    store.note_requests()
    begin, things = log.position(), []
    for thing in steps:
        assert thing is not None, f"{operation.name} is ready twice"
        things.append((thing, log.position()))
    evidence.end()
    stand.backing.settle()
    end, records = log.position(), records_of(stand)

    at_rest = Store(stand, Evidence(), beside, still=True)

    def seen(thing: Thing) -> Tree | str | None:
        return thing.see(at_rest) if thing.expected == "as made" else thing.expected

    moments = [Moment(thing, 0, seen(thing), bystander=True) for thing in others]
    moments += [Moment(thing, at, seen(thing)) for thing, at in things]
    return log, evidence, moments, begin, end, records


def looked(
    operation: Operation, stand: Stand, faults: Faults, site: Site, beside: Beside, replica: Replica,
    cuts: Sequence[Cut], moments: Sequence[Moment], records: Records, seen: dict[str, Look], stage: Stage,
) -> list[Look]:  # fmt: skip
    """Look at each cut; one that leaves the disk of an earlier look, in `seen` by its digest, shows what that shows."""
    looks: list[Look] = []
    for number, cut in enumerate(cuts, 1):
        replica.advance(cut.position)
        image = site.state / f"{operation.name}.cut.img"
        site.ledger.intend("image", path=str(image))
        digest = replica.copy(image, cut.beyond)
        if digest in seen:
            image.unlink()
            looks.append(replace(seen[digest], cut=cut, equal=True))
            continue
        with stage(f"cutting the power in {operation.name}, {number} of {len(cuts)}"):
            looks.append(look(operation, stand, faults, beside, image, cut, moments, records))
        seen[digest] = looks[-1]
    return looks


def look(
    operation: Operation, stand: Stand, faults: Faults, beside: Beside, image: Path, cut: Cut,
    moments: Sequence[Moment], records: Records,
) -> Look:  # fmt: skip
    """Start the lane's daemon on a disk, look at everything, ask again for what is damaged, and end it."""
    found = Look(cut)

    def before_start(home: Place) -> None:
        found.records = lost_records(records, records_of(stand))
        faults.arm(home)

    try:
        stand.go_on_with(image, before_start)
    except ProgramFailed as reason:
        found.start = f"the file system is not mounted: {anonymous(' '.join(str(reason).split()))[-160:]}"
        return found
    except EngineFailed as reason:
        found.start = f"the daemon does not start: {refused(reason)[-200:]}"
        stand.home.close()
        return found
    try:
        store = Store(stand, Evidence(), beside, still=True)
        for moment in moments:
            found.states[moment.thing.label] = state(moment.thing, moment.thing.see(store), moment.expected)
        if operation.repeats:
            found.healed = healed(operation, store, moments, found.states)
    finally:
        stand.home.close()
    return found


def healed(
    operation: Operation, store: Store, moments: Sequence[Moment], states: dict[str, str]
) -> dict[str, str]:  # fmt: skip
    """Ask for the operation again if anything of it is not whole: what its things are then."""
    broken = [one for one in moments if not one.bystander and states[one.thing.label] != "whole"]
    if not broken:
        return {}
    try:
        for _ in operation.steps(store):
            pass
    except (DockerException, RequestException) as reason:
        return {one.thing.label: f"says so: {refused(reason)}" for one in broken}
    return {one.thing.label: state(one.thing, one.thing.see(store), one.expected) for one in broken}
