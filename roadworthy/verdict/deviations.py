"""Recorded deviations: promises that are known to be broken on some lanes, with condition, reason and source.

They lie in `conformance/deviations/*.toml`, one table a check. A break that matches a recorded one is `known`; a break
with another signature is a `fail`; a recorded break that does not happen is `fixed`, which fails the run, unless it is
recorded as a race, which does not happen in every run. docs/deviations.md describes the form of an entry.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from roadworthy.declaring.checks import PROVENANCES
from roadworthy.drivers import DRIVERS
from roadworthy.drivers.overlayfs import SWITCHES
from roadworthy.extending.distributions import Added, added
from roadworthy.machines.backing import BACKINGS, CHOICES
from roadworthy.machines.mode import MODES, ROOTFUL
from roadworthy.reports import records
from roadworthy.reports.conditions import in_words
from roadworthy.reports.nearest import meant
from roadworthy.verdict.matching import Wanted, holds_text, wanted
from roadworthy.verdict.signatures import Template, Told, fits, restates, restates_tree, told
from roadworthy.versions import in_range, version

KEYS = ("cases", "when", "signature", "observed", "why", "source", "culprit", "seen", "gone", "tree", "race")
#: Conditions whose values are names, with the known names. Each is a field of Facts.
NAMED: Mapping[str, Callable[[], Iterable[str]]] = {
    "driver": lambda: DRIVERS,
    "built_on": lambda: sorted({driver.built_on for driver in DRIVERS.values()} - {""}),
    "backing": lambda: (name for name in BACKINGS if ":" not in name),  # `choice` is a condition of its own
    "provenance": lambda: PROVENANCES,
}
ENGINES = ("docker", "podman", *(one.name for one in added("engines")))
#: Options of lanes that are conditions, each with the values that an entry may ask for besides `absent`.
OPTIONS = {
    "sync_fs": ("true",), "overlay.mountopt": ("volatile",),
    "choice": tuple(choice for choices in CHOICES.values() for choice in choices),
    "mode": tuple(MODES), "layers": ("copied",),
}  # fmt: skip
#: What an option is where a lane does not name it; `absent` for all others.
UNNAMED = {"mode": ROOTFUL.name}
#: The program that merges layers in place of the kernel; `server` is a range of its versions.
SERVER = "fuse-overlayfs"
#: What `seen` and `gone` name releases of.
RELEASED = ("linux", SERVER, *ENGINES)


#: The prefix of ids that name no check: their entries are about the tree that any check leaves.
ANY_TREE = "tree/"


class DeviationError(ValueError):
    """An entry is invalid; the text begins with file and line."""


@dataclass(frozen=True)
class Facts:
    """What conditions are compared with. Versions are of the upstream base: `(6, 1)`; parameters are of overlayfs, and
    the lane's options.

    `built_on` is the driver's, see drivers.base.Driver. `server_version` is of the program that merges its layers;
    empty if the kernel does.
    """

    driver: str
    built_on: str
    backing: str
    engine: str
    engine_version: tuple[int, ...]
    kernel_version: tuple[int, ...]
    provenance: str
    parameters: Mapping[str, str]
    server_version: tuple[int, ...] = ()


@dataclass(frozen=True)
class Deviation:
    """One recorded deviation from the promise or, with `tree`, in the tree that the check leaves.

    A break matches where its first line has the `signature` and the check's observations are as `observed`; one of the
    two may be empty. With `decided`, the first line also has to be that of one of these assertions: those which use
    what is observed. `seen` and `gone` are releases, `linux 6.1`, with the break and without it. `file` is relative to
    the directory that holds `conformance`, as in bundles and pages. With `race` the break depends on the order of
    events: a run in which it does not happen does not show that it cannot. With `forestalled`, the engine has copied
    the image before the check began, so that what a first change does may have happened already.
    """

    check: str
    when: Mapping[str, tuple[str, ...]]
    signature: str
    why: str
    source: str
    file: str
    line: int
    tree: bool = False
    race: bool = False
    observed: tuple[Wanted, ...] = ()
    seen: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    decided: tuple[Template, ...] = ()
    forestalled: bool = False

    def applies(self, facts: Facts) -> bool:
        """Whether it applies to a lane with these facts."""
        return all(holds(key, values, facts) for key, values in self.when.items())

    def matches(self, line: str, observations: Sequence[records.Observation] = ()) -> bool:
        """Whether a break with this first line, in a check that has seen this, is the recorded one."""
        if self.decided and not any(fits(assertion, line) for assertion in self.decided):
            return False
        return holds_text(self.signature, line) and all(one.holds(observations) for one in self.observed)

    @property
    def tells(self) -> str:
        """What the break is known by, in words."""
        return "; ".join(filter(None, (self.signature, *map(str, self.observed))))

    def record(self) -> records.Deviation:
        """The deviation as a bundle carries it, with its condition in words."""
        return records.Deviation(
            why=self.why, source=self.source, signature=self.tells, when=in_words(self.when, self.seen, self.gone),
            file=self.file, line=self.line,
        )  # fmt: skip


def holds(key: str, values: tuple[str, ...], facts: Facts) -> bool:
    """Whether one condition holds: any of its values is enough."""
    if key in NAMED:
        return getattr(facts, key) in values
    if key == "kernel":
        return any(in_range(value, facts.kernel_version) for value in values)
    if key == "server":
        return bool(facts.server_version) and any(in_range(value, facts.server_version) for value in values)
    if key == "engine":
        return any(
            value.split()[0] == facts.engine and in_range(value.partition(" ")[2], facts.engine_version)
            for value in values
        )
    return facts.parameters.get(key, UNNAMED.get(key, "absent")) in values


@dataclass(frozen=True)
class Deviations:
    """All recorded deviations."""

    entries: tuple[Deviation, ...]

    @functools.cached_property
    def _by_check(self) -> Mapping[str, list[Deviation]]:
        """The entries by the id that they name, with or without its case; those of any check's tree by ANY_TREE."""
        found: dict[str, list[Deviation]] = defaultdict(list)
        for entry in self.entries:
            found[ANY_TREE if entry.check.startswith(ANY_TREE) else entry.check].append(entry)
        return found

    def _of(self, check: str, facts: Facts) -> list[Deviation]:
        names = dict.fromkeys((check, check.partition("[")[0], ANY_TREE))
        return [entry for name in names for entry in self._by_check.get(name, ()) if entry.applies(facts)]

    def of_tree(self, check: str, facts: Facts) -> list[Deviation]:
        """The entries about the tree that this check leaves on this lane."""
        return [entry for entry in self._of(check, facts) if entry.tree]

    def find(self, check: str, facts: Facts) -> Deviation | None:
        """The entry about this check on this lane, or None. Raises DeviationError if there are two."""
        found = [entry for entry in self._of(check, facts) if not entry.tree]
        if len(found) > 1:
            places = " and ".join(f"{entry.file}:{entry.line}" for entry in found)
            raise DeviationError(
                f"{places}: both speak of {check} on this lane; their conditions must exclude each other"
            )
        if not found:
            return None
        forestalled = facts.parameters.get("layers") == "copied" and "layers" not in found[0].when
        return replace(found[0], forestalled=True) if forestalled else found[0]


def load(directory: Path, checks: Iterable[str] = ()) -> Deviations:
    """Read every TOML file of a directory. Raises DeviationError for the first invalid entry.

    With `checks` given, an entry for an id that is not among them is refused. The checks' sources lie beside the
    directory: a signature that would fit any break of its check is refused.
    """
    known = set(checks)
    place = directory.resolve()
    sources = told(place.parent)
    entries: list[Deviation] = []
    for path in sorted(place.glob("*.toml")):
        entries += read(path, known, sources)
    return Deviations(tuple(entries))


def load_all(directory: Path) -> Deviations:
    """Read the suite's directory and those that other distributions add. Raises DeviationError, ExtensionError."""
    theirs = list(added("deviations"))
    own = load(directory)
    if not theirs:
        return own
    sources = dict(told(directory.resolve().parent))
    for package in added("checks"):
        sources |= told(package.directory())
    found = [entry for one in theirs for entry in entries_of(one, sources)]
    return Deviations((*own.entries, *found))


def entries_of(one: Added, sources: Mapping[str, Told]) -> Iterator[Deviation]:
    """Yield what another distribution has recorded. Raises ExtensionError."""
    for path in sorted(one.directory().resolve().glob("*.toml")):
        try:
            yield from read(path, set(), sources)
        except DeviationError as reason:
            raise one.refused(str(reason)) from None


def read(path: Path, known: set[str], sources: Mapping[str, Told]) -> list[Deviation]:
    """The entries of one file, named by its absolute path. Raises DeviationError for the first invalid one."""
    # A bundle carries a path that is the same on every machine; a message, one that can be opened here.
    file = str(Path(*path.parts[-3:]))
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as reason:
        found = re.search(r"at line (\d+)", str(reason))
        raise DeviationError(f"{shown}:{found[1] if found else len(text.splitlines())}: {reason}") from None
    except UnicodeDecodeError as reason:
        raise DeviationError(f"{shown}: {reason}") from None
    except RecursionError:
        raise DeviationError(f"{shown}: expected entries as docs/deviations.md has them, nested less deep") from None
    entries = []
    for check, value in tables.items():
        rows = value if isinstance(value, list) else [value]
        begins = re.compile(rf"""\s*\[*\s*(["']?){re.escape(check)}\1\s*[]=]""")
        lines = [number for number, line in enumerate(text.splitlines(), 1) if begins.match(line)] or [1]
        for at, row in enumerate(rows):
            line = lines[min(at, len(lines) - 1)]
            source = sources.get(check.partition("[")[0], Told())
            try:
                entries += [deviation(one, row, file, line, known, source) for one in cases_of(check, row)]
            except ValueError as reason:
                raise DeviationError(f"{shown}:{line}: {check}: {reason}") from None
    return entries


def cases_of(check: str, row: Any) -> list[str]:
    """The ids that an entry is about: the check's, or those of its `cases`. Raises ValueError."""
    if not isinstance(row, dict) or "cases" not in row:
        return [check]
    cases = row["cases"]
    if "[" in check or not isinstance(cases, list) or not cases or not all(isinstance(word, str) for word in cases):
        raise ValueError(f"cases is a list of a check's cases, beside an id without one, not {cases!r}")
    return [f"{check}[{case}]" for case in cases]


def deviation(check: str, row: Any, file: str, line: int, known: set[str], source: Told) -> Deviation:
    """One table as a Deviation. Raises ValueError that says what was expected."""
    if not isinstance(row, dict):
        raise ValueError("an entry is a table with when, signature, why and source")
    any_tree = check.startswith(ANY_TREE)
    if known and not any_tree and check not in known and check not in {name.partition("[")[0] for name in known}:
        raise ValueError(f"no check has this id{meant(check, sorted(known))}")
    for key in row:
        if key not in KEYS:
            raise ValueError(f"unknown key {key!r}{meant(key, KEYS)}")
    for key in ("why", "source") if "observed" in row else ("signature", "why", "source"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise ValueError(f"has no {key}: an entry needs a signature, a reason and a source")
    conditions = conditions_of(row.get("when"))
    for key in ("tree", "race"):
        if not isinstance(row.get(key, False), bool):
            raise ValueError(f"{key} is true or false, not {row[key]!r}")
    tree, race = row.get("tree", any_tree), row.get("race", False)
    if tree and race:
        raise ValueError("a tree that a check leaves is compared whole, and no race: say tree or race")
    signature, observed = row.get("signature", ""), wanted(row["observed"]) if "observed" in row else ()
    if not isinstance(signature, str):
        raise ValueError(f"signature is a text, not {signature!r}")
    if tree and observed:
        raise ValueError("what a check saw says nothing of its tree: say tree or observed")
    refuse_restating(signature, observed, tree, source)
    seen, gone = (releases(key, row.get(key, []), conditions) for key in ("seen", "gone"))
    if not seen and any(releases_of(conditions)):
        raise ValueError(
            'a range of kernels, engines or servers needs the releases that it was seen on: seen = ["linux 6.1"]'
        )
    decided = source.excused(one.name for one in observed) if source.observations else ()
    return Deviation(
        check, conditions, signature, row["why"], row["source"], file, line, tree, race, observed, seen, gone, decided
    )


def refuse_restating(signature: str, observed: Sequence[Wanted], tree: bool, source: Told) -> None:
    """Raise ValueError where a far worse break of the check would be the recorded one, too."""
    for one in observed:
        if source.observations and one.name not in source.observations:
            raise ValueError(f"the check observes no {one.name!r}{meant(one.name, sorted(source.observations))}")
    if observed:
        return
    why = restates_tree(signature) if tree else restates(signature, source.assertions)
    if why:
        raise ValueError(f"signature {signature!r} would fit any break: {why}")


def conditions_of(when: Any) -> dict[str, tuple[str, ...]]:
    """The conditions of an entry. Raises ValueError."""
    if not isinstance(when, dict) or not when:
        raise ValueError("has no condition: when = { driver = [...] } says on which lanes the promise is broken")
    conditions = {}
    for key, value in when.items():
        values = tuple(value) if isinstance(value, list) else (value,)
        if not values or not all(isinstance(word, str) for word in values):
            raise ValueError(f"condition {key!r} takes a text or a list of texts, not {value!r}")
        check_condition(key, values)
        conditions[key] = values
    return conditions


def releases_of(conditions: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """The ranges among conditions: of what, and which."""
    yield from (("linux", value) for value in conditions.get("kernel", ()) if value)
    yield from ((SERVER, value) for value in conditions.get("server", ()) if value)
    for value in conditions.get("engine", ()):
        name, _, bound = value.partition(" ")
        if bound:
            yield name, bound


def releases(key: str, value: Any, conditions: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What `seen` or `gone` of an entry lists. Raises ValueError where a range of its condition says otherwise."""
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError(f'{key} is a list of releases such as "linux 6.1", not {value!r}')
    for word in value:
        name, _, release = word.partition(" ")
        if name not in RELEASED or not version(release):
            raise ValueError(f'{key} names releases such as "linux 6.1", not {word!r}{meant(name, RELEASED)}')
        ranges = [bound for of, bound in releases_of(conditions) if of == name]
        if not ranges:
            raise ValueError(f"{key} names {word}, of which no range is a condition")
        if any(in_range(bound, version(release)) for bound in ranges) != (key == "seen"):
            raise ValueError(
                f"{key} names {word}, which {' or '.join(ranges)} {'leaves out' if key == 'seen' else 'has'}"
            )
    return tuple(value)


def check_condition(key: str, values: tuple[str, ...]) -> None:
    """Raise ValueError for a condition that can never hold as written."""
    keys = (*NAMED, "kernel", "engine", "server", *SWITCHES, *OPTIONS)
    if key not in keys:
        raise ValueError(f"unknown condition {key!r}{meant(key, keys)}")
    for value in values:
        if key in NAMED and value not in (names := tuple(NAMED[key]())):
            raise ValueError(f"unknown {key} {value!r}{meant(value, names)}")
        if key == "engine" and value.partition(" ")[0] not in ENGINES:
            raise ValueError(f"unknown engine {value!r}{meant(value, ENGINES)}")
        if key in OPTIONS and value not in (taken := tuple(dict.fromkeys((*OPTIONS[key], UNNAMED.get(key, "absent"))))):
            raise ValueError(f"condition {key!r} takes {' or '.join(taken)}, not {value!r}")
        if key in SWITCHES and value not in ("on", "off", "absent"):
            raise ValueError(f"{key} is on, off or absent, not {value!r}")
        if key in ("kernel", "server"):
            in_range(value, (0,))
        if key == "engine":
            in_range(value.partition(" ")[2], (0,))


def parameters(found: Mapping[str, str]) -> dict[str, str]:
    """The overlay module's parameters as conditions name them: `Y` is on, `N` off, a missing one absent."""
    return {name: {"Y": "on", "N": "off"}.get(found.get(name, ""), "absent") for name in SWITCHES}
