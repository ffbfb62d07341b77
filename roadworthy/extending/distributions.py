"""The entry points by which installed distributions add to the suite. Nothing is imported until it is asked for.

Each group is `roadworthy.` and one of GROUPS. An environment without any is told apart by reading one small file of
each distribution: importlib.metadata's own search reads and parses the metadata of all of them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PREFIX = "roadworthy."
#: The groups, each with what the value of an entry point is.
GROUPS = {
    "drivers": "a subclass of roadworthy.drivers.Driver",
    "engines": "a subclass of roadworthy.engines.engine.Engine",
    "engine_roots": "a roadworthy.supplies.engine_roots.Recipe",
    "backings": "a roadworthy.machines.backing.BackingType",
    "machines": "a roadworthy.lane.other_machines.OtherMachine",
    "checks": "a package whose files have checks",
    "benchmarks": "a package whose files have benchmarks",
    "workloads": "a package with workloads, NAME.toml",
    "deviations": "a package with recorded deviations, FAMILY.toml",
    "mutants": "a package with a catalogue.toml, whose import registers its faults",
}


class ExtensionError(ValueError):
    """What a distribution adds cannot be used; the text begins with the distribution's name and version."""


@dataclass(frozen=True)
class Added:
    """One entry point: what it names, and the distribution that has it, as `name 1.0`."""

    group: str
    name: str
    value: str
    distribution: str

    def __str__(self) -> str:
        return f"{self.distribution}: {PREFIX}{self.group}: {self.name} = {self.value}"

    def load(self) -> Any:
        """Import what it names. Raises ExtensionError."""
        try:
            return EntryPoint(self.name, self.value, PREFIX + self.group).load()
        except Exception as reason:  # a module of another project may raise anything
            raise self.refused(f"{type(reason).__name__}: {reason}") from reason

    def refused(self, reason: str) -> ExtensionError:
        """The error that it cannot be used for this reason."""
        return ExtensionError(f"{self}: {reason}; mend that distribution or uninstall it")

    def directory(self) -> Path:
        """The directory of the package that it names, which is not imported. Raises ExtensionError."""
        try:
            found = find_spec(self.value)
        except Exception as reason:  # find_spec imports the package's parents
            raise self.refused(f"{type(reason).__name__}: {reason}") from reason
        places = list((found.submodule_search_locations or ()) if found else ())
        if not places:
            raise self.refused(f"expected {GROUPS[self.group]}")
        return Path(places[0])


@functools.cache
def everything() -> tuple[Added, ...]:
    """All that installed distributions add, ordered by group, name and distribution. Raises ExtensionError."""
    found: list[Added] = []
    seen: set[str] = set()
    for distribution in distributions():
        text = distribution.read_text("entry_points.txt") or ""
        if f"[{PREFIX}" not in text:
            continue
        name = distribution.name
        if name in seen:  # on two entries of sys.path, of which the first counts
            continue
        seen.add(name)
        shown = f"{name} {distribution.version}"
        found += [
            Added(point.group.removeprefix(PREFIX), point.name, point.value, shown)
            for point in distribution.entry_points if point.group.startswith(PREFIX)
        ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.group, one.name, one.distribution)))


def added(group: str) -> Iterator[Added]:
    """Yield what distributions add to one group."""
    return (one for one in everything() if one.group == group)


def by_distribution() -> Mapping[str, list[Added]]:
    """What each distribution adds."""
    found: dict[str, list[Added]] = {}
    for one in everything():
        found.setdefault(one.distribution, []).append(one)
    return found
