"""What makes a run's daemons faulty on purpose, and what the run has to know of it; see the package `mutants`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from roadworthy.engines.engine import Interposer
from roadworthy.lane.stand import Stand
from roadworthy.machines.place import Place


class Faults(Protocol):
    """Handed to a lane that comes up, and to the run that judges what it does."""

    @property
    def any(self) -> bool:
        """Whether there are any: then verdicts speak of the fault, and not of the driver."""
        ...

    # --- a lane that comes up

    def arm(self, place: Place) -> list[str]:
        """Further arguments for a daemon that is about to start in `place`."""
        ...

    def interposer(self) -> Interposer | None:
        """What stands between such a daemon and its client, with answers that may be wrong."""
        ...

    def sabotage(self, stand: Stand) -> None:
        """Spoil the image, which no container uses yet."""
        ...

    # --- the run

    def begin(self, slug: str) -> None:
        """The check with this directory is asked from now on."""
        ...

    def trouble(self) -> str:
        """Why no verdict can be believed any more, or an empty string."""
        ...

    def conclusion(self) -> str:
        """Why the whole run is an error, or an empty string."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """What a lane's record says of them."""
        ...

    def header(self) -> list[str]:
        """Lines above the results."""
        ...

    def summary(self, reporter: Any) -> None:
        """Say after the results what was faulty; `reporter` is pytest's terminal reporter."""
        ...


class NoFaults:
    """Everything is as it should be."""

    any = False

    def arm(self, place: Place) -> list[str]:
        return []

    def interposer(self) -> None:
        """Nothing."""

    def sabotage(self, stand: Stand) -> None:
        """Nothing is spoiled."""

    def begin(self, slug: str) -> None:
        """Nobody has to know."""

    def trouble(self) -> str:
        return ""

    def conclusion(self) -> str:
        return ""

    def facts(self) -> Mapping[str, Any]:
        return {}

    def header(self) -> list[str]:
        return []

    def summary(self, reporter: Any) -> None:
        """There is nothing to say."""


NO_FAULTS = NoFaults()
