"""What one run has on this host: its directories, its numbered places, all of it in the ledger."""

from __future__ import annotations

from pathlib import Path

from roadworthy.upkeep.ledger import RUNTIME, STATE, Ledger


class Site:
    """The directories of one run, and the numbered places of its daemons. Made lazily, all in the ledger."""

    def __init__(self, ledger: Ledger, keep: bool = False) -> None:
        self.ledger = ledger
        self.keep = keep
        self._numbers = 0
        self.cgroup = f"roadworthy-{ledger.run}"
        self.state = STATE / "runs" / ledger.run
        self.runtime = RUNTIME / ledger.run
        for path in (self.state, self.runtime):
            ledger.intend("directory", path=str(path))
            path.mkdir(mode=0o700, parents=True)
        for path in (STATE, STATE / "runs", RUNTIME):
            path.chmod(path.stat().st_mode & 0o7755)  # an older release left them to the umask
        ledger.intend("cgroup", name=self.cgroup)

    def next(self) -> tuple[Path, Path]:
        """Return the path for a new image file, and a new runtime directory."""
        self._numbers += 1
        runtime = self.runtime / str(self._numbers)
        runtime.mkdir(mode=0o700)
        return self.state / f"{self._numbers}.img", runtime
