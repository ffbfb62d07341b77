"""Many mutants on one daemon: a pytest plugin that runs the checks again for each.

    pytest -p roadworthy.mutants.series --series=FILE --mutant=identity ...

FILE is JSON: the directory for the bundles, and the turns, each a mutant with its checks. Between two turns the lane's
containers are removed and its runtime becomes the next mutant's; if the last mutant has spoiled more than its
containers, the lane is brought up again. Processes with the same file share its turns: each takes those that no other
has begun.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from roadworthy.declaring.checks import declared
from roadworthy.declaring.places import CHECKS
from roadworthy.mutants.catalogue import find
from roadworthy.mutants.run import MutantRun
from roadworthy.mutants.selection import Wanted, keep
from roadworthy.run.keys import EVIDENCE
from roadworthy.run.session import SESSION, Session, lane_of
from roadworthy.trees.layers import flattened

#: The file in a turn's directory with the seconds that it took.
ENDED = "ended"


@dataclass(frozen=True)
class Turn:
    """One mutant and its checks."""

    mutant: str
    wanted: Wanted

    def record(self) -> dict[str, Any]:
        return {"mutant": self.mutant, **asdict(self.wanted)}


@dataclass(frozen=True)
class Series:
    """The file that processes share. A turn's bundle lies below `directory`, under its mutant's name."""

    directory: Path
    turns: Sequence[Turn]

    @classmethod
    def read(cls, path: Path) -> Series:
        found = json.loads(path.read_text())
        turns = [
            Turn(x["mutant"], Wanted(tuple(x["only"]), tuple(x["slow_too"]), x["sample"], x["volumes"]))
            for x in found["turns"]
        ]
        return cls(Path(found["directory"]), turns)

    def write(self, path: Path) -> None:
        turns = [turn.record() for turn in self.turns]
        path.write_text(json.dumps({"directory": str(self.directory), "turns": turns}, indent=1) + "\n")

    def mine(self) -> Iterator[Turn]:
        """Yield the turns that no process has begun, and claim each for this process."""
        for turn in self.turns:
            try:
                self.claim(turn.mutant).open("x").close()
            except FileExistsError:
                continue
            yield turn

    def claim(self, mutant: str) -> Path:
        return self.directory / f"{mutant}.begun"

    def seconds(self, mutant: str) -> float | None:
        """The seconds that a turn took, or None if it has not ended."""
        path = self.directory / mutant / ENDED
        said = path.read_text() if path.exists() else ""
        return float(said) if said.endswith("\n") else None

    def note(self, mutant: str, seconds: float) -> None:
        """Note that a turn has ended after `seconds`, even if it left no bundle."""
        (self.directory / mutant).mkdir(exist_ok=True)
        (self.directory / mutant / ENDED).write_text(f"{seconds:.1f}\n")

    def finished(self) -> list[str]:
        """The mutants whose turns have ended."""
        return [turn.mutant for turn in self.turns if self.seconds(turn.mutant) is not None]

    def release(self) -> list[str]:
        """Release the turns that were begun and not ended, once no process works on them; return their mutants."""
        left = [turn.mutant for turn in self.turns if self.seconds(turn.mutant) is None]
        for mutant in left:
            self.claim(mutant).unlink(missing_ok=True)
            shutil.rmtree(self.directory / mutant, ignore_errors=True)
        return left


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("roadworthy")
    group.addoption("--series", required=False, metavar="FILE", help="The turns to take, see mutants/series.py.")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    keep(config, items, [turn.wanted for turn in Series.read(Path(config.getoption("series"))).turns])


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    series = Series.read(Path(session.config.getoption("series")))
    run = session.config.stash[SESSION]
    faults = run.faults
    if not isinstance(faults, MutantRun):
        raise pytest.UsageError("roadworthy: --series begins with a mutant, as --mutant=identity")
    spoiled = False
    for turn in series.mine():
        items = [item for item in session.items if turn.wanted.asks(item)]
        if not items:
            continue  # it stays begun and not ended, which the results then say
        begun = time.monotonic()
        changes_hands(run, faults, turn.mutant, items, spoiled)
        with run.turn(turn.mutant, series.directory / turn.mutant, items):
            ask(session, items)
        mutant = find(turn.mutant)
        spoiled = mutant.spoils or mutant.kind == "saboteur"
        series.note(turn.mutant, time.monotonic() - begun)
        if session.shouldstop or run.stands.of(lane_of(items[0])) is None:
            break  # the lane is lost for good: another process takes what is left
    return True


def changes_hands(
    run: Session, faults: MutantRun, mutant: str, items: Sequence[pytest.Item], spoiled: bool
) -> None:  # fmt: skip
    """Give the lane to the next mutant, as if it had just come up: new containers, an intact image and volumes."""
    stand = run.stands.of(lane_of(items[0]))
    if stand is not None and spoiled and stand.renewable:
        run.stands.renew(stand, lambda: faults.become(mutant))
        return  # it has come up as this mutant's
    if stand is not None:
        stand.remove_containers()
    faults.become(mutant)
    if stand is None or not stand.renewable:
        return  # it comes up as this mutant's, or is a twin, which has started again
    for item in items:
        check = declared(item)
        if check is not None and check.provenance == "volume":
            root = stand.backing.path("volume")
            shutil.rmtree(str(root / CHECKS / check.slug), ignore_errors=True)
            stand.machine.lay_out(flattened(check.volume_trees()), root)
    stand.compare_trees(faults.trees)
    faults.sabotage(stand)


def ask(session: pytest.Session, items: Sequence[pytest.Item]) -> None:
    """Run the checks of one turn. The lane stays up after the last one, until the session ends."""
    for position, item in enumerate(items):
        if EVIDENCE in item.stash:
            del item.stash[EVIDENCE]
        following = items[position + 1] if position + 1 < len(items) else session
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldstop:
            return
