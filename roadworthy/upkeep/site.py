"""What one run has on the machine: its directories, its numbered places, all of it in the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from roadworthy.machines.place import Place
from roadworthy.upkeep.ledger import RUNTIME, STATE, Ledger

if TYPE_CHECKING:
    from roadworthy.engines.engine import Engine
    from roadworthy.lane.stand import Stand


class Mutant(Protocol):
    """What makes a run's daemons faulty, see the package `mutants`."""

    def arm(self, place: Place) -> list[str]:
        """Further arguments for a daemon that is about to start in `place`."""
        ...

    def lying(self, kind: type[Engine]) -> type[Engine]:
        """The kind of a daemon that is about to start, with answers that may be wrong."""
        ...

    def sabotage(self, stand: Stand) -> None:
        """Spoil the image, which no container uses yet."""
        ...


class Site:
    """The directories of one run, and the numbered places of its daemons. Made lazily, all in the ledger."""

    def __init__(self, ledger: Ledger, keep: bool = False, mutant: Mutant | None = None) -> None:
        self.ledger = ledger
        self.keep = keep
        self.mutant = mutant
        self._numbers = 0
        self.cgroup = f"roadworthy-{ledger.run}"
        self.state = STATE / "runs" / ledger.run
        self.runtime = RUNTIME / ledger.run
        for path in (self.state, self.runtime):
            ledger.intend("directory", path=str(path))
            path.mkdir(mode=0o700, parents=True)
        ledger.intend("cgroup", name=self.cgroup)

    def next(self) -> tuple[Path, Path]:
        """A new image file's path and a new runtime directory."""
        self._numbers += 1
        runtime = self.runtime / str(self._numbers)
        runtime.mkdir(mode=0o700)
        return self.state / f"{self._numbers}.img", runtime
