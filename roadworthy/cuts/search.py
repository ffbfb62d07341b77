"""The search of one operation for cuts after which something is lost.

An operation is captured once: a daemon of the lane on a disk that writes down what it is told. Then it is replayed cut
by cut: the disk as it was, a file system mounted on it, the lane's daemon started there, and everything looked at.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
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
from roadworthy.reports.states import WHOLE
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
    begun, beside = time.monotonic(), Beside(site, software, stage)
    try:
        with second() as stand:
            capture = captured(operation, stand, beside)
            stand.home.close()
            told = list(capture.log.entries())
            entries = faults.told(told, capture.begin)
            kept = keep is not None and entries == told  # the log of a disk that lies says nothing of what it kept
            if keep is not None and kept:
                keep_log(capture.log, keep, captured_as(operation, stand, capture))
            captured_at = time.monotonic()
            every = list(flushes(entries, capture.begin, capture.end))
            near = [moment.at for moment in capture.moments if moment.at]
            cuts = chosen(entries, capture.begin, capture.end, near, most, crc32(operation.name.encode()))
            disk = partial(Replica, capture.log.path, entries, size=stand.backing.disk_size)
            replay = Replay(operation, stand, faults, site, beside, capture.moments, capture.records, stage)

            def look_back(cut: Cut) -> Look:
                back = disk(image=directory / "back")
                (found,) = replay.looked(back, [cut])
                back.image.unlink()
                return found

            looks = replay.looked(disk(image=directory / "disk"), cuts)
            found = Findings(
                operation, capture.moments, looks, len(every) - 1, capture.evidence, (0, 0), kept=kept
            )  # fmt: skip
            found = narrowed(found, every, look_back) if exact else found
            return replace(found, seconds=(captured_at - begun, time.monotonic() - captured_at))
    finally:
        beside.close()
        shutil.rmtree(directory)


@dataclass(frozen=True)
class Captured:
    """An operation that was done: its log, where in it cuts begin and end, and what was acknowledged when.

    `records` are the engine's and the driver's own at the end.
    """

    log: WriteLog
    evidence: Positioned
    moments: Sequence[Moment]
    begin: int
    end: int
    records: Records


def captured_as(operation: Operation, stand: Stand, found: Captured) -> Capture:
    """What is written beside a log that is kept."""
    return Capture(
        schema=SCHEMA, lane=stand.lane.id, operation=operation.name, does=operation.words, backing=stand.lane.backing,
        size=stand.backing.disk_size, begin=found.begin, end=found.end,
        moments=[Acknowledged(moment.thing.label, moment.at) for moment in found.moments if not moment.bystander],
        calls=[Asked(call.call, call.answer, at) for call, at in found.evidence.calls],
    )  # fmt: skip


def captured(operation: Operation, stand: Stand, beside: Beside) -> Captured:
    """Do the operation."""
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
    return Captured(log, evidence, moments, begin, end, records)


@dataclass(frozen=True)
class Replay:
    """A captured operation, whose disk is made again as it was at a cut, and looked at."""

    operation: Operation
    stand: Stand
    faults: Faults
    site: Site
    beside: Beside
    moments: Sequence[Moment]
    records: Records
    stage: Stage
    #: Every look at a disk, by the disk's digest.
    seen: dict[str, Look] = field(default_factory=dict)

    def looked(self, replica: Replica, cuts: Sequence[Cut]) -> list[Look]:
        """Look at each cut, in the order of the log; one that leaves the disk of an earlier look shows what that shows.

        The replica lies before the first cut, and advances to the last.
        """
        looks: list[Look] = []
        for number, cut in enumerate(cuts, 1):
            replica.advance(cut.position)
            image = self.site.state / f"{self.operation.name}.cut.img"
            self.site.ledger.intend("image", path=str(image))
            digest = replica.copy(image, cut.beyond)
            if digest in self.seen:
                image.unlink()
                looks.append(replace(self.seen[digest], cut=cut, equal=True))
                continue
            with self.stage(f"cutting the power in {self.operation.name}, {number} of {len(cuts)}"):
                looks.append(self.look(image, cut))
            self.seen[digest] = looks[-1]
        return looks

    def look(self, image: Path, cut: Cut) -> Look:
        """Start the lane's daemon on a disk, look at everything, ask again for what is damaged, and end it."""
        stand, found = self.stand, Look(cut)

        def before_start(home: Place) -> None:
            found.records = lost_records(self.records, records_of(stand))
            self.faults.arm(home)

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
            store = Store(stand, Evidence(), self.beside, still=True)
            for moment in self.moments:
                found.states[moment.thing.label] = shown(moment, store)
            if self.operation.repeats:
                found.healed = self._healed(store, found.states)
        finally:
            stand.home.close()
        return found

    def _healed(self, store: Store, states: Mapping[str, str]) -> dict[str, str]:
        """Ask for the operation again if anything of it is not whole: what its things are then."""
        broken = [one for one in self.moments if not one.bystander and states[one.thing.label] != WHOLE]
        if not broken:
            return {}
        try:
            for _ in self.operation.steps(store):
                pass
        except (DockerException, RequestException) as reason:
            return {one.thing.label: f"says so: {refused(reason)}" for one in broken}
        return {one.thing.label: shown(one, store) for one in broken}


def shown(moment: Moment, store: Store) -> str:
    """The state of a thing in a store."""
    return state(moment.thing, moment.thing.see(store), moment.expected)
