"""What can run on this host: drivers on backings, engines, kernels; and what its own engine would choose."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from roadworthy.declaring.checks import PROVENANCES
from roadworthy.drivers import DRIVERS, Driver
from roadworthy.engine_name import EngineName
from roadworthy.extending.distributions import GROUPS, PREFIX, Added, by_distribution
from roadworthy.guests.qemu import PROGRAM
from roadworthy.lane import needs
from roadworthy.lane.can_run import wanted
from roadworthy.lane.lanes import Lane, default_lanes
from roadworthy.lane.other_machines import MACHINES
from roadworthy.machines.backing import BACKING_TYPES
from roadworthy.machines.host import Host
from roadworthy.machines.mode import MODES
from roadworthy.reports.nearest import hint
from roadworthy.supplies import kernels
from roadworthy.supplies.cache import Cache
from roadworthy.supplies.engine_roots import ENGINES, cached_root
from roadworthy.supplies.kernels import SERIES
from roadworthy.verdict.deviations import ANY_TREE, Deviation, Deviations, Facts, parameters
from roadworthy.versions import version

#: Every lane that the suite knows to work, with the kernels that some drivers need.
FULL = Path(__file__).parents[1] / "matrices/full.toml"
#: Where dockerd looks for its configuration and keeps its layers if nobody says otherwise.
CONFIGURATION, DATA_ROOT = Path("/etc/docker/daemon.json"), Path("/var/lib/docker")


@dataclass(frozen=True)
class CanRun:
    """Whether something can run here, how, and if not the one thing to do."""

    name: str
    yes: bool
    how: str = ""
    do: str = ""


@dataclass(frozen=True)
class OfDriver(CanRun):
    """A driver on a backing."""

    backing: str = ""


def drivers(host: Host, installed: EngineName) -> Iterator[OfDriver]:
    """Yield every driver on every backing that it takes."""
    for driver in DRIVERS.values():
        lanes = default_lanes(driver, installed, host.kernel)
        lane = next((lane for lane in lanes if not needs.lacking(lane)), lanes[0])
        for backing in driver.backings:
            yield of_lane(replace(lane, backing=backing), host)


def of_lane(lane: Lane, host: Host) -> OfDriver:
    """Whether a lane can run on this kernel, and if not whether another kernel helps."""
    unmet = [need for need in wanted(lane, host) if not need.met]
    how = f"--engine={lane.root}" if lane.root else "the installed engine"
    if not unmet:
        return OfDriver(lane.driver.name, True, how, backing=lane.backing)
    nobody = next((need for need in unmet if not need.host or "virtual machine" in need.reason), None)
    said = nobody.reason if nobody else needs.at_once(unmet)
    series = booted_on(lane.driver)
    if series and nobody:
        lacking = [need for need in (host.privilege(), host.command(PROGRAM)) if not need.met]
        if not lacking:
            how = f"--kernel={series}, in a virtual machine"
            return OfDriver(lane.driver.name, True, how, backing=lane.backing)
        said = f"{said}; --kernel={series} has it: {needs.at_once(lacking)}"
    return OfDriver(lane.driver.name, False, "", said, lane.backing)


def booted_on(driver: Driver) -> str:
    """The kernel series on which the full matrix has a driver that not every kernel has, or an empty string."""
    for block in tomllib.loads(FULL.read_text()).get("include", ()):
        if driver.name in words(block["driver"]) and words(block.get("kernel", ()))[:1] in [[one] for one in SERIES]:
            return words(block["kernel"])[0]
    return ""


def words(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def engines(host: Host, installed: EngineName) -> Iterator[CanRun]:
    """Yield the installed engine and every engine root."""
    program = host.command("dockerd")
    yield CanRun("host", program.met, f"{installed}" if program.met else "", program.reason)
    for name, (suite, _) in ENGINES.items():
        found = cached_root(name)
        if found:
            yield CanRun(name, True, f"made, {found.version}")
            continue
        unmet = [need for need in (host.privilege(), host.command("mmdebstrap")) if not need.met]
        made = f"is made at first use, from Debian {suite}, in some minutes"
        yield CanRun(name, not unmet, "" if unmet else made, needs.at_once(unmet))


def modes(host: Host) -> Iterator[CanRun]:
    """Yield every mode of an engine, in containers on this kernel."""
    for mode in MODES.values():
        need = host.user_namespaces()
        unmet = mode.in_user_namespace and not need.met
        kinds = f" of {', '.join(mode.engines)}" if mode.engines else " of every engine"
        yield CanRun(mode.name, not unmet, "" if unmet else f"--mode={mode}{kinds}", need.reason if unmet else "")


def booting(host: Host) -> Iterator[CanRun]:
    """Yield this kernel and every series that boots in a virtual machine: of releases, and of lists read before."""
    yield CanRun("host", True, host.release)
    device = os.access("/dev/kvm", os.R_OK | os.W_OK)
    speed = "with KVM if that boots it, which is tried at each start" if device else "emulated: there is no /dev/kvm"
    for series in kernels.series_known(Cache()):
        unmet = [need for need in (host.privilege(), host.command(PROGRAM)) if not need.met]
        kept = "in the cache" if kernels.cached(series, Cache()) else "fetched at first use"
        how = f"{kept}; {speed}"
        yield CanRun(series, not unmet, "" if unmet else how, needs.at_once(unmet))

    for name, machine in MACHINES.items():
        yield CanRun(name, True, f"Linux {machine.series()}, of another distribution")


@dataclass(frozen=True)
class Extension:
    """What another distribution adds to the suite, and why that has no effect, or an empty text."""

    distribution: str
    group: str
    name: str
    trouble: str = ""


def extensions() -> list[Extension]:
    """What other distributions add, and the groups that the suite does not have."""
    return [
        Extension(one.distribution, one.group, one.name, trouble_of(one))
        for several in by_distribution().values() for one in several
    ]  # fmt: skip


def trouble_of(one: Added) -> str:
    if one.group in GROUPS:
        return ""
    return f"no group {PREFIX}{one.group}{hint(PREFIX + one.group, [PREFIX + group for group in GROUPS])}"


@dataclass(frozen=True)
class Choice:
    """The driver that this host's Docker would choose, and why. An empty driver stands for none that is known."""

    driver: str
    backing: str
    data_root: str
    why: str


def choice(host: Host) -> Choice:
    """What this host's dockerd would choose for its own data root. Nothing is started or changed."""
    configured = configuration()
    root = Path(str(configured.get("data-root") or DATA_ROOT))
    backing = file_system(root)
    named = str(configured.get("storage-driver") or "")
    if named:
        return Choice(named, backing, str(root), f"{CONFIGURATION} names it")
    there = [name for name in DRIVERS if holds_layers(root / name)]
    if len(there) == 1:
        return Choice(there[0], backing, str(root), "the data root has layers of it")
    if there:
        said = f"the data root has layers of {', '.join(there)}: dockerd refuses to choose; name one of them"
        return Choice("", backing, str(root), said)
    kind = BACKING_TYPES.get(backing)
    if kind is None:
        return Choice("", backing, str(root), f"no check has asked what Docker chooses on {backing or 'it'}")
    for name in kind.preferred:
        unmet = next((need.reason for need in DRIVERS[name].requirements(host) if not need.met), "")
        if not unmet:
            return Choice(name, backing, str(root), f"the one that Docker prefers on {backing}: plumb/auto-selection")
    return Choice("", backing, str(root), f"what Docker prefers on {backing} {unmet}")


def configuration() -> Mapping[str, Any]:
    """The daemon's configuration file; empty if there is none, or none that can be read."""
    try:
        found = json.loads(CONFIGURATION.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def holds_layers(directory: Path) -> bool:
    """Whether a driver has kept something in its directory of the data root."""
    try:
        return any(path.name != "l" for path in directory.iterdir())
    except OSError:
        return False


def file_system(path: Path) -> str:
    """The type of the file system that a path lies on, or would lie on if it were made."""
    here = path.absolute()
    while not here.exists():
        here = here.parent
    best, found = "", ""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        point = fields.split()[4].encode().decode("unicode_escape")
        if here.resolve().is_relative_to(point) and len(point) >= len(best):
            best, found = point, rest.split()[0]
    return found


def breaks(chosen: Choice, host: Host, installed: EngineName, recorded: Deviations) -> list[Deviation]:
    """The recorded deviations whose condition this host fulfils, with what its engine would choose."""
    driver = DRIVERS.get(chosen.driver)
    if driver is None or chosen.backing not in driver.backings:
        return []
    found: dict[tuple[str, int], Deviation] = {}
    for provenance in PROVENANCES:
        facts = Facts(
            driver.name, driver.built_on, chosen.backing, installed.kind, installed.version, version(host.upstream),
            provenance, parameters(host.module_parameters("overlay")),
        )  # fmt: skip
        for entry in recorded.entries:
            if entry.applies(facts) and not entry.check.startswith(ANY_TREE):
                found.setdefault((entry.check, entry.line), entry)
    return list(found.values())


def has_engine(host: Host) -> bool:
    """Whether a dockerd is installed here."""
    return host.command("dockerd").met
