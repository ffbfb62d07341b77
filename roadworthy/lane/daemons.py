"""Daemons of a check's own, with any driver on any backing: running for a block, or only tried."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from roadworthy.declaring.features import THIN_POOL
from roadworthy.drivers import DRIVERS, Driver
from roadworthy.engines import engine_class
from roadworthy.engines.engine import Engine, EngineFailed
from roadworthy.lane.daemon import daemon
from roadworthy.lane.faults import NO_FAULTS, Faults
from roadworthy.lane.lanes import Lane
from roadworthy.lane.needs import lacking, refuse_unmet
from roadworthy.machines.backing import GIB
from roadworthy.machines.machine import Machine
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Precondition, Unsupported, first_line
from roadworthy.upkeep.site import Site


@dataclass(frozen=True)
class Outcome:
    """The result of starting a daemon with a driver on a backing.

    It runs `driver` on the file system `backing`; or both are empty, and `words` say why it refused.
    """

    driver: str
    backing: str
    words: str = ""

    def __str__(self) -> str:
        return f"runs {self.driver} on {self.backing}" if self.driver else f"refuses: {self.words or 'without a word'}"


class Named(Driver):
    """A driver of which nothing is known but the name; empty for none, so that the daemon chooses one."""

    def __init__(self, name: str) -> None:
        self.name = name  # type: ignore[misc]


class Daemons:
    """Starts daemons with any driver on any backing; the value of the fixture `daemons`."""

    def __init__(
        self,
        site: Callable[[], Site],
        lane: Lane,
        machine: Machine,
        tried: dict[Any, Outcome],
        faults: Faults = NO_FAULTS,
    ) -> None:
        self._site = site
        self._lane = lane
        self._machine = machine
        self._kind = engine_class(lane.engine)
        self._tried = tried
        self._faults = faults

    def __repr__(self) -> str:
        return f"<daemons beside {self._lane.id}>"

    @contextmanager
    def __call__(self, driver_name: str, backing_name: str, **settings: Any) -> Iterator[Engine]:
        """Yield a daemon with 1 GiB of backing while the block runs. Raises EngineFailed."""
        driver = DRIVERS[driver_name]
        settings |= {"size": GIB, "faults": self._faults, "mode": self._lane.mode}
        with daemon(self._site(), self._machine, self._kind, driver, backing_name, **settings) as (_, _, engine):
            yield engine

    def attempt(self, driver: Driver, backing_name: str, options: Sequence[str] = ()) -> Outcome:
        """Start a daemon, stop it and return the outcome. A run tries each combination once."""
        refuse_unmet(Lane(driver, backing_name, self._lane.engine, self._lane.kernel), self._machine)
        key = self._lane.engine, self._lane.kernel, driver.name, backing_name, tuple(options)
        if key not in self._tried:
            self._tried[key] = self._outcome(driver, backing_name, options)
        return self._tried[key]

    def unnamed(self, backing_name: str) -> Outcome:
        """Start a daemon that is told no driver, on an empty data root, and return which it takes."""
        return self._outcome(Named(""), backing_name, ())

    def told(self, name: str, backing_name: str) -> Outcome:
        """Tell a daemon a driver that the engine, the kernel or the backing may lack, and return the outcome."""
        driver = DRIVERS[name]
        if lacking(Lane(driver, backing_name, self._lane.engine, self._lane.kernel)):
            return self._outcome(Named(name), backing_name, ())
        need = self._machine.own_kernel("the devices of its layers")
        if THIN_POOL in driver.features and not need.met:
            raise Precondition(need.reason)
        return self._outcome(driver, backing_name, ())

    def without_types(self, driver: Driver) -> Outcome:
        """Attempt a backing that does not list the types of files. Raises Unsupported if this kernel has none."""
        try:
            return self.attempt(driver, "xfs:ftype=0")
        except ProgramFailed as reason:
            raise Unsupported(f"this kernel mounts no XFS of version 4 ({first_line(reason)})") from None

    def documented(self, driver: Driver, backing_name: str) -> Outcome:
        """Attempt a backing that the driver claims to run on. Raises Unsupported for any other."""
        if backing_name not in driver.backings:
            raise Unsupported(f"{driver.name} is for {', '.join(driver.backings)}")
        return self.attempt(driver, backing_name)

    def _outcome(self, driver: Driver, backing_name: str, options: Sequence[str]) -> Outcome:
        try:
            with daemon(
                self._site(), self._machine, self._kind, driver, backing_name, options, size=GIB,
                faults=self._faults, mode=self._lane.mode,
            ) as (_, backing, engine):  # fmt: skip
                return Outcome(str(engine.info()["Driver"]), backing.file_system(engine.directory))
        except EngineFailed as refusal:
            return Outcome("", "", reason(str(refusal)))


def reason(said: str) -> str:
    """Why a daemon did not start, from its last log lines without their log format."""
    told = [re.sub(r'.*msg="((?:[^"\\]|\\.)*)".*', r"\1", line) for line in said.split(": ", 1)[-1].split(" / ")]
    plain = [re.sub(r"^failed to start daemon: (error initializing graphdriver: )?", "", line)
             for line in told if "grpc:" not in line]  # fmt: skip
    return "; ".join(dict.fromkeys(plain))
