"""The lanes of a run that are up: how they come up, go down and come up again, and what their kernels log meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from docker.errors import DockerException

from roadworthy.calls.exchange import AgentFault, CallHung
from roadworthy.declaring.checks import Declared
from roadworthy.engines import engine_name
from roadworthy.engines.engine import EngineFailed
from roadworthy.guests.log import GuestKernelLog
from roadworthy.guests.machine import GuestHost
from roadworthy.lane.booting import Wanted, machine
from roadworthy.lane.daemons import Daemons, Outcome
from roadworthy.lane.lanes import Lane
from roadworthy.lane.stand import BACKING_SIZE, Stand, bring_up, refuse_unmet
from roadworthy.machines.host import Host
from roadworthy.machines.kernel_log import KernelLog
from roadworthy.run.repeats import Repeats
from roadworthy.upkeep.site import Site
from roadworthy.verdict.judge import first_line


class Run(Protocol):
    """What lanes need of the run that they belong to."""

    mutant: Any
    machine: Host
    repeats: Repeats

    def site(self) -> Site:
        """The run's directories."""
        ...

    def checks(self, lane: Lane) -> list[Declared]:
        """What is asked on a lane, each check once."""
        ...

    def option(self, name: str) -> Any:
        """An option of the command line."""
        ...

    def facts(self) -> dict[str, Any]:
        """How checks are asked, for a lane's record."""
        ...

    def record_lane(
        self, lane: Lane, reason: BaseException | None, facts: Mapping[str, Any], seconds: Mapping[str, float]
    ) -> None:
        """Write what has become of a lane."""
        ...

    def say(self, text: str) -> None:
        """Tell a person."""
        ...

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Tell a person what is going on while the block runs, where it takes long."""
        ...


class Stands:
    """The stands of one run, by their lanes' ids."""

    def __init__(self, run: Run) -> None:
        self._run = run
        #: Lanes that did not come up or are lost, with the cause. None is tried again.
        self.down: dict[str, BaseException] = {}
        self._up: dict[str, Stand] = {}
        self._stacks: dict[str, contextlib.ExitStack] = {}
        self._kernel_logs: dict[str, KernelLog | GuestKernelLog] = {}
        self._last_logged: dict[str, list[str]] = {}
        self._tried: dict[Any, Outcome] = {}

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
                facts = {**stand.facts(), **self._run.facts()}
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
                # The lane goes down within its last check's clean-up, whose report is still to be made.
                log = self._kernel_logs.pop(lane.id)
                self._last_logged[lane.id] = log.lines()
                log.close()
                if self._run.mutant is not None:
                    facts["mutant"] = self._run.mutant.facts()
                if stand.reference is not None:
                    facts["reference"] = stand.reference.facts()
                self._run.record_lane(lane, None, facts, stand.seconds)
                if stand.keep:
                    self._run.say(
                        f"kept: docker --host unix://{stand.engine.socket} ps -a; roadworthy reap --kept removes it"
                    )
        finally:
            self._stacks.pop(lane.id).close()

    def brought_up(self, lane: Lane, stack: contextlib.ExitStack) -> Stand:
        """The lane's machine and, on it, the lane; both go with `stack`."""
        run = self._run
        if lane.source == "host" and not lane.root:
            refuse_unmet(lane, run.machine)  # first of all: what the kernel lacks is seen without root
        wanted = Wanted(lane.root, lane.source, lane.backing == "zfs", lane.kernel_options)
        found = stack.enter_context(machine(wanted, run.site(), run.stage, run.option("accept_expired_suites")))
        stand = stack.enter_context(bring_up(lane, run.checks(lane), found, run.site(), run.stage))
        self.watch(lane, found.kernel_log())
        if run.option("reference") and run.mutant is None and not isinstance(found, GuestHost):
            stand.compare_trees()
        return stand

    def revive(self, stand: Stand) -> None:
        """A machine that was lost in a check is made anew, and the lane with it: a loss costs one verdict."""
        self._run.say(f"{stand.lane.id}: the machine was lost; it is booted again")
        try:
            self._remake(stand)
        except Exception as reason:
            stand.lost = EngineFailed(f"the machine could not be brought back after a check: {first_line(reason)}")

    def renew(self, stand: Stand, meanwhile: Callable[[], None] = lambda: None) -> None:
        """A new daemon on a new disk for a lane that is up; `meanwhile` is done while it is down."""
        log = self._kernel_logs[stand.lane.id]
        self._remake(stand, meanwhile)
        log.close()

    def _remake(self, stand: Stand, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Take the lane down, whatever is left of it, and bring it up anew; `stand` goes on as the new one."""
        lane, turn = stand.lane, stand.round
        old, compared = self._stacks[lane.id], stand.reference
        self._stacks[lane.id] = contextlib.ExitStack()
        with contextlib.suppress(AgentFault, CallHung, DockerException, OSError):
            old.close()
        meanwhile()
        stand.become(self.brought_up(lane, self._stacks[lane.id]))
        stand.round = turn
        if stand.reference is not None and compared is not None:
            stand.reference.go_on_from(compared)

    def begin_round(self, stand: Stand, turn: int) -> None:
        """What the rounds before have left in containers and on the volume is not there in this one."""
        self.forget_tries()
        try:
            if self._run.repeats.has_fresh_daemon(turn):
                stand.round = turn
                self.renew(stand)
            else:
                stand.begin_round(self._run.checks(stand.lane), turn)
        except Exception as reason:
            stand.lost = EngineFailed(f"round {turn} could not begin: {first_line(reason)}")

    # --- besides the lane's own daemon

    def second(self, stand: Stand, check: Declared, size: int = BACKING_SIZE) -> Iterator[Stand]:
        """Another stand of the same lane, for one check."""
        with bring_up(stand.lane, [check], stand.machine, self._run.site(), self._run.stage, size) as own:
            yield own

    def daemons(self, stand: Stand) -> Daemons:
        """Daemons with any driver on any backing, on the lane's machine."""
        return Daemons(self._run.site, stand.lane, stand.machine, self._tried)

    def forget_tries(self) -> None:
        """What daemons have refused before is tried again."""
        self._tried.clear()

    # --- what kernels log

    def watch(self, lane: Lane, log: KernelLog | GuestKernelLog) -> None:
        """From now on this is the log of the kernel below the lane."""
        self._kernel_logs[lane.id] = log

    def skip_logged(self) -> None:
        """What has been logged until now is no check's."""
        for log in self._kernel_logs.values():
            log.lines()

    def logged(self, lane: Lane) -> list[str]:
        """What the kernel under the lane has logged since the last look."""
        if lane.id in self._kernel_logs:
            return self._kernel_logs[lane.id].lines()
        return self._last_logged.pop(lane.id, [])


def ready_line(lane: Lane, facts: Mapping[str, Any]) -> str:
    """A sentence on what a lane that is up really is."""
    engine, driver = facts["engine"], facts["driver"]
    backing = driver["status"].get("Backing Filesystem", lane.backing)
    name = engine_name(lane.engine)
    return f"{lane.id}: {name} {engine['version']}, API {engine['api']}, {driver['name']} on {backing}"
