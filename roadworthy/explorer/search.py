"""A search on a lane, which is brought up as in a run of pytest, with its output and its record."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from roadworthy.calls.answers import HostTrouble
from roadworthy.calls.exchange import AgentFault, CallHung
from roadworthy.engines.engine import EngineFailed
from roadworthy.explorer.as_check import check
from roadworthy.explorer.divergence import Divergence
from roadworthy.explorer.explore import Explorer
from roadworthy.explorer.ground import LaneGround, trees
from roadworthy.explorer.operations import Sequence
from roadworthy.explorer.recorded import Recorded
from roadworthy.explorer.report import reproducer, steps
from roadworthy.explorer.run import Runner
from roadworthy.lane.bring_up import lane_up
from roadworthy.lane.lanes import Lane
from roadworthy.lane.stand import Stand
from roadworthy.machines.kernel_log import bug
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Precondition, Unsupported, first_line
from roadworthy.upkeep import reaper
from roadworthy.upkeep.ending import at_ending
from roadworthy.upkeep.ledger import Ledger
from roadworthy.upkeep.ledger import read as read_ledger
from roadworthy.upkeep.site import Site
from roadworthy.verdict.deviations import DeviationError, load_all

DEVIATIONS = Path(__file__).parents[1] / "conformance/deviations"
#: Exit statuses, like pytest's: a new divergence; an error that is not the driver's.
NEW, TROUBLE = 1, 3
#: Seconds between two lines of progress.
PROGRESS = 15.0


class Trouble(click.ClickException):
    """The search did not begin, or did not end; this says nothing about the driver."""

    exit_code = TROUBLE


def searched(
    lane: Lane, accept_expired: bool, directory: Path, seed: int, processes: int, seconds: float,
    replayed: list[Sequence],
) -> int:  # fmt: skip
    """Bring the lane up and search it, or run given sequences there, and return the exit status. Raises Trouble."""
    with contextlib.ExitStack() as held:
        try:
            search = Search(brought_up(lane, accept_expired, held), seed, processes, directory)
            search.align()
            return search.replay(replayed) if replayed else search.run(seconds)
        except (
            Unsupported, Precondition, EngineFailed, AgentFault, CallHung, HostTrouble, ProgramFailed, DeviationError
        ) as reason:  # fmt: skip
            raise Trouble(f"{lane.id}: {first_line(reason)}") from None


def brought_up(lane: Lane, accept_expired: bool, held: contextlib.ExitStack) -> Stand:
    """Bring the lane up, with a ledger; closing `held` takes both down."""

    @functools.cache
    def site() -> Site:
        if os.geteuid() != 0:
            raise Precondition("needs root to mount and to start a daemon: run it as root, or with sudo")
        return Site(held.enter_context(ledger()))

    if lane.attached:
        raise click.UsageError("a search needs a daemon of the suite's own: leave out the address, or name an engine")
    return held.enter_context(lane_up(lane, trees(lane), site, stage, accept_expired))


@contextlib.contextmanager
def ledger() -> Iterator[Ledger]:
    """Yield a run's ledger, and undo what it names at the end. A signal that asks for the end ends the block, too."""

    def terminated(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    before = at_ending(terminated)
    kept = Ledger()
    reaper.reap()
    try:
        yield kept
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        path = kept.path
        kept.close()
        with reaper.owned(path) as ours:
            for sentence in reaper.undo(read_ledger(path)).left if ours else []:
                click.echo(f"left behind, `roadworthy reap` tries again: {sentence}", err=True)


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Print the name of the stage and its seconds if it took longer than two."""
    begun = time.monotonic()
    yield
    if time.monotonic() - begun > 2:
        click.echo(f"  {name}: {time.monotonic() - begun:.0f} s")


class Search:
    """One search on a lane that is up, with its output and its record in `directory`."""

    def __init__(self, stand: Stand, seed: int, processes: int, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.stand = stand
        self.ground = LaneGround(stand)
        recorded = Recorded(load_all(DEVIATIONS), stand.deviation_facts)
        self.explorer = Explorer(Runner(self.ground), recorded.find, seed, processes, self.tell, self.tick)
        self._begun = self._ticked = time.monotonic()
        self._log = stand.machine.kernel_log()
        self._logged: list[str] = []
        facts = stand.facts()
        self.write(kind="begin", lane=stand.lane.id, seed=seed, processes=processes, facts=facts)
        click.echo(f"{stand.lane.id}: seed {seed}, up to {processes} processes")

    def align(self) -> None:
        """Confirm that both trees begin alike, without attributes that the engine drops. Raises EngineFailed."""
        for attributes in (True, False):
            self.ground.attributes = attributes
            found = [one for one in self.explorer.runner.run(Sequence(False, ())) if not self.explorer.named(one)]
            if not found:
                return
            if not all(difference.what.startswith("user.") for difference in found):
                raise EngineFailed(f"the image's tree differs from the volume's before the first call: {found[0]}")
            click.echo("  user.* attributes do not reach the image here (see xattr/import-keeps-user): left out")
        raise EngineFailed(f"the image's tree differs from the volume's before the first call: {found[0]}")

    def run(self, seconds: float) -> int:
        """Search for `seconds`, and return the exit status. Raises EngineFailed if no step was made."""
        self._begun = self._ticked = time.monotonic()
        findings = self.explorer.explore(seconds)
        took = time.monotonic() - self._begun
        self.explorer.shorten()
        self._logged += self._log.lines()
        crash = bug(self._logged)
        for known in sorted(findings.known.values(), key=lambda one: one.deviation.check):
            click.echo(f"known    {known.deviation.check}  {known.times} times, shortest: {told(known.example)}")
            self.write(kind="known", check=known.deviation.check, times=known.times, **record(known.example))
        for found in findings.unsteady:
            click.echo(f"unsteady {told(found)}")
        for found in findings.new:
            click.echo(f"new      {told(found)}")
        if crash:
            click.echo(f"crash    the kernel says: {crash}")
        click.echo(self.explorer.line(took))
        click.echo(f"{len(findings.known)} recorded deviations, {len(findings.new)} new divergences; {self.directory}")
        statistics = self.explorer.runner.statistics
        self.write(
            kind="end", seconds=round(took, 1), sequences=statistics.sequences, steps=statistics.steps,
            calls=statistics.calls, containers=self.ground.containers, new=len(findings.new), crash=crash,
            coverage=sorted([name, state, times] for (name, state), times in statistics.coverage.items()),
        )  # fmt: skip
        if not statistics.steps:
            raise EngineFailed(f"nothing was searched in {took:.1f} s; give more --minutes")
        return NEW if findings.new or findings.unsteady or crash else 0

    def replay(self, sequences: list[Sequence]) -> int:
        """Run the sequences once, and return the exit status."""
        code = 0
        for sequence in sequences:
            click.echo(f"{len(sequence.operations)} operations: {'; '.join(map(str, sequence.operations))}")
            found = self.explorer.judged(sequence)
            click.echo(f"  {'nothing new' if found is None else f'new: {found}'}")
            code = code if found is None else NEW
        for known in self.explorer.findings.known.values():
            click.echo(f"known    {known.deviation.check}: {known.example}")
        return code

    def tick(self) -> None:
        """Print a line of progress every PROGRESS seconds."""
        now = time.monotonic()
        if now - self._ticked < PROGRESS:
            return
        self._ticked = now
        self._logged += self._log.lines()
        findings = self.explorer.findings
        minutes, seconds = divmod(int(now - self._begun), 60)
        line = self.explorer.line(now - self._begun)
        click.echo(f"  {minutes}:{seconds:02d}  {len(findings.known)} recorded, {len(findings.new)} new; {line}")

    def tell(self, found: Divergence) -> None:
        """Print a new divergence in full, and write its files."""
        number = len(list(self.directory.glob("finding-*.py"))) + 1
        script = reproducer(found)
        ending = "c" if script.startswith("//") else "sh"
        for name, text in ((f"finding-{number}.py", check(found, f"explorer/finding-{number}")),
                           (f"finding-{number}.{ending}", script)):  # fmt: skip
            with (self.directory / name).open("x") as file:
                file.write(text)
        self.write(kind="new", **record(found))
        click.echo(f"\nnew {number}: {told(found)}\n\n{check(found, f'explorer/finding-{number}')}\n{script}")

    def write(self, **line: Any) -> None:
        """Append a line to the search's record, and sync it."""
        with (self.directory / "explorer.jsonl").open("a") as file:
            file.write(json.dumps(line, default=str) + "\n")
            file.flush()
            os.fsync(file.fileno())


def told(found: Divergence) -> str:
    """A divergence in one line: the steps, and the difference that the last one shows."""
    before = [str(operation) for operation in steps(found)[:-1]]
    return "; ".join([*before, str(found)])


def record(found: Divergence) -> dict[str, Any]:
    """A divergence as the search's record carries it."""
    return {
        "sequence": found.sequence.as_json(), "position": found.position, "name": found.name, "path": found.path,
        "what": found.what, "driver": found.driver, "reference": found.reference, "state": found.state,
        "traits": sorted(found.traits),
    }  # fmt: skip
