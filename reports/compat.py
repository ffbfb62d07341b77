"""Ask `compat.json`, the site's table of what each driver keeps, in the manner of browser-compat-data.

    known = Compat.read(Path("compat.json"))
    known.ask("rename/merged-dir", driver="overlay2", kernel="6.1")    # no, with the reason, and what helps

What no lane was asked is unknown. The file may come from anywhere: it is data, and nothing in it is followed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from roadworthy.reports.nearest import hint

Support = Literal["yes", "no", "partial", "unknown"]
#: How a statement writes each answer.
SUPPORT: Mapping[Any, Support] = {True: "yes", False: "no", "partial": "partial", None: "unknown"}
#: The key under which a check stands in the tree, as in browser-compat-data.
COMPAT = "__compat"
VERSION = "1.0"


class CompatRefused(ValueError):
    """A file that is not such a table, or a name that it does not have; the text says what was expected."""


@dataclass(frozen=True)
class Answer:
    """What is known of a check under some conditions. `statements` are those that speak of them.

    Without any it is unknown; then `others` are statements about other kernels, engines, backings or options.
    """

    check: str
    support: Support
    statements: tuple[Mapping[str, Any], ...]
    others: tuple[Mapping[str, Any], ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of the statements, each once."""
        return tuple(dict.fromkeys(note for one in self.statements for note in one.get("notes", ())))

    @property
    def helps(self) -> tuple[str, ...]:
        """Options with which the promise is kept, and other places where it is, if it is not kept here."""
        if self.support in ("yes", "unknown"):
            return ()
        return tuple(dict.fromkeys(where(one) for one in self.others if one["support"] is True))


@dataclass(frozen=True)
class Compat:
    """The whole table."""

    data: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Compat:
        """Read a file. Raises CompatRefused, and OSError."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as reason:
            raise CompatRefused(f"{path}: expected JSON: {reason}") from None
        head = data.get("__meta", {}) if isinstance(data, dict) else {}
        version = head.get("version", "") if isinstance(head, dict) else ""
        if not str(version).startswith(f"{VERSION.partition('.')[0]}."):
            raise CompatRefused(f"{path}: expected a compat.json of version {VERSION}, found {str(version)[:40]!r}")
        return cls(data)

    @property
    def drivers(self) -> list[str]:
        return list(self.data["drivers"])

    @property
    def checks(self) -> list[str]:
        """The ids of all checks: a function, and its cases if it has some."""
        return [name for name, _ in _walk("", self.data["checks"])]

    def entry(self, check: str) -> Mapping[str, Any]:
        """What is said of a check. Raises CompatRefused with the nearest id."""
        found = dict(_walk("", self.data["checks"]))
        if check not in found:
            raise CompatRefused(f"no check {check!r}{hint(check, list(found))}")
        return found[check]

    def ask(
        self, check: str, driver: str, kernel: str = "", engine: str = "", backing: str = "",
        flags: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """What a driver keeps of a check's promise on this kernel series, engine (`docker20.10`) and backing.

        What is left out may be any; without `flags` the options are those of an engine that nobody has configured.
        Statements that disagree make it partial. Raises CompatRefused for a check or a driver that nobody knows.
        """
        support = self.entry(check)["support"]
        if driver not in self.drivers:
            raise CompatRefused(f"no driver {driver!r}{hint(driver, self.drivers)}")
        wanted = dict(flags or {})
        found = [one for one in support.get(driver, ()) if _speaks_of(one, kernel, engine, backing, wanted)]
        others = [one for one in support.get(driver, ()) if one not in found]
        return Answer(check, _together(one["support"] for one in found), tuple(found), tuple(others))


def where(statement: Mapping[str, Any]) -> str:
    """The conditions of a statement in words: `overlay.metacopy=on, on ext4, docker20.10, Linux 6.1/6.12`."""
    flags = [f"{flag['name']}={flag['value_to_set']}" for flag in statement.get("flags", ())]
    engines, kernels = "/".join(statement["engines"]), "/".join(statement["kernel"]["asked"])
    return ", ".join([*flags, f"on {statement['backing']}", engines, f"Linux {kernels}"])


def _walk(name: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, below in tree.items():
        if key == COMPAT:
            yield name, below
        elif isinstance(below, dict):
            yield from _walk(f"{name}{key}" if key.startswith("[") or not name else f"{name}/{key}", below)


def _speaks_of(
    statement: Mapping[str, Any], kernel: str, engine: str, backing: str, flags: Mapping[str, str]
) -> bool:  # fmt: skip
    own = {flag["name"]: flag["value_to_set"] for flag in statement.get("flags", ())}
    return (
        own == flags
        and (not kernel or kernel in statement["kernel"]["asked"])
        and (not engine or engine in statement["engines"])
        and backing in ("", statement["backing"])
    )


def _together(found: Iterable[Any]) -> Support:
    """Several answers as one: those that are unknown say nothing, and those that disagree are partial."""
    words = {SUPPORT.get(one, "unknown") for one in found} - {"unknown"}
    return words.pop() if len(words) == 1 else "partial" if words else "unknown"
