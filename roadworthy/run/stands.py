"""The lanes of a run that are up: how they come up, go down and come up again, and what their kernels log meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from docker.errors import DockerException

from roadworthy.calls.exchange import AgentFault, CallHung
from roadworthy.declaring.checks import Declared
from roadworthy.engines.engine import EngineFailed
from roadworthy.lane.bring_up import begin_round, bring_up
from roadworthy.lane.daemon import BACKING_SIZE
from roadworthy.lane.daemons import Daemons, Outcome
from roadworthy.lane.faults import Faults
from roadworthy.lane.lanes import Lane
from roadworthy.lane.stand import Stand, is_silent
from roadworthy.machines.kernel_log import Log
from roadworthy.machines.watchdog import Watchdog
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import MachineLost, first_line
from roadworthy.run.repeats import Repeats
from roadworthy.upkeep.site import Site
from roadworthy.verdict.deviations import Facts
from roadworthy.verdict.first_namespace import without_what_is_kept


class Run(Protocol):
    """What lanes need of the run that they belong to."""

    faults: Faults
    repeats: Repeats
    watchdog: Watchdog

    def site(self) -> Site:
        """The run's directories."""
        ...

    def bring_up(self, lane: Lane, held: contextlib.ExitStack) -> Stand:
        """Bring up the lane's machine and the lane on it; `held` takes both down."""
        ...

    def checks(self, lane: Lane) -> list[Declared]:
        """The checks of a lane, each once."""
        ...

    def option(self, name: str) -> Any:
        """An option of the command line."""
        ...

    def facts(self) -> dict[str, Any]:
        """Options that change how checks run, for a lane's record."""
        ...

    def facts_added(self, stand: Stand) -> dict[str, Any]:
        """Facts of a lane that came up, as other plugins tell them."""
        ...

    def record_lane(
        self, lane: Lane, reason: BaseException | None, facts: Mapping[str, Any], seconds: Mapping[str, float]
    ) -> None:
        """Write a lane's record: its state with the reason, facts, and seconds by stage."""
        ...

    def say(self, text: str, needed: bool = False) -> None:
        """Print a message for the user; with -q only one that is `needed`."""
        ...

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Print the name of the stage if its block takes long."""
        ...


#: How often a lane that cannot be brought back gets a new daemon on a new disk.
NEW_DAEMONS = 3
#: The watchdog's name for the second stand that a check has.
SECOND = "second"


@dataclass(frozen=True)
class Aftermath:
    """What one phase of a check leaves for its judge, once the lane is usable again or given up."""

    #: What really broke the check; None if nothing did.
    broken: BaseException | None
    #: What the kernel below the lane has logged meanwhile.
    log: list[str]
    #: The facts that conditions of deviations are compared with; None if the lane is not up.
    facts: Facts | None = None
    #: Whether the check broke because the lane was down already.
    never_up: bool = False
    #: Why the lane was lost for good in this check, or an empty string.
    lost: str = ""
    #: Why verdicts cannot be trusted, or an empty string.
    unbelievable: str = ""
    #: Why the check, if it broke, says nothing about the driver; or an empty string.
    host: str = ""
    #: Where in the kernel processes sleep that no signal ends, if an answer was missing; or an empty string.
    asleep: str = ""
    #: Where in the agent's or the daemon's program the answer was waited for, or an empty string.
    stacks: str = ""


class Stands:
    """The stands of one run, by their lanes' ids."""

    def __init__(self, run: Run) -> None:
        self._run = run
        #: Lanes that did not come up or are lost, with the cause. None is tried again.
        self.down: dict[str, BaseException] = {}
        #: The facts of each lane that is or was up.
        self.facts: dict[str, dict[str, Any]] = {}
        self._up: dict[str, Stand] = {}
        self._stacks: dict[str, contextlib.ExitStack] = {}
        self._kernel_logs: dict[str, Log] = {}
        self._last_logged: dict[str, list[str]] = {}
        self._tried: dict[Any, Outcome] = {}
        #: How many new daemons on new disks each lane got because it could not be brought back.
        self._new: dict[str, int] = {}
        #: How often all that was tried was forgotten: what was found before says nothing of what follows.
        self.era = 0

    def of(self, lane: Lane) -> Stand | None:
        """The lane's stand, if it is up."""
        return self._up.get(lane.id)

    def up(self, lane: Lane) -> Iterator[Stand]:
        """Bring the lane up for as long as its checks run; a lane that failed once is not tried again."""
        if lane.id in self.down:
            raise self.down[lane.id]
        stack = self._stacks[lane.id] = contextlib.ExitStack()
        try:
            try:
                stand = self.brought_up(lane, stack)
                facts = self.facts[lane.id] = {**stand.facts(), **self._run.facts(), **self._run.facts_added(stand)}
            except BaseException as reason:
                self.down[lane.id] = reason
                self._run.record_lane(lane, reason, {}, {})
                raise
            self._up[lane.id] = stand
            self._run.say(ready_line(lane, facts))
            try:
                yield stand
            finally:
                self._up.pop(lane.id, None)
                # The lane goes down in its last check's clean-up, before that phase is reported.
                log = self._kernel_logs.pop(lane.id)
                self._last_logged[lane.id] = log.lines()
                log.close()
                facts |= self._run.faults.facts()
                if stand.reference is not None:
                    facts["reference"] = stand.reference.facts()
                self._run.record_lane(lane, None, facts, stand.seconds)
                if stand.keep:
                    command = f"docker --host unix://{stand.engine.socket} ps -a"
                    self._run.say(f"kept: {command}; roadworthy reap --kept removes it", needed=True)
        finally:
            self._run.watchdog.forget(lane.id)
            self._stacks.pop(lane.id).close()

    def brought_up(self, lane: Lane, held: contextlib.ExitStack) -> Stand:
        """Bring the lane up, and follow the log of the kernel below it."""
        stand = self._run.bring_up(lane, held)
        self._kernel_logs[lane.id] = stand.machine.kernel_log()
        self._watch(stand)
        if self._run.option("reference") and self._run.faults.trees and not stand.machine.far:
            stand.compare_trees()
        return stand

    def _watch(self, stand: Stand) -> None:
        if watched := stand.watched():
            self._run.watchdog.watch(stand.lane.id, watched)

    def _watch_second(self, own: Stand) -> None:
        """Watch a second stand, unless its machine is watched already."""
        if not own.machine.far and (watched := own.watched(restarts=True)):
            self._run.watchdog.watch(SECOND, watched)

    def before(self, stand: Stand) -> None:
        """Make a lane usable that something happened to since the last check: no check has to break for it."""
        if trouble := self._run.watchdog.look(stand.lane.id).engine:
            self._run.say(f"{stand.lane.id}: {trouble}")
            self._recover(stand, None, frozenset(), trouble)

    def _recover(
        self, stand: Stand, broken: BaseException | None, capabilities: frozenset[str], trouble: str
    ) -> BaseException | None:
        """Make a lane usable or mark it as down, and return what really broke the check."""
        broken = stand.recovered(broken, capabilities, trouble)
        if isinstance(broken, MachineLost):
            self.revive(stand)
        elif stand.lost is not None:
            self._begin_anew(stand, stand.lost)
        elif isinstance(broken, EngineFailed) and stand.lost is None:
            self._watch(stand)
        if stand.lost is not None:
            self.down[stand.lane.id] = stand.lost
        return broken

    def after(self, lane: Lane, check: Declared, when: str, broken: BaseException | None) -> Aftermath:
        """Make the lane usable after a phase of a check, or mark it as down, and return what the phase left.

        `when` is pytest's name of the phase.
        """
        log, stand = self.logged(lane), self.of(lane)
        if when == "teardown" and (broken is None or stand is None):
            return Aftermath(broken, log)
        never_up = broken is not None and broken is self.down.get(lane.id)
        if stand is None:
            return Aftermath(broken, log, None, never_up, unbelievable=self._run.faults.trouble())
        silent = is_silent(broken)
        sights = [self._run.watchdog.look(name, asleep=silent) for name in (lane.id, SECOND)]
        told = [sight.explains(silent) for sight in sights]
        asleep = "; ".join(word for sight in sights for word in sight.asleep)
        if when == "teardown" and asleep:  # a container that cannot be removed would hold the lane at its end
            stand.lost = EngineFailed(f"what the check has made cannot be removed: {asleep}")
        stacks = stand.stacks(broken) if silent else ""
        broken = self._recover(stand, broken, check.capabilities, sights[0].engine)
        if lane.mode.in_user_namespace:
            broken = without_what_is_kept(broken)
        facts = stand.deviation_facts(check.provenance)
        lost = "" if stand.lost is None else str(stand.lost)
        host = "; ".join(filter(None, told))
        return Aftermath(broken, log, facts, never_up, lost, self._run.faults.trouble(), host, asleep, stacks)

    def revive(self, stand: Stand) -> None:
        """Boot a lost machine again and bring its lane up, so that the loss costs one verdict only.

        A boot beside other work may fail for reasons of this host, so that a second one is tried.
        """
        self._run.say(f"{stand.lane.id}: the machine was lost; it is booted again")
        try:
            self._remake(stand)
            return
        except Exception as reason:
            self._run.say(f"{stand.lane.id}: it did not come back ({first_line(reason)}); it is booted once more")
        try:
            self._remake(stand)
        except Exception as reason:
            stand.lost = EngineFailed(f"the machine could not be brought back after a check: {first_line(reason)}")

    def _begin_anew(self, stand: Stand, lost: EngineFailed) -> None:
        """Give a lane that cannot be brought back a new daemon on a new disk, some times.

        On this host, a process that no signal ends stays where it is, with all that it uses; the ledger names it. A
        guest is powered off with all that it has, and another one is booted.
        """
        turn = self._new[stand.lane.id] = self._new.get(stand.lane.id, 0) + 1
        if turn > NEW_DAEMONS:
            return
        self._run.say(f"{stand.lane.id}: {lost}; {stand.machine.anew}")
        try:
            stand.machine.give_up()
            self._remake(stand)
        except Exception as reason:
            stand.lost = EngineFailed(f"{lost}; nor could a new daemon be started: {first_line(reason)}")

    def renew(self, stand: Stand, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Give a lane that is up a new daemon on a new disk; `meanwhile` is called while the lane is down."""
        log = self._kernel_logs[stand.lane.id]
        self._remake(stand, meanwhile)
        log.close()

    def _remake(self, stand: Stand, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Take down what is left of the lane and bring it up again; `stand` takes over its running parts."""
        lane, turn = stand.lane, stand.round
        old, compared = self._stacks[lane.id], stand.reference
        self._stacks[lane.id] = contextlib.ExitStack()
        self._run.watchdog.forget(lane.id)
        with contextlib.suppress(AgentFault, CallHung, DockerException, OSError, ProgramFailed):
            old.close()
        meanwhile()
        stand.go_on_as(self.brought_up(lane, self._stacks[lane.id]))
        stand.round = turn
        if stand.reference is not None and compared is not None:
            stand.reference.go_on_from(compared)

    def begin_round(self, stand: Stand, turn: int) -> None:
        """Begin a round without what earlier rounds left in containers and on the volume."""
        self.forget_tries()
        try:
            if self._run.repeats.has_fresh_daemon(turn):
                stand.round = turn
                self.renew(stand)
            else:
                begin_round(stand, self._run.checks(stand.lane), turn)
        except Exception as reason:
            stand.lost = EngineFailed(f"round {turn} could not begin: {first_line(reason)}")

    # --- besides the lane's own daemon

    @contextlib.contextmanager
    def second(
        self, stand: Stand, checks: Sequence[Declared], size: int = BACKING_SIZE, logged: bool = False
    ) -> Iterator[Stand]:  # fmt: skip
        """Yield a second stand of the lane for some checks; see bring_up for `size` and `logged`."""
        stand.refuse_life()
        site, stage, faults = self._run.site(), self._run.stage, self._run.faults
        with bring_up(stand.lane, checks, stand.machine, site, stage, size, faults, logged) as own:
            if not logged:  # every cut of such a disk ends its daemon
                self._watch_second(own)
            try:
                yield own
            finally:
                self._run.watchdog.forget(SECOND)

    def cut_power(self, own: Stand) -> None:
        """Cut the power of a second stand, whose processes all end by it."""
        self._run.watchdog.forget(SECOND)
        own.cut_power(self._run.faults.arm)
        self._watch_second(own)

    def daemons(self, stand: Stand) -> Daemons:
        """Daemons with any driver on any backing, on the lane's machine. Raises Unsupported."""
        stand.refuse_life()
        return Daemons(self._run.site, stand.lane, stand.machine, self._tried, self._run.faults)

    def forget_tries(self) -> None:
        """Forget which daemons were tried, so that they are tried again."""
        self._tried.clear()
        self.era += 1

    # --- what kernels log

    def skip_logged(self) -> None:
        """Discard what has been logged until now, because no check caused it."""
        for log in self._kernel_logs.values():
            log.lines()

    def logged(self, lane: Lane) -> list[str]:
        """What the kernel under the lane has logged since the last look."""
        if lane.id in self._kernel_logs:
            return self._kernel_logs[lane.id].lines()
        return self._last_logged.pop(lane.id, [])


def ready_line(lane: Lane, facts: Mapping[str, Any]) -> str:
    """A sentence with the engine, driver and backing that a lane really runs."""
    engine, driver = facts["engine"], facts["driver"]
    backing = driver["status"].get("Backing Filesystem", lane.backing)
    return f"{lane.id}: {lane.engine.kind} {engine['version']}, API {engine['api']}, {driver['name']} on {backing}"
