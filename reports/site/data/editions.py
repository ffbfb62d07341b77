"""The verdicts of each edition as one grid, check by lane, made from the history without reading a bundle again."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from roadworthy.reports.records import WORST_FIRST, Verdict
from roadworthy.reports.site import addresses
from roadworthy.reports.site.data.once import once
from roadworthy.reports.site.data.table import DIALECT, field, shown
from roadworthy.reports.site.history import History
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.values import Site

NAME = "verdicts"
SCHEMA: Mapping[str, Any] = {
    "$schema": DIALECT,
    "title": NAME,
    "description": "The verdicts of one edition: of each check one for each lane, in the order of the lanes.",
    "type": "object",
    "properties": {
        "$schema": {"type": "string"},
        "edition": {"type": "string"},
        "lanes": {"type": "array", "items": {"type": "string"}, "description": "the lanes that were up"},
        "checks": {
            "type": "object",
            "description": "the checks by their ids; null where a lane was not asked",
            "additionalProperties": {"type": "array", "items": {"enum": [*WORST_FIRST, None]}},
        },
    },
    "required": ["$schema", "edition", "lanes", "checks"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Grid:
    """The verdicts of an edition: the lanes that were up, and the checks that any of them was asked, in order."""

    edition: str
    lanes: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Verdict | None, ...]], ...]

    def as_json(self, schema: str) -> str:
        """The grid as one object; `schema` is the address of its schema."""
        head = {"$schema": schema, "edition": shown(self.edition), "lanes": [*map(shown, self.lanes)]}
        rows = ",\n".join(f"{json.dumps(shown(check), ensure_ascii=False)}: {json.dumps(own)}"
                          for check, own in self.rows)  # fmt: skip
        return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "checks": {{\n{rows}\n}}}}\n'

    def as_csv(self) -> str:
        """The grid as a table with a column a lane."""
        stream = io.StringIO(newline="")
        writer = csv.writer(stream)
        writer.writerow(["check", *(field(shown(lane)) for lane in self.lanes)])
        writer.writerows([field(shown(check)), *(verdict or "" for verdict in own)] for check, own in self.rows)
        return stream.getvalue()


def pages(site: Site) -> Iterator[Page]:
    """A grid for each edition. One is made anew only if the past of a cell in it has changed."""
    history = site.history
    for number, (name, key) in enumerate(zip(history.editions, keys(history), strict=True)):
        as_json, as_csv = (addresses.edition_data(name, NAME, form) for form in ("json", "csv"))
        schema = addresses.link(as_json, addresses.schema(NAME))
        both = once(partial(grid, history, number))
        yield Page(as_json, lambda both=both, schema=schema: both().as_json(schema), key)  # type: ignore[misc]
        yield Page(as_csv, lambda both=both: both().as_csv(), key)  # type: ignore[misc]


def grid(history: History, number: int) -> Grid:
    """The verdicts of the edition with this number."""
    lanes = tuple(sorted(lane for lane, ran in history.ran.items() if number in ran))
    place = {lane: at for at, lane in enumerate(lanes)}
    found: dict[str, list[Verdict | None]] = {}
    for lane, check, verdict in history.at(number):
        found.setdefault(check, [None] * len(lanes))[place[lane]] = verdict
    return Grid(history.editions[number], lanes, tuple((check, tuple(found[check])) for check in sorted(found)))


def keys(history: History) -> Sequence[str]:
    """For each edition a digest of all that its grid depends on: what became of every cell up to it, and its lanes."""
    became: list[list[str]] = [[] for _ in history.editions]
    for lane, checks in history.states.items():
        for check, states in checks.items():
            for state in states:
                became[state.edition].append(f"{lane}\0{check}\0{state.verdict}")
    for lane, ran in history.ran.items():
        for number in ran:
            became[number].append(lane)
    found, digest = [], ""
    for name, own in zip(history.editions, became, strict=True):
        text = "\n".join([digest, name, *sorted(own)])
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        found.append(digest)
    return found
