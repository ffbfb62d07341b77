"""What a column of the matrix is: driver, driver options, backing, engine, kernel; how it is named and expanded."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports import records
from roadworthy.drivers import DRIVERS, Driver
from roadworthy.engines.roots import ENGINES
from roadworthy.machines.backing import BACKINGS
from roadworthy.machines.kernels import SERIES, KernelUnknown, kernel


class LaneError(ValueError):
    """A value on the command line that names no lane; its text says which, what was expected, and the nearest."""


@dataclass(frozen=True)
class Lane:
    """One column. The id carries series only, so that history survives patch releases."""

    driver: Driver
    backing: str
    engine: str
    kernel: str
    options: tuple[tuple[str, str], ...] = ()
    #: The engine root's name, empty for the host's own engine; and what --kernel said.
    root: str = ""
    source: str = "host"

    @property
    def id(self) -> str:
        named = "".join(f"+{key}={value}" for key, value in self.options)
        return f"{self.driver.name}{named}-{self.backing}-{self.engine}-{self.kernel}"

    def record(self) -> records.Lane:
        """The lane as the bundle's plan carries it."""
        return records.Lane(
            id=self.id, driver=self.driver.name, backing=self.backing, engine=self.engine,
            kernel=self.kernel.removeprefix("linux"), options=dict(self.options),
        )  # fmt: skip


def words(values: Iterable[str]) -> list[str]:
    """The single words of a repeatable, comma-separated option, without repetition, in order."""
    return list(dict.fromkeys(word.strip() for value in values for word in value.split(",") if word.strip()))


def known(kind: str, word: str, names: Sequence[str]) -> str:
    """`word`, if it is one of `names`. Raises LaneError with the nearest name and all of them."""
    if word in names:
        return word
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise LaneError(f"unknown {kind} {word!r}{hint} Known: {', '.join(names)}")


def drivers_named(values: Iterable[str]) -> list[Driver]:
    """The drivers that `--driver` names; `all` is every one of them."""
    found: dict[str, Driver] = {}
    for word in words(values):
        for name in DRIVERS if word == "all" else [known("driver", word, [*DRIVERS, "all"])]:
            found[name] = DRIVERS[name]
    return list(found.values())


def options_named(values: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The pairs of `--driver-opt KEY=VALUE`."""
    found = {}
    for word in values:
        key, equals, value = word.partition("=")
        if not (key.strip() and equals and value.strip()):
            raise LaneError(f"a driver option is KEY=VALUE, as in overlay2.size=1G; got {word!r}")
        found[key.strip()] = value.strip()
    return tuple(sorted(found.items()))


@dataclass(frozen=True)
class Machine:
    """One combination of --engine and --kernel: the names for ids, and what they were asked for."""

    engine: str
    kernel: str
    root: str = ""
    source: str = "host"


def machines_named(engines: Iterable[str], kernels: Iterable[str], installed: str, running: str) -> list[Machine]:
    """The machines of `--engine` and `--kernel`. `installed` and `running` are this host's, as ids name them.

    A kernel other than the host's boots with an engine root: without --engine, the one like the installed engine.
    """
    found = []
    for source in words(kernels) or ["host"]:
        label = running if source == "host" else f"linux{kernel_series(source)}"
        for name in words(engines) or ["host"]:
            root = known("engine", name, ["host", *ENGINES])
            if root == "host":
                root = "" if source == "host" else default_root(installed)
            engine = root.replace("-", "", 1) if root else installed
            found.append(Machine(engine, label, root, source))
    return found


def default_root(installed: str) -> str:
    """The engine root like the installed engine, or Debian 12's."""
    name = installed.replace("docker", "docker-", 1)
    return name if name in ENGINES else "docker-20.10"


def kernel_series(source: str) -> str:
    """The series that an id names: of a series the same, of a path that of the kernel there."""
    if source in SERIES:
        return source
    try:
        return kernel(source).series
    except KernelUnknown as reason:
        raise LaneError(f"--kernel: {reason}") from None


def expand(
    drivers: Iterable[str], backings: Iterable[str], options: Iterable[str], machines: Iterable[Machine]
) -> list[Lane]:
    """The lanes of a command line, in the order given. Raises LaneError.

    Without `backings` a driver gets its default one. Of several, it gets those that it accepts; a driver that accepts
    none of them is an error, because a lane was asked for that cannot exist.
    """
    asked = [known("backing", word, [*BACKINGS, "all"]) for word in words(backings)]
    pairs = options_named(options)
    lanes = []
    for driver in drivers_named(drivers):
        wanted = driver.backings if "all" in asked else [name for name in asked if name in driver.backings]
        if not asked:
            wanted = driver.backings[:1]
        if not wanted:
            raise LaneError(f"{driver.name} does not run on {', '.join(asked)}; it takes {', '.join(driver.backings)}")
        lanes += [
            Lane(driver, backing, machine.engine, machine.kernel, pairs, machine.root, machine.source)
            for machine in machines for backing in wanted
        ]  # fmt: skip
    repeated = [lane.id for lane in lanes if sum(other.id == lane.id for other in lanes) > 1]
    if repeated:
        raise LaneError(f"{repeated[0]} was asked for twice, from different kernels or engines of one series")
    return lanes
