"""The catalogue of mutants, and of the checks that must catch each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from roadworthy.extending.distributions import Added, added
from roadworthy.reports.nearest import hint

CATALOGUE = Path(__file__).with_name("catalogue.toml")
Kind = Literal["identity", "notify", "saboteur", "engine", "disk"]


class UnknownMutant(Exception):
    """No mutant has that name. The text names the nearest one."""


class Mutant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    reviewed: Mapping[str, str] = {}

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


class Excused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A check, or a cell of it as `check[parameter]`, that no mutant can break, and why."""

    check: str
    reason: str


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `calls` are groups of system calls that entries name in place of them."""

    calls: dict[str, tuple[str, ...]] = {}
    mutant: tuple[Mutant, ...] = ()
    excused: tuple[Excused, ...] = ()


@cache
def whole() -> Catalogue:
    """The file. Raises msgspec's ValidationError, whose text has the place of a wrong value."""
    return msgspec.toml.decode(CATALOGUE.read_bytes(), type=Catalogue)


@cache
def catalogue() -> dict[str, Mutant]:
    """All mutants by name, in the order of the file, and behind them those that other distributions add.

    Raises ValueError for an invalid entry, ExtensionError for one of another distribution.
    """
    found = mutants_of(whole(), whole().calls, {})
    for one, theirs in catalogues_added():
        try:
            found |= mutants_of(theirs, {**whole().calls, **theirs.calls}, found)
        except ValueError as reason:
            raise one.refused(str(reason)) from None
    every = sorted({call for mutant in found.values() for call in mutant.calls})
    found["identity-notify"] = msgspec.structs.replace(found["identity-notify"], calls=tuple(every))
    return found


@cache
def excused() -> dict[str, str]:
    """Checks, or cells of them as `check[parameter]`, that no mutant can break, each with the reason."""
    return {entry.check: entry.reason for read in (whole(), *(theirs for _, theirs in catalogues_added()))
            for entry in read.excused}  # fmt: skip


def catalogues_added() -> Iterator[tuple[Added, Catalogue]]:
    """Yield the catalogues that other distributions add. Raises ExtensionError."""
    for one in added("mutants"):
        try:
            yield one, msgspec.toml.decode((one.directory() / CATALOGUE.name).read_bytes(), type=Catalogue)
        except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as reason:
            raise one.refused(f"{CATALOGUE.name}: {reason}") from None


def register_added() -> None:
    """Import the faults that other distributions add, which registers them. Raises ExtensionError."""
    for one in added("mutants"):
        one.load()


def mutants_of(
    read: Catalogue, groups: Mapping[str, tuple[str, ...]], there: Mapping[str, Mutant]
) -> dict[str, Mutant]:  # fmt: skip
    """The mutants of one catalogue by name; `there` are those of others. Raises ValueError."""
    found: dict[str, Mutant] = {}
    for entry in read.mutant:
        if entry.name in found or entry.name in there:
            raise ValueError(f"{CATALOGUE.name}: two mutants are called {entry.name}")
        calls = [call for word in entry.calls for call in groups.get(word, (word,))]
        found[entry.name] = msgspec.structs.replace(entry, calls=tuple(dict.fromkeys(calls)))
    return found


def find(name: str) -> Mutant:
    """The mutant of that name. Raises UnknownMutant."""
    known = catalogue()
    if name not in known:
        said = f"no mutant is called {name!r}{hint(name, list(known))}"
        raise UnknownMutant(f"{said}; see python -m roadworthy.mutants --list")
    return known[name]
