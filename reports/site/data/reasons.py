"""The table of recorded deviations: every entry of `conformance/deviations`, and where it is seen now."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from roadworthy.reports.conditions import in_words
from roadworthy.reports.records import Deviation
from roadworthy.reports.site.data.table import Column as Col
from roadworthy.reports.site.data.table import Form, Table
from roadworthy.reports.site.values import Site
from roadworthy.reports.sources import addresses

ENTRIES = Path(__file__).parents[3] / "conformance" / "deviations"
#: Entries of this family are about the tree that any check leaves.
ANY_TREE = "tree/"

DEVIATIONS = Form("deviations", "One row for each recorded deviation: a promise known to be broken, and where.", (
    Col("reason", "text", "the id of the reason: entries of one family with one reason and source share it"),
    Col("check", "text", "the check, or tree/… for a difference in the tree that any check leaves"),
    Col("condition", "text", "on which lanes, in words, with the releases on which it was seen"),
    Col("when", "mapping", "the condition's parts: alternatives are divided by `or`"),
    Col("signature", "text", "what the break is known by: its first line has this text"),
    Col("observed", "mapping", "what the break is known by: observations by name"),
    Col("why", "text", "why the promise is broken, in a sentence"),
    Col("source", "text", "where that can be read"),
    Col("urls", "texts", "the addresses of the source"),
    Col("culprit", "text", "whose fault it is, if not the driver's"),
    Col("seen", "texts", "releases with the break, where the condition has a range"),
    Col("gone", "texts", "releases without the break, where the condition has a range"),
    Col("tree", "truth", "whether it is a difference in the tree, beside a promise that holds"),
    Col("race", "truth", "whether it depends on the order of events, and need not happen"),
    Col("file", "text", "the entry's file in the repository"),
    Col("recorded", "truth", "whether this release of the suite has the entry; a bundle may be older"),
    Col("lanes", "texts", "the lanes on which it is seen now"),
    Col("cells", "integer", "how many checks on how many lanes rest on it now"),
))  # fmt: skip


def reason_id(file: str, why: str, source: str) -> str:
    """The id of a reason: its family, and a digest of what it says."""
    text = "\0".join((file, why, source))
    return f"{Path(file).stem}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


@dataclass
class Entry:
    """An entry as its file has it, or as far as a bundle knows it, with the cells that rest on it."""

    check: str
    condition: str
    file: str
    row: Mapping[str, Any]
    recorded: bool = True
    cells: list[tuple[str, str]] = field(default_factory=list)

    @property
    def tree(self) -> bool:
        return bool(self.row.get("tree", self.check.startswith(ANY_TREE)))


def deviations(site: Site) -> Table:
    """The entries in the order of their files, and after them those that only bundles know."""
    found = list(entries(ENTRIES))
    by_key: dict[tuple[str, ...], list[Entry]] = {}
    for entry in found:
        by_key.setdefault(_key(entry.file, entry.row["why"], entry.row["source"], entry.condition), []).append(entry)
    for row in site.matrix.rows:
        for column, cell in zip(site.matrix.columns, row.cells, strict=True):
            if cell and cell.result and (told := cell.result.deviation):
                key = _key(told.file, told.why, told.source, told.when)
                known = [one for one in by_key.setdefault(key, []) if _speaks_of(one, row.check.id)]
                if not known:
                    known = [_of_bundle(row.check.id.partition("[")[0], told)]
                    by_key[key] += known
                    found += known
                known[0].cells.append((column.lane.id, row.check.id))
    return Table(DEVIATIONS, [_row(entry) for entry in found])


@cache
def _tables(directory: Path) -> tuple[tuple[str, str, Mapping[str, Any]], ...]:
    """Each entry's file, check and table. The suite has validated them, so that they are read as they are."""
    found: list[tuple[str, str, Mapping[str, Any]]] = []
    for path in sorted(directory.glob("*.toml")):
        for check, value in tomllib.loads(path.read_text(encoding="utf-8")).items():
            rows = value if isinstance(value, list) else [value]
            found += [(f"conformance/deviations/{path.name}", check, row) for row in rows]
    return tuple(found)


def entries(directory: Path) -> Iterator[Entry]:
    """The entries of a directory; one about some cases of a check is one for each of them."""
    for file, check, row in _tables(directory):
        condition = in_words({key: _values(value) for key, value in row["when"].items()}, row.get("seen", ()),
                             row.get("gone", ()))  # fmt: skip
        for case in row.get("cases", [""]):
            yield Entry(f"{check}[{case}]" if case else check, condition, file, row)


def _key(file: str, why: str, source: str, condition: str) -> tuple[str, ...]:
    return file, why, source, condition


def _speaks_of(entry: Entry, check: str) -> bool:
    return entry.check.startswith(ANY_TREE) or entry.check in (check, check.partition("[")[0])


def _of_bundle(check: str, told: Deviation) -> Entry:
    row = {"why": told.why, "source": told.source, "signature": told.signature}
    return Entry(check, told.when, told.file, row, recorded=False)


def _row(entry: Entry) -> tuple[Any, ...]:
    row = entry.row
    return (
        reason_id(entry.file, row["why"], row["source"]), entry.check, entry.condition,
        {key: " or ".join(_values(value)) for key, value in row.get("when", {}).items()}, row.get("signature", ""),
        {name: _wanted(value) for name, value in row.get("observed", {}).items()}, row["why"], row["source"],
        list(dict.fromkeys(addresses(row["source"]))), row.get("culprit", ""), row.get("seen", []),
        row.get("gone", []), entry.tree, bool(row.get("race", False)), entry.file, entry.recorded,
        list(dict.fromkeys(lane for lane, _ in entry.cells)), len(entry.cells),
    )  # fmt: skip


def _values(value: Any) -> Sequence[str]:
    return value if isinstance(value, list) else [value]


def _wanted(value: Any) -> str:
    """What an observation has to be, in words: one of some texts, or a range."""
    return f"{value['at_least']} to {value['at_most']}" if isinstance(value, dict) else " or ".join(_values(value))
