"""The matrix page, and the evidence behind its cells in a file for each check."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

from markupsafe import Markup, escape

from roadworthy.reports.again import where
from roadworthy.reports.cases import base, case
from roadworthy.reports.drawer import of_cell, of_check
from roadworthy.reports.matrix import Cell, Row
from roadworthy.reports.records import MEANING, SHOWN, Verdict
from roadworthy.reports.repeats import worst_of
from roadworthy.reports.site import addresses
from roadworthy.reports.site.functions import functions
from roadworthy.reports.site.grid import Block, Line, Square, grid
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.rendering import TEMPLATES, render
from roadworthy.reports.site.values import Site
from roadworthy.reports.text import visible

#: Characters of a value that a cell shows.
VALUE = 44
#: With more lanes than this, cells that keep their promise have no system calls on the site.
LANES = 40
#: Stands between the cases of a row; no name of a case has it.
BETWEEN = "␟"
#: What a cell that was not asked shows.
NOTHING = Markup("<td>")
#: The presets, with what each leaves.
PRESETS = {
    "differs": "rows whose lanes differ by verdict",
    "one": "rows that break on one of the shown lanes alone",
    "new": "newly failing since the edition before",
    "unexplained": "failures without a recorded reason",
    "flaky": "cells that go back and forth",
}


def pages(site: Site) -> Iterator[Page]:
    """`matrix.html`, its script, and a file of evidence for each check function."""
    yield Page(addresses.MATRIX, partial(_page, site))
    yield Page(addresses.MATRIX_SCRIPT, lambda: asset_of("matrix.js"))
    for name, rows in functions(site.matrix).items():
        yield Page(addresses.evidence_script(name), partial(evidence, site, name, rows))


def asset_of(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _page(site: Site) -> str:
    found = grid(site)
    editions = {lane: edition for lane, edition in site.newest.items() if edition != site.edition.name}
    return render(
        site, addresses.MATRIX, "matrix.html.j2", "Matrix", grid=found, row=row_of, family_row=family_row,
        meaning=MEANING, presets=PRESETS, old=editions, root=addresses.link(addresses.MATRIX, addresses.EVIDENCE),
    )  # fmt: skip


def row_of(line: Line, href: str) -> Markup:
    """A row: the check, its cases if it has some, and one cell a lane. Cells are short, because there are thousands."""
    cases = f"<small>{escape(', '.join(line.cases))}</small>" if line.cases else ""
    data = f' data-cases="{escape(BETWEEN.join(map(visible, line.cases)))}"' if line.cases else ""
    head = (
        f'<tr data-check="{escape(visible(line.function))}"{data}><th scope="row">'
        f'<a href="{escape(href)}">{escape(visible(line.function))}</a>{cases}'
        f"<p>{escape(visible(line.check.promise, 200))}</p></th>"
    )
    return Markup(head + "".join(square(one) if one else NOTHING for one in line.squares) + "</tr>\n")


@lru_cache(maxsize=65536)
def square(one: Square) -> str:
    """A cell. The style puts the verdict's mark before it."""
    word = "breaks" if one.verdict == "known" else one.verdict
    value = f"<small>{escape(visible(shortened(one.value)))}</small>" if one.value else ""
    kinds = " ".join((f"v-{one.verdict}", *one.marks))
    return f'<td class="{kinds}">{word}{value}'


def shortened(value: str) -> str:
    return value if len(value) <= VALUE else f"{value[: VALUE - 1]}…"


def family_row(block: Block, title: str) -> Markup:
    """The row above a family: its title, how many rows, and the worst verdict on each lane."""
    head = f'<tr class="family"><th scope="rowgroup">{escape(title)} <small>{len(block.lines)}</small></th>'
    return Markup(head + "".join(_worst(verdict) for verdict in block.worst) + "</tr>\n")


@lru_cache
def _worst(verdict: Verdict | None) -> str:
    return f'<td class="v-{verdict}" title="{SHOWN.get(verdict, verdict)}">' if verdict else "<td>"


def _name(row: Row) -> str:
    """The check and its case, each made visible by itself, as the page's script puts them together again."""
    which = case(row.check.id)
    return f"{visible(base(row.check.id))}[{visible(which)}]" if which else visible(row.check.id)


def evidence(site: Site, name: str, rows: Sequence[Row]) -> str:
    """The evidence of all cells of a function, as a script that hands it to the page. Equal calls are there once."""
    calls: dict[str, int] = {}
    cells: dict[str, dict[str, Any]] = {}
    many = len(site.matrix.columns) > LANES
    for row in rows:
        read = [column.lane.id for column, cell in zip(site.matrix.columns, row.cells, strict=True)
                if cell and not (many and cell.verdict == "pass")]  # fmt: skip
        found = site.evidence(row.check.id, read)
        for column, cell, shown in zip(site.matrix.columns, row.cells, row.shown, strict=True):
            if cell is None:
                continue
            rounds = found.get(column.lane.id, ())
            whole = worst_of(rounds) if rounds else cell.result
            told = Cell(cell.verdict, cell.reason, cell.run, whole, cell.rounds, cell.planned)
            one = of_cell(told, row.check, shown, column.lane)
            if needs := where(column.lane):
                one["again"] = visible(needs)
            if "calls" in one:
                one["calls"] = calls.setdefault(json.dumps(one["calls"]), len(calls))
            cells.setdefault(_name(row), {})[visible(column.lane.id)] = one
    value = {
        "check": of_check(rows[0].check), "shown_as": SHOWN, "meaning": MEANING, "cells": cells,
        "page": addresses.link(addresses.MATRIX, addresses.check(name)),
        "calls": [json.loads(one) for one in calls],
    }  # fmt: skip
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    key = json.dumps(visible(name), ensure_ascii=True)
    return f"roadworthyEvidence({key}, {text});\n"
