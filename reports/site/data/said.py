"""The tables of what follows from verdicts and numbers: answers to claims, power cuts, and what changed."""

from __future__ import annotations

from roadworthy.reports.claims import ANSWERS, Claim, answers, load
from roadworthy.reports.cuts import power_cuts
from roadworthy.reports.records import WORST_FIRST
from roadworthy.reports.site.data.table import Column as Col
from roadworthy.reports.site.data.table import Form, Table
from roadworthy.reports.site.data.verdicts import CHECK, LANE
from roadworthy.reports.site.values import Site
from roadworthy.reports.transitions import MEANING

CLAIMS = Form("claims", "One row for each claim of 2016 on each lane that answers it, or one if none does.", (
    Col("claim", "text", "the claim's id"),
    Col("says", "text", "the claim in a sentence"),
    Col("lane", "text", "the lane that answers; empty if none does"),
    Col("answer", "text", "what it answers", (*ANSWERS, "not measured", "not tested")),
    Col("why", "texts", "the numbers and verdicts that it rests on"),
    Col("note", "text", "what to mind, or why nothing tests it"),
))  # fmt: skip
CUTS = Form("cuts", "One row for each promise about power cuts in an operation, on each lane.", (
    LANE,
    CHECK,
    Col("operation", "text", "what the power is cut in"),
    Col("does", "text", "the operation in words"),
    Col("verdict", "text", "the verdict of the promise", WORST_FIRST),
    Col("worst", "text", "the worst state that a cut has left"),
    Col("looked", "integer", "how many cuts were looked at"),
    Col("flushes", "integer", "how many flushes the operation has"),
    Col("states", "mapping", "how many cuts have left each state"),
    Col("first", "text", "the first cut that breaks the promise"),
    Col("edition", "text", "the edition that this is from"),
))  # fmt: skip
TRANSITIONS = Form("transitions", "One row for each change of a verdict from one edition to the next.", (
    Col("edition", "text", "the edition in which it is new"),
    Col("kind", "text", "what kind of change it is", tuple(MEANING)),
    LANE,
    Col("check", "text", "the check's id; empty if it is about the lane as a whole"),
    Col("before", "text", "the verdict before, or empty", ("", *WORST_FIRST)),
    Col("after", "text", "the verdict since, or empty", ("", *WORST_FIRST)),
    Col("reason", "text", "the newer verdict's reason, in one line"),
))  # fmt: skip


def claims(site: Site) -> Table:
    """The claims in their order, each with its lanes."""
    rows: list[tuple[object, ...]] = []
    for found in answers(load(), site.matrix):
        said, why = found.claim, dict(found.why)
        note = said.note or said.untested
        told = [(said.name, said.says, lane, word, why.get(lane, ()), note) for word, lanes in found.lanes
                for lane in lanes]  # fmt: skip
        rows += told or [(said.name, said.says, "", unanswered(said), (), note)]
    return Table(CLAIMS, rows)


def unanswered(said: Claim) -> str:
    """Why no lane answers a claim, in two words."""
    return "not tested" if said.untested else "not measured"


def cuts(site: Site) -> Table:
    """The operations, the worst first."""
    rows = []
    for row in power_cuts(site.matrix).rows:
        for cutting in row.cuttings:
            for one in cutting.asked if cutting else ():
                found = one.cuts
                states = {f"{left.thing}: {left.state}": str(left.cuts) for left in found.states}
                rows.append((
                    cutting.lane.id if cutting else "", one.check.id, found.operation, found.does, one.cell.verdict,
                    found.worst, found.looked, found.flushes, states, found.first.words if found.first else "",
                    site.newest.get(cutting.lane.id, "") if cutting else "",
                ))  # fmt: skip
    return Table(CUTS, rows)


def transitions(site: Site) -> Table:
    """What changed in every edition, the newest first, the most urgent first in each."""
    rows = [
        (edition.name, one.kind, one.lane, one.check, one.before or "", one.after or "", one.reason)
        for edition in reversed(site.editions) for one in site.changes.get(edition.name, ())
    ]  # fmt: skip
    return Table(TRANSITIONS, rows)
