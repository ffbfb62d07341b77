"""Lanes, the columns of the matrix: driver, options, backing, engine, kernel; how they are named and expanded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from roadworthy.drivers import DRIVERS, Driver
from roadworthy.drivers.overlayfs import PARAMETERS
from roadworthy.engine_name import EngineName, names_daemon
from roadworthy.lane.other_machines import MACHINES
from roadworthy.lane.running_daemon import DaemonRefused, RunningDaemon, running_daemon
from roadworthy.machines.backing import BACKING_TYPES, BACKINGS
from roadworthy.machines.mode import MODES, ROOTFUL, USERNS_REMAP, Mode
from roadworthy.reports import records
from roadworthy.reports.nearest import hint
from roadworthy.reports.text import counted
from roadworthy.supplies.cache import CacheFailed
from roadworthy.supplies.engine_roots import ENGINES
from roadworthy.supplies.kernels import KernelUnknown, expect_series, is_series, kernel
from roadworthy.supplies.own_engine import EngineUnknown, is_path, own_engine

#: The kernel series that messages give as an example.
SERIES_DEFAULT = "6.1"


class LaneError(ValueError):
    """A value on the command line names no lane; the text has the value, what was expected, and the nearest name."""


@dataclass(frozen=True, repr=False)
class Lane:
    """One column of the matrix. The id names series only, so that history survives patch releases."""

    driver: Driver
    backing: str
    engine: EngineName
    kernel: str
    options: tuple[tuple[str, str], ...] = ()
    #: The value of --engine, empty for the host's own engine; `source` is that of --kernel.
    root: str = ""
    source: str = "host"
    #: Module parameters, as words of the kernel's command line: `overlay.metacopy=on`.
    kernel_options: tuple[str, ...] = ()
    mode: Mode = ROOTFUL

    @property
    def attached(self) -> bool:
        """Whether its daemon runs already and is somebody else's."""
        return names_daemon(self.root)

    @property
    def copies_image(self) -> bool:
        """Whether the daemon copies the image into every container, so that nothing of it lies in a lower layer."""
        return self.mode is USERNS_REMAP and self.driver.remaps_in_a_copy

    def __repr__(self) -> str:
        """The id: reports of pytest's plugins tell the parameters of tests apart by it, over runs, too."""
        return self.id

    @property
    def id(self) -> str:
        named = "".join(f"+{key}={value}" for key, value in self.options)
        parameters = "".join(f"+{word}" for word in self.kernel_options)
        mode = "" if self.mode is ROOTFUL else f"-{self.mode}"
        return f"{self.driver.name}{named}-{self.backing}-{self.engine}-{self.kernel}{parameters}{mode}"

    def words(self) -> list[str]:
        """The command-line options that select this lane alone."""
        return [
            f"--driver={self.driver.name}", f"--backing={self.backing}", f"--engine={self.root or 'host'}",
            f"--kernel={self.source}", *(f"--driver-opt={key}={value}" for key, value in self.options),
            *(f"--kernel-opt={word}" for word in self.kernel_options),
            *([] if self.mode is ROOTFUL else [f"--mode={self.mode}"]),
        ]  # fmt: skip

    def record(self) -> records.Lane:
        """The lane as the bundle's plan records it; paths of this machine are replaced with `PATH`."""
        named = self.source == "host" or self.source in MACHINES or is_series(self.source)
        here = replace(
            self, source=self.source if named else "PATH",
            root=self.root if self.root in ("", *ENGINES) else f"{self.root.rpartition('=')[0]}=PATH".lstrip("="),
        )  # fmt: skip
        return records.Lane(
            id=self.id, driver=self.driver.name, backing=self.backing, engine=str(self.engine),
            kernel=self.kernel.removeprefix("linux"),
            options={
                **dict(self.options), **dict(word.split("=", 1) for word in self.kernel_options),
                **({} if self.mode is ROOTFUL else {"mode": self.mode.name}),
            },
            words=here.words(),
        )  # fmt: skip

    def as_values(self) -> dict[str, Any]:
        """The lane as values that another process makes it from."""
        return {
            "driver": self.driver.name, "backing": self.backing, "engine": [self.engine.kind, self.engine.series],
            "kernel": self.kernel, "options": [list(pair) for pair in self.options], "root": self.root,
            "source": self.source, "kernel_options": list(self.kernel_options), "mode": self.mode.name,
        }  # fmt: skip

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Lane:
        """The lane that another process has described."""
        return cls(
            DRIVERS[values["driver"]], values["backing"], EngineName(*values["engine"]), values["kernel"],
            tuple((key, value) for key, value in values["options"]), values["root"], values["source"],
            tuple(values["kernel_options"]), MODES[values["mode"]],
        )  # fmt: skip


def words(values: Iterable[str]) -> list[str]:
    """Split the values of a repeatable, comma-separated option into words, in order and without repetition."""
    return list(dict.fromkeys(word.strip() for value in values for word in value.split(",") if word.strip()))


def known(kind: str, word: str, names: Sequence[str]) -> str:
    """Return `word` if it is one of `names`. Raises LaneError with the nearest name and all of them."""
    if word in names:
        return word
    raise LaneError(f"unknown {kind} {word!r}{hint(word, names)}")


def drivers_named(values: Iterable[str]) -> list[Driver]:
    """The drivers that `--driver` names; `all` names every driver. Raises LaneError."""
    found: dict[str, Driver] = {}
    for word in words(values):
        for name in DRIVERS if word == "all" else [known("driver", word, [*DRIVERS, "all"])]:
            found[name] = DRIVERS[name]
    return list(found.values())


def options_named(values: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The key and value of each `--driver-opt KEY=VALUE`, sorted. Raises LaneError."""
    found = {}
    for word in values:
        key, equals, value = word.partition("=")
        if not (key.strip() and equals and value.strip()):
            raise LaneError(f"a driver option is KEY=VALUE, as in overlay2.size=1G; got {word!r}")
        if not word.strip().isprintable():  # it would split the lane's id, or hide in it
            raise LaneError(f"a driver option is printable text on one line; got {word!r}")
        found[key.strip()] = value.strip()
    return tuple(sorted(found.items()))


def kernel_options_named(values: Iterable[str]) -> tuple[str, ...]:
    """The words of each `--kernel-opt MODULE.PARAMETER=VALUE`, sorted. Raises LaneError."""
    found = {}
    for word in values:
        parameter, _, value = word.strip().partition("=")
        module, dot, name = parameter.partition(".")
        if not re.fullmatch(r"\w+\.\w+=[\w:/-]+", word.strip()):
            raise LaneError(f"a kernel option is MODULE.PARAMETER=VALUE, as in overlay.metacopy=on; got {word!r}")
        if module == "overlay":
            known("parameter of the overlay module", name, PARAMETERS)
        found[parameter] = f"{module}{dot}{name}={value}"
    return tuple(sorted(found.values()))


def modes_named(values: Iterable[str]) -> list[Mode]:
    """The modes that `--mode` names; the first of all without it. Raises LaneError."""
    return [MODES[known("mode", word, list(MODES))] for word in words(values)] or [ROOTFUL]


def modes_for(engine: EngineName, modes: Sequence[Mode]) -> list[Mode]:
    """Those of the modes that an engine has. Raises LaneError if it has none of them."""
    found = [mode for mode in modes if mode is ROOTFUL or engine.kind in mode.engines]
    if not found:
        having = ", ".join(dict.fromkeys(kind for mode in modes for kind in mode.engines))
        raise LaneError(f"{engine} has no mode {', '.join(map(str, modes))}; engines that have it: {having}")
    return found


@dataclass(frozen=True)
class Combination:
    """One value of --engine with one of --kernel: the names that ids use, and the values as given."""

    engine: EngineName
    kernel: str
    root: str = ""
    source: str = "host"
    options: tuple[str, ...] = ()
    #: Whether --engine named the engine; if not, a driver of another engine uses its own default.
    named: bool = field(default=False, compare=False)
    #: The daemon, if it runs already.
    daemon: RunningDaemon | None = None


def combinations_named(
    engines: Iterable[str], kernels: Iterable[str], installed: EngineName, running: str, options: Iterable[str] = ()
) -> list[Combination]:
    """The combinations that `--engine` and `--kernel` name; `installed` and `running` are this host's.

    A kernel other than the host's boots with an engine root: without --engine, that of the installed engine's series.
    `options` are for the kernels that boot; the host's takes none, because its modules serve other programs too.
    Raises LaneError.
    """
    found = []
    wanted = kernel_options_named(options)
    for source in words(kernels) or ["host"]:
        if wanted and source in ("host", *MACHINES):
            raise LaneError(f"{wanted[0]} is for a virtual machine's kernel; name one, as in --kernel={SERIES_DEFAULT}")
        label = running if source == "host" else f"linux{kernel_series(source)}"
        for name in words(engines) or ["host"]:
            if names_daemon(name):
                found.append(combination_of(name, source, wanted))
                continue
            if name not in ("host", *ENGINES) and is_path(name):
                root, engine = name, engine_at(name, guest=source != "host")
            else:
                root = known("engine", name, ["host", *ENGINES])
                if root == "host":
                    root = "" if source in ("host", *MACHINES) else default_root(installed)
                engine = EngineName.of_root(root) if root else installed
            found.append(Combination(engine, label, root, source, wanted, named=bool(words(engines))))
    return found


def combination_of(word: str, source: str, options: Sequence[str]) -> Combination:
    """The only combination of a daemon that runs already. Raises LaneError."""
    if source != "host" or options:
        raise LaneError(f"--engine={word} is a daemon on the kernel that runs; leave out --kernel and --kernel-opt")
    try:
        daemon = running_daemon(word)
    except DaemonRefused as reason:
        raise LaneError(f"--engine: {reason}") from None
    return Combination(daemon.name, daemon.kernel, word, named=True, daemon=daemon)


def attached(daemon: RunningDaemon, word: str, drivers: Sequence[Driver], further: Sequence[str]) -> list[Lane]:
    """The lanes of a daemon that runs already: what it has, and the reference. Raises LaneError.

    `further` are values that would be settings of a daemon of ours.
    """
    if further:
        raise LaneError(f"{further[0]} would change the daemon at {daemon.url}; leave it out")
    for driver in drivers:
        if driver.name not in (daemon.driver.name, "native"):
            said = f"the daemon at {daemon.url} runs {daemon.driver.name}, and not {driver.name}"
            raise LaneError(f"{said}; without --driver it is asked for what it runs")
    return [
        Lane(driver, daemon.backing, daemon.name, daemon.kernel, root=word) for driver in drivers or [daemon.driver]
    ]


def refuse_others(lanes: Iterable[Lane]) -> None:
    """Raise LaneError if containers of others run on the daemon of a lane."""
    for lane in lanes:
        others = running_daemon(lane.root).others if lane.attached else ()
        if others:
            many = f"{counted(len(others), 'container')} of others ({', '.join(others[:3])}{', …' * (len(others) > 3)})"
            raise LaneError(
                f"{many} run on the daemon at {running_daemon(lane.root).url}: the checks would share processors, "
                f"memory and disk with them, and leave them alone; --among-others asks nevertheless"
            )


def engine_at(word: str, guest: bool) -> EngineName:
    """The name of the engine at a path, which has what it needs on a host or in a guest. Raises LaneError."""
    try:
        found = own_engine(word)
        found.refuse_incomplete(guest)
    except (EngineUnknown, CacheFailed, OSError) as reason:
        raise LaneError(f"--engine: {reason}") from None
    return found.name


def combinations_for(driver: Driver, combinations: Iterable[Combination], every: bool) -> list[Combination]:
    """The combinations whose engine has this driver, or its own default engine if --engine names none.

    Raises LaneError if no named engine has the driver, unless the driver is one of `--driver=all` (`every`).
    """
    asked = list(combinations)
    fitting = [one for one in asked if one.engine.kind in driver.engines]
    if fitting or (every and any(one.named for one in asked)):
        return fitting
    if not any(one.named for one in asked) and driver.default_engine:
        engine = EngineName.of_root(driver.default_engine)
        return [replace(one, engine=engine, root=driver.default_engine) for one in asked]
    roots = ", ".join(root for root in ENGINES if EngineName.of_root(root).kind in driver.engines)
    named = ", ".join(dict.fromkeys(str(one.engine) for one in asked))
    raise LaneError(f"{driver.name} is not a storage driver of {named}; engines that have it: {roots}")


def default_lanes(driver: Driver, installed: EngineName, running: str) -> list[Lane]:
    """The lanes of a driver on its default backing and the running kernel: one for each engine of its kind, the
    installed engine first.
    """
    roots = [driver.default_engine] if driver.default_engine else ["", *ENGINES]
    engines = [(root, EngineName.of_root(root) if root else installed) for root in roots]
    return [Lane(driver, driver.backings[0], engine, running, root=root) for root, engine in engines
            if engine.kind in driver.engines]  # fmt: skip


def default_root(installed: EngineName) -> str:
    """The engine root of the installed engine's series, or Debian 12's if there is none."""
    return installed.root if installed.root in ENGINES else "docker-20.10"


def kernel_series(source: str) -> str:
    """The series that an id names: `source` itself, or that of the machine or of the kernel at this path.

    Raises LaneError.
    """
    if source in MACHINES:
        return MACHINES[source].series()
    try:
        if is_series(source):
            expect_series(source)
            return source
        return kernel(source).series
    except KernelUnknown as reason:
        raise LaneError(f"--kernel: {reason}") from None


def expand(
    drivers: Iterable[str],
    backings: Iterable[str],
    options: Iterable[str],
    combinations: Iterable[Combination],
    modes: Iterable[str] = (),
) -> list[Lane]:
    """The lanes of a command line, in the order given. Raises LaneError.

    Without `backings` a driver gets its default one. Of several, it gets those that it accepts; a driver that accepts
    none of them is an error, because no such lane can exist. Engines and modes follow the same rule.
    """
    wanted_modes = modes_named(modes)
    asked = [known("backing", word, [*BACKINGS, "all"]) for word in words(backings)]
    pairs = options_named(options)
    lanes = []
    given, combinations = list(drivers), list(combinations)
    for one in combinations:
        if one.daemon is not None:
            settings = [f"--backing={word}" for word in asked] + [f"--driver-opt={key}={value}" for key, value in pairs]
            settings += [f"--mode={mode}" for mode in wanted_modes if mode is not ROOTFUL]
            lanes += attached(one.daemon, one.root, drivers_named(given), settings)
    combinations = [one for one in combinations if one.daemon is None]
    if lanes and not combinations:
        return distinct(lanes)
    for driver in drivers_named(given):
        wanted = driver.backings if "all" in asked else [name for name in asked if accepts(driver, name)]
        if not asked:
            wanted = driver.backings[:1]
        if not wanted:
            raise LaneError(f"{driver.name} does not run on {', '.join(asked)}; it takes {', '.join(driver.backings)}")
        for key, value in pairs:
            if said := driver.mistake_in(key, value):
                raise LaneError(said)
        lanes += [
            Lane(driver, backing, one.engine, one.kernel, pairs, one.root, one.source, one.options, mode)
            for one in combinations_for(driver, combinations, "all" in words(given)) for backing in wanted
            for mode in modes_for(one.engine, wanted_modes)
        ]  # fmt: skip
    return distinct(lanes)


def accepts(driver: Driver, backing: str) -> bool:
    """Whether a driver takes a backing, which may have a choice."""
    return backing in driver.backings or BACKING_TYPES[backing].of in driver.backings


def distinct(lanes: list[Lane]) -> list[Lane]:
    """The lanes, if no two of them are one column. Raises LaneError."""
    repeated = [lane.id for lane in lanes if sum(other.id == lane.id for other in lanes) > 1]
    if repeated:
        raise LaneError(f"{repeated[0]} was asked for twice, from different kernels or engines of one series; keep one")
    return lanes
