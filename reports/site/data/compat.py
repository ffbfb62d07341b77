"""`compat.json`: what each driver keeps of each check's promise, in the manner of browser-compat-data.

A tree of check ids; a check has for each driver a list of statements. A statement holds for one backing, one set of
options (flags), some engines and a range of kernels. Ranges are made of lanes that were asked, and of nothing else:
`asked` names each kernel, `after` and `before` the nearest ones with another answer, between which the change lies.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from roadworthy.reports.compat import COMPAT, VERSION
from roadworthy.reports.matrix import Cell, Row
from roadworthy.reports.records import Lane, Verdict
from roadworthy.reports.site.data.table import DIALECT, plain, schema_address
from roadworthy.reports.site.data.verdicts import deviation
from roadworthy.reports.site.values import Site
from roadworthy.reports.sources import addresses

#: What the promise is on a lane: kept, broken, or kept in some cases; None is unknown.
Support = bool | Literal["partial"] | None
#: What each verdict says; the others say nothing about the driver.
KEPT: Mapping[Verdict, bool] = {
    "pass": True, "fixed": True, "known": False, "fail": False, "crash": False, "hang": False,
}  # fmt: skip
#: The most notes of one statement.
NOTES = 8


@dataclass(frozen=True)
class Point:
    """What one lane answered of a check, with what has to be said of that."""

    lane: Lane
    support: Support
    notes: tuple[str, ...]
    deviations: tuple[str, ...]

    @property
    def said(self) -> tuple[Any, ...]:
        """What points of one range have in common."""
        return self.support, self.notes, self.deviations


def compat_text(site: Site) -> str:
    """The file, with a check's statement a line."""
    drivers: dict[str, list[str]] = {}
    for column in site.matrix.columns:
        drivers.setdefault(column.lane.driver, []).append(column.lane.id)
    head = {
        "$schema": schema_address("compat"),
        "__meta": {"version": VERSION, "edition": site.edition.name},
        "drivers": {name: {"lanes": lanes} for name, lanes in drivers.items()},
    }
    text = json.dumps(plain(head), ensure_ascii=False, indent=1)
    checks = json.dumps(plain(tree(site)), ensure_ascii=False, indent=None, separators=(",", ":"))
    return f'{text.removesuffix("}").rstrip()},\n "checks": {_lines(checks)}\n}}\n'


def tree(site: Site) -> dict[str, Any]:
    """The checks as a tree: family, behaviour, and the cases of one that has some."""
    lanes = [column.lane for column in site.matrix.columns]
    functions: dict[str, list[Row]] = {}
    for row in site.matrix.rows:
        functions.setdefault(row.check.id.partition("[")[0], []).append(row)
    found: dict[str, Any] = {}
    for name, rows in functions.items():
        family, _, behaviour = name.partition("/")
        node: dict[str, Any] = {COMPAT: _compat(rows, lanes)}
        for row in rows:
            if case := row.check.id[len(name) :]:
                node[case] = {COMPAT: _compat([row], lanes)}
        found.setdefault(family, {})[behaviour] = node
    return found


def _compat(rows: Sequence[Row], lanes: Sequence[Lane]) -> dict[str, Any]:
    """What is said of a check, or of one of its cases."""
    check = rows[0].check
    by_driver: dict[str, list[Point]] = {}
    for at, lane in enumerate(lanes):
        cells = [(row.check.id, cell) for row in rows if (cell := row.cells[at])]
        if cells:
            by_driver.setdefault(lane.driver, []).append(_point(lane, cells))
    return {
        "description": check.promise, "source": check.source,
        "spec_url": list(dict.fromkeys(addresses(check.source))), "source_file": check.file,
        "support": {driver: [*_statements(points)] for driver, points in by_driver.items()},
    }  # fmt: skip


def _point(lane: Lane, cells: Sequence[tuple[str, Cell]]) -> Point:
    """What a lane answered: of several cases the promise is kept in all, in none, or in part."""
    if all(cell.verdict == "pass" and not cell.with_difference for _, cell in cells):
        return Point(lane, True, (), ())
    answers = {KEPT[cell.verdict] for _, cell in cells if cell.verdict in KEPT}
    support: Support = None if not answers else answers.pop() if len(answers) == 1 else "partial"
    notes = [note for check, cell in cells for note in _notes(check, cell, support, len(cells) > 1)]
    reasons = [deviation(cell.result) for _, cell in cells if cell.result and cell.result.deviation]
    return Point(lane, support, tuple(dict.fromkeys(notes))[:NOTES], tuple(dict.fromkeys(reasons)))


def _notes(check: str, cell: Cell, support: Support, cases: bool) -> Iterator[str]:
    """What has to be said of a cell: why its promise is broken, and that only a case is concerned."""
    told = cell.result.deviation if cell.result else None
    where = f"{check.partition('[')[1]}{check.partition('[')[2]}: " if cases and support == "partial" else ""
    if told and cell.verdict != "pass":
        yield f"{where}{told.why}"
    elif told:
        yield f"{where}kept with a recorded difference of the tree: {told.why}"
    elif cell.verdict in ("fail", "crash", "hang"):
        yield f"{where}{cell.verdict}, and no deviation is recorded for it"
    elif cell.verdict not in KEPT:
        yield f"{where}{cell.verdict}" + (f": {cell.reason.partition(chr(10))[0]}" if cell.reason else "")


def _statements(points: Iterable[Point]) -> Iterator[dict[str, Any]]:
    """The statements of one driver: those without flags first, the newest kernels first."""
    places: dict[tuple[tuple[tuple[str, str], ...], str], dict[str, list[Point]]] = {}
    for point in points:
        lane = point.lane
        engines = places.setdefault((tuple(sorted(lane.options.items())), lane.backing), {})
        engines.setdefault(lane.engine, []).append(point)
    for (flags, backing), engines in sorted(places.items()):
        together: dict[Any, tuple[dict[str, Any], list[str]]] = {}
        for engine, own in sorted(engines.items(), key=lambda pair: _version(pair[0])):
            for key, statement in _ranges(own):
                together.setdefault(key, (statement, []))[1].append(engine)
        for statement, names in reversed([*together.values()]):
            options = [{"type": "option", "name": key, "value_to_set": value} for key, value in flags]
            yield {
                "support": statement["support"], "backing": backing, "engines": names, "kernel": statement["kernel"],
                **({"flags": options} if options else {}), **{key: value for key, value in statement.items()
                                                             if key not in ("support", "kernel")},
            }  # fmt: skip


def _ranges(points: Sequence[Point]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The kernels of one engine in ranges of one answer, the oldest first, each with a key that equal ones share."""
    ordered = sorted(points, key=lambda point: _version(point.lane.kernel))
    runs = [[*group] for _, group in itertools.groupby(ordered, key=lambda point: point.said)]
    for at, run in enumerate(runs):
        kernels = list(dict.fromkeys(point.lane.kernel for point in run))
        found = run[0]
        after = runs[at - 1][-1].lane.kernel if at else ""
        before = runs[at + 1][0].lane.kernel if at + 1 < len(runs) else ""
        yield (found.said, tuple(kernels), after, before), {
            "support": found.support,
            "kernel": {
                "asked": kernels, "first": kernels[0], "last": kernels[-1], "after": after, "before": before,
            },
            **({"partial_implementation": True} if found.support == "partial" else {}),
            **({"notes": list(found.notes)} if found.notes else {}),
            **({"deviations": list(found.deviations)} if found.deviations else {}),
        }  # fmt: skip


@lru_cache(maxsize=1 << 12)
def _version(text: str) -> tuple[str, list[int], str]:
    """A sort key of a kernel series or an engine, in which 6.2 comes before 6.12."""
    return text.rstrip("0123456789."), [int(part) for part in re.findall("[0-9]+", text)], text


def _lines(text: str) -> str:
    """A tree in one line as a tree with each check in a line of its own."""
    return text.replace(f'"{COMPAT}":', f'\n"{COMPAT}":')


_TEXTS = {"type": "array", "items": {"type": "string"}}
SCHEMA: Mapping[str, Any] = {
    "$schema": DIALECT,
    "title": "compat",
    "description": "What each driver keeps of each check's promise, in the manner of browser-compat-data.",
    "type": "object",
    "properties": {
        "$schema": {"const": schema_address("compat")},
        "__meta": {
            "type": "object",
            "properties": {"version": {"const": VERSION}, "edition": {"type": "string"}},
            "required": ["version", "edition"], "additionalProperties": False,
        },
        "drivers": {
            "description": "the drivers, each with the lanes that were asked",
            "type": "object",
            "additionalProperties": {
                "type": "object", "properties": {"lanes": _TEXTS}, "required": ["lanes"],
                "additionalProperties": False,
            },
        },
        "checks": {
            "description": "family, behaviour, and the cases of a check that has some, in brackets",
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": {"$ref": "#/$defs/check"}},
        },
    },
    "required": ["$schema", "__meta", "drivers", "checks"],
    "additionalProperties": False,
    "$defs": {
        "check": {
            "type": "object",
            "properties": {COMPAT: {"$ref": "#/$defs/compat"}},
            "required": [COMPAT],
            "additionalProperties": {
                "type": "object", "properties": {COMPAT: {"$ref": "#/$defs/compat"}}, "required": [COMPAT],
                "additionalProperties": False,
            },
        },
        "compat": {
            "type": "object",
            "properties": {
                "description": {"type": "string", "description": "the promise"},
                "source": {"type": "string", "description": "where the promise is written down"},
                "spec_url": {**_TEXTS, "description": "the addresses of the source"},
                "source_file": {"type": "string", "description": "the check's file in the repository"},
                "support": {
                    "description": "the statements of each driver that was asked; another driver is unknown",
                    "type": "object",
                    "additionalProperties": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/statement"}},
                },
            },
            "required": ["description", "source", "spec_url", "source_file", "support"],
            "additionalProperties": False,
        },
        "statement": {
            "type": "object",
            "properties": {
                "support": {
                    "description": "true: the promise is kept; false: it is broken; partial: it is kept in some cases; "
                    "null: unknown, as where the check was skipped",
                    "enum": [True, False, "partial", None],
                },
                "partial_implementation": {"const": True},
                "backing": {"type": "string", "description": "the file system under the data root"},
                "engines": {**_TEXTS, "minItems": 1, "description": "the engines that were asked"},
                "kernel": {
                    "type": "object",
                    "properties": {
                        "asked": {**_TEXTS, "minItems": 1, "description": "every kernel series that was asked"},
                        "first": {"type": "string", "description": "the oldest of them"},
                        "last": {"type": "string", "description": "the newest of them"},
                        "after": {"type": "string", "description": "the next older one asked, with another answer"},
                        "before": {"type": "string", "description": "the next newer one asked, with another answer"},
                    },
                    "required": ["asked", "first", "last", "after", "before"],
                    "additionalProperties": False,
                },
                "flags": {
                    "description": "options of the driver and parameters of kernel modules; without them, the defaults",
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "type": {"const": "option"}, "name": {"type": "string"}, "value_to_set": {"type": "string"},
                        },
                        "required": ["type", "name", "value_to_set"],
                        "additionalProperties": False,
                    },
                },
                "notes": {**_TEXTS, "description": "why it is broken, or unknown"},
                "deviations": {**_TEXTS, "description": "recorded reasons, by their ids in deviations.json"},
            },
            "required": ["support", "backing", "engines", "kernel"],
            "additionalProperties": False,
        },
    },
}  # fmt: skip
