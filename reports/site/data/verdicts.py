"""The tables of lanes, of checks, and of verdicts: what was asked, of what, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from roadworthy.reports.environment import of_facts
from roadworthy.reports.families import title
from roadworthy.reports.matrix import Cell, Column, differs
from roadworthy.reports.records import WORST_FIRST, Result
from roadworthy.reports.site.data.reasons import reason_id
from roadworthy.reports.site.data.table import Column as Col
from roadworthy.reports.site.data.table import Form, Table
from roadworthy.reports.site.values import Site
from roadworthy.reports.sources import addresses

STATES = ("ready", "error", "unsupported", "skipped", "missing")
LANE = Col("lane", "text", "the lane's id: driver, options, backing, engine, kernel")
CHECK = Col("check", "text", "the check's id, with its case in brackets")

LANES = Form("lanes", "One row for each lane: a driver on a backing file system, an engine and a kernel.", (
    LANE,
    Col("driver", "text", "the storage driver"),
    Col("backing", "text", "the file system under the engine's data root"),
    Col("engine", "text", "the engine and its series"),
    Col("kernel", "text", "the kernel's series"),
    Col("options", "mapping", "options of the driver and parameters of kernel modules, by name"),
    Col("state", "text", "whether it came up", STATES),
    Col("reason", "text", "why it did not come up"),
    Col("edition", "text", "the newest edition that ran it"),
    Col("asked", "integer", "how many checks were to be asked of it"),
    Col("counts", "mapping", "how many checks have each verdict"),
    Col("facts", "mapping", "exact versions, mount options and parameters, by dotted names"),
    Col("select", "texts", "the options of pytest that select this lane alone"),
))  # fmt: skip
CHECKS = Form("checks", "One row for each check: one promise.", (
    CHECK,
    Col("family", "text", "the family's id"),
    Col("title", "text", "the family's name in words"),
    Col("promise", "text", "the sentence that is true on a plain file system"),
    Col("provenance", "text", "where the file comes from that is looked at: lower, upper, copied-up"),
    Col("source", "text", "where the promise is written down"),
    Col("urls", "texts", "where the source can be read"),
    Col("claim", "text", "the public claim that it is about"),
    Col("file", "text", "the check's file in the repository"),
    Col("line", "integer", "the line of the check in its file"),
    Col("asked", "integer", "of how many lanes it was to be asked"),
    Col("counts", "mapping", "on how many lanes it has each verdict"),
    Col("differs", "truth", "whether lanes disagree, by the verdict or by the value that they show"),
))  # fmt: skip
CELLS = Form("cells", "One row for each check on each lane.", (
    LANE,
    CHECK,
    Col("verdict", "text", "the worst verdict of all rounds, see docs/reading-the-matrix.md", WORST_FIRST),
    Col("value", "text", "what was observed"),
    Col("expected", "text", "what was expected in its place"),
    Col("reason", "text", "the first line of why"),
    Col("deviation", "text", "the id of the recorded reason, as in deviations.json"),
    Col("difference", "truth", "whether it passed and left another tree than the reference, as recorded"),
    Col("flaky", "truth", "whether its rounds or its last editions disagree"),
    Col("rounds", "integer", "how many rounds were reported"),
    Col("seconds", "number?", "how long the check took"),
    Col("since", "text", "the edition since which it has this verdict"),
    Col("edition", "text", "the edition that this is from"),
))  # fmt: skip


def lanes(site: Site) -> Table:
    """The lanes, in the order of the matrix."""
    rows = []
    for at, column in enumerate(site.matrix.columns):
        lane = column.lane
        found = [cell for row in site.matrix.rows if (cell := row.cells[at])]
        rows.append((
            lane.id, lane.driver, lane.backing, lane.engine, lane.kernel, lane.options, column.state,
            "" if column.state == "ready" else column.reason, site.newest.get(lane.id, ""), len(found), counts(found),
            facts(column), lane.words,
        ))  # fmt: skip
    return Table(LANES, rows)


def checks(site: Site) -> Table:
    """The checks, in the order of the matrix."""
    rows = []
    for row in site.matrix.rows:
        check, found = row.check, [cell for cell in row.cells if cell]
        rows.append((
            check.id, check.family, title(check.family), check.promise, check.provenance, check.source,
            addresses(check.source), check.claim, check.file, check.line, len(found), counts(found), differs(row),
        ))  # fmt: skip
    return Table(CHECKS, rows)


def cells(site: Site) -> Table:
    """Every cell that was planned, check by check."""
    rows = []
    for row in site.matrix.rows:
        check = row.check.id
        for column, cell, shown in zip(site.matrix.columns, row.cells, row.shown, strict=True):
            if cell is None:
                continue
            lane, result = column.lane.id, cell.result
            rows.append((
                lane, check, cell.verdict, shown.value, shown.expected, cell.reason.partition("\n")[0],
                deviation(result), cell.with_difference, site.history.flaky(lane, check), len(cell.rounds),
                result.seconds if result else None, site.history.since(lane, check), site.newest.get(lane, ""),
            ))  # fmt: skip
    return Table(CELLS, rows)


def deviation(result: Result | None) -> str:
    """The id of the recorded reason of a result, or an empty text."""
    found = result.deviation if result else None
    return reason_id(found.file, found.why, found.source) if found else ""


def counts(found: Iterable[Cell]) -> dict[str, str]:
    """How often each verdict occurs, worst first, as a mapping of texts."""
    number = Counter(cell.verdict for cell in found)
    return {verdict: str(number[verdict]) for verdict in WORST_FIRST if number[verdict]}


def facts(column: Column) -> dict[str, str]:
    """The facts of the newest record of a lane."""
    return of_facts(column.lane, column.records[-1][1].facts) if column.records else {}
