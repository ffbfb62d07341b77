"""The interface of faults that are put into a run's daemons on purpose; the package `mutants` implements it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from roadworthy.engines.engine import Interposer
from roadworthy.lane.stand import Stand
from roadworthy.machines.place import Place
from roadworthy.machines.write_log import Entry


class Faults(Protocol):
    """Faults that a lane applies when it comes up, and that the run takes into account when it judges checks."""

    @property
    def any(self) -> bool:
        """Whether there are any faults; verdicts then describe the fault, not the driver."""
        ...

    @property
    def trees(self) -> bool:
        """Whether the trees that checks leave are compared with the reference's, to which a fault might lie as well."""
        ...

    # --- a lane that comes up

    def arm(self, place: Place) -> list[str]:
        """Prepare `place`, and return further arguments for the daemon that is about to start there."""
        ...

    def interposer(self) -> Interposer | None:
        """The proxy between such a daemon and its client, which may falsify answers; None for no proxy."""
        ...

    def sabotage(self, stand: Stand) -> None:
        """Damage the image before a container uses it."""
        ...

    def told(self, entries: Sequence[Entry], begin: int) -> Sequence[Entry]:
        """What a faulty disk makes of its log, in which an operation begins at position `begin`."""
        ...

    # --- the run

    def begin(self, slug: str) -> None:
        """Note that the check whose directory is `slug` begins."""
        ...

    def trouble(self) -> str:
        """Why verdicts cannot be trusted from now on, or an empty string."""
        ...

    def conclusion(self) -> str:
        """Why the whole run is an error, or an empty string."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """The faults as a lane's record carries them."""
        ...

    def header(self) -> list[str]:
        """Lines for the terminal above the results."""
        ...

    def summary(self, reporter: Any) -> None:
        """Write after the results what was faulty; `reporter` is pytest's terminal reporter."""
        ...


class NoFaults:
    """No faults: daemons and images are as made."""

    any = False
    trees = True

    def arm(self, place: Place) -> list[str]:
        return []

    def interposer(self) -> None:
        """No proxy."""

    def sabotage(self, stand: Stand) -> None:
        """Leave the image as it is."""

    def told(self, entries: Sequence[Entry], begin: int) -> Sequence[Entry]:
        return entries

    def begin(self, slug: str) -> None:
        """Do nothing."""

    def trouble(self) -> str:
        return ""

    def conclusion(self) -> str:
        return ""

    def facts(self) -> Mapping[str, Any]:
        return {}

    def header(self) -> list[str]:
        return []

    def summary(self, reporter: Any) -> None:
        """Write nothing."""


NO_FAULTS = NoFaults()
