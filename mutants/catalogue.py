"""The catalogue of mutants, and of the checks that must catch each."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from roadworthy.extending.distributions import Added, added
from roadworthy.reports.nearest import hint

CATALOGUE = Path(__file__).with_name("catalogue.toml")
Kind = Literal["identity", "notify", "saboteur", "engine", "disk"]


class UnknownMutant(Exception):
    """No mutant has that name. The text names the nearest one."""


@dataclass(frozen=True)
class Mutant:
    """One faulty driver.

    `families` are those whose checks must catch it; kills elsewhere are collateral. `reviewed` has the collateral kills
    that are right, with the reason, by a check's id without its parameters, or by a whole family as `family/*`.
    `number` is the fault's in the research catalogue, empty if it has none. `calls` are the system calls that it
    intercepts. `also` names slow checks that the sensitivity run makes besides the quick ones. `seen_by` is one quick
    check that must see it in the twin, too. `equivalent` is the reason why nothing can see it. A mutant that `spoils`
    leaves images, disks or mounts changed: the next mutant of a series gets a daemon and a disk of its own, as after
    every saboteur. A fault of `volumes` is one of the backing or of the kernel and holds on volumes, too: it shows that
    the control on a volume can fail. `tree` is what a fault changes that no check looks for: a field of the comparison
    of trees, which has to notice it; the checks' own promises have to hold.
    """

    name: str
    fault: str
    kind: Kind
    families: tuple[str, ...] = ()
    number: str = ""
    calls: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    seen_by: str = ""
    equivalent: str = ""
    spoils: bool = False
    volumes: bool = False
    tree: str = ""
    reviewed: Mapping[str, str] = field(default_factory=dict)

    @property
    def twin(self) -> bool:
        """Whether the twin, which has no engine, can be faulty in this way, and has a check that sees it."""
        return self.kind == "notify" and bool(self.seen_by)

    @property
    def compared(self) -> bool:
        """Whether trees are compared in its run: if the comparison has to see it, or nothing has."""
        return bool(self.tree) or self.kind == "identity"

    def concerns(self, check: str) -> bool:
        """Whether a check, by its id, is in a declared family."""
        return check.partition("/")[0] in self.families

    def excuse(self, check: str) -> str:
        """Why a kill outside the declared families is right, or an empty string if no reason is recorded."""
        words = (check.partition("[")[0], f"{check.partition('/')[0]}/*")
        return next((self.reviewed[word] for word in words if word in self.reviewed), "")


@cache
def catalogue() -> dict[str, Mutant]:
    """All mutants by name, in the order of the file, and behind them those that other distributions add.

    Raises ValueError for an invalid entry, ExtensionError for one of another distribution.
    """
    read = tomllib.loads(CATALOGUE.read_text())
    groups: dict[str, list[str]] = read["calls"]
    found = mutants_of(read, groups, {})
    for one, theirs in catalogues_added():
        try:
            found |= mutants_of(theirs, groups | theirs.get("calls", {}), found)
        except (KeyError, TypeError, ValueError) as reason:
            raise one.refused(str(reason)) from None
    every = sorted({call for mutant in found.values() for call in mutant.calls})
    found["identity-notify"] = Mutant(**{**vars(found["identity-notify"]), "calls": tuple(every)})
    return found


@cache
def excused() -> dict[str, str]:
    """Checks, or cells of them as `check[parameter]`, that no mutant can break, each with the reason."""
    read = [tomllib.loads(CATALOGUE.read_text()), *(theirs for _, theirs in catalogues_added())]
    return {entry["check"]: entry["reason"] for one in read for entry in one.get("excused", [])}


def catalogues_added() -> Iterator[tuple[Added, dict[str, Any]]]:
    """Yield the catalogues that other distributions add. Raises ExtensionError."""
    for one in added("mutants"):
        try:
            yield one, tomllib.loads((one.directory() / CATALOGUE.name).read_text())
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as reason:
            raise one.refused(f"{CATALOGUE.name}: {reason}") from None


def register_added() -> None:
    """Import the faults that other distributions add, which registers them. Raises ExtensionError."""
    for one in added("mutants"):
        one.load()


def mutants_of(
    read: dict[str, Any], groups: Mapping[str, list[str]], there: Mapping[str, Mutant]
) -> dict[str, Mutant]:  # fmt: skip
    """The mutants of one catalogue by name; `there` are those of others. Raises ValueError."""
    found: dict[str, Mutant] = {}
    for entry in read["mutant"]:
        mutant = made(entry, groups)
        if mutant.name in found or mutant.name in there:
            raise ValueError(f"{CATALOGUE.name}: two mutants are called {mutant.name}")
        found[mutant.name] = mutant
    return found


def made(entry: dict[str, Any], groups: Mapping[str, list[str]]) -> Mutant:
    unknown = set(entry) - set(Mutant.__dataclass_fields__)
    if unknown:
        raise ValueError(f"{CATALOGUE.name}: {entry.get('name')}: unknown key {min(unknown)}")
    calls = [call for word in entry.get("calls", []) for call in groups.get(word, [word])]
    lists: dict[str, Any] = {key: tuple(entry[key]) for key in ("families", "also") if key in entry}
    return Mutant(**(entry | lists | {"calls": tuple(dict.fromkeys(calls))}))


def find(name: str) -> Mutant:
    """The mutant of that name. Raises UnknownMutant."""
    known = catalogue()
    if name not in known:
        said = f"no mutant is called {name!r}{hint(name, list(known))}"
        raise UnknownMutant(f"{said}; see python -m roadworthy.mutants --list")
    return known[name]
