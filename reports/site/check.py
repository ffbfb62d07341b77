"""The page of a check function: what it promises, why that matters, and what every lane has answered."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from roadworthy.reports.again import rerun_command, where
from roadworthy.reports.cases import base, case
from roadworthy.reports.claims import Claim, load
from roadworthy.reports.issues import address as address_of
from roadworthy.reports.issues import load_issues
from roadworthy.reports.matrix import SILENT, Cell, Column, Row
from roadworthy.reports.records import WORST_FIRST, Check, Deviation, Lane, Result, Verdict
from roadworthy.reports.shows import Shown
from roadworthy.reports.site import addresses
from roadworthy.reports.site.broken import SHOWING
from roadworthy.reports.site.functions import columns_of, functions
from roadworthy.reports.site.known import Found, Script
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.rendering import render
from roadworthy.reports.site.terms import terms
from roadworthy.reports.site.values import Site
from roadworthy.reports.strace import spelled
from roadworthy.reports.text import visible
from roadworthy.reports.transcript import FIRST_CALLS, bounded

#: The most answers of one page that show their system calls, lines of them, and values of one answer.
TRANSCRIPTS, CALLS, VALUES = 12, 60, 4


@dataclass(frozen=True)
class Said:
    """What several cases of a lane have said alike."""

    verdict: Verdict
    value: str
    cases: tuple[str, ...]
    with_difference: bool = False
    flaky: str = ""


@dataclass(frozen=True)
class OnLane:
    """A lane's answers, the worst first, and its verdicts in the last editions, of all cases the worst."""

    column: Column
    edition: str
    said: tuple[Said, ...]
    strip: tuple[Verdict | None, ...]
    since: str


@dataclass(frozen=True)
class Line:
    """A line of a transcript: a system call as strace prints it, or a step of the suite's own with its calls."""

    process: str
    made: str
    returned: str
    failed: bool
    steps: str


@dataclass(frozen=True)
class Transcript:
    """The calls of one lane, and how many are left out after the first ones or were not recorded."""

    lane: str
    check: str
    lines: tuple[Line, ...]
    left_out: int
    omitted: int


@dataclass(frozen=True)
class Answer:
    """What several lanes have answered for one reason: a verdict, the deviation, values and what was expected.

    `helps` has what can be turned, for which of its drivers; `again` is the command for the first of its lanes, and
    `script` what the script without the suite showed.
    """

    verdict: Verdict
    reason: str
    deviation: Deviation | None
    values: tuple[Shown, ...]
    where: tuple[tuple[Lane, tuple[str, ...]], ...]
    helps: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    again: str
    again_needs: str
    script: tuple[str, Script] | None
    transcript: Transcript | None
    log: tuple[str, ...] = ()

    @property
    def broken(self) -> bool:
        return self.verdict in SHOWING

    @property
    def drivers(self) -> tuple[tuple[str, tuple[tuple[Lane, tuple[str, ...]], ...]], ...]:
        """The lanes by driver."""
        return tuple((name, tuple(some)) for name, some in itertools.groupby(self.where, lambda one: one[0].driver))


class Issue(NamedTuple):
    """An issue that others reported and that the check answers: its name, what was said, and where it can be read."""

    name: str
    says: str
    address: str


@dataclass(frozen=True)
class CheckPage:
    """All that a page says of a check function."""

    name: str
    check: Check
    cases: tuple[str, ...]
    terms: tuple[tuple[str, str], ...]
    questions: tuple[str, ...]
    findings: tuple[Found, ...]
    claims: tuple[Claim, ...]
    issues: tuple[Issue, ...]
    lanes: tuple[OnLane, ...]
    unasked: tuple[Lane, ...]
    answers: tuple[Answer, ...]
    code: str

    @property
    def silent(self) -> tuple[Answer, ...]:
        """What was not answered, with the reasons."""
        return tuple(one for one in self.answers if one.verdict in SILENT or one.verdict == "error")

    @property
    def told(self) -> tuple[Answer, ...]:
        """What was answered, the worst first."""
        return tuple(one for one in self.answers if one not in self.silent)


def pages(site: Site) -> Iterator[Page]:
    """One page for each check function, and all its lanes on it."""
    claims, issues = load(), load_issues()
    written: dict[int, dict[object, object]] = {}
    for name, rows in functions(site.matrix).items():
        address = addresses.check(name)
        # Pages that lie equally deep have equal rows for a lane that has answered alike, as most lanes have.
        alike = written.setdefault(address.count("/"), {})
        yield Page(address, partial(_page, site, name, rows, claims, issues, alike))


def _page(
    site: Site, name: str, rows: Sequence[Row], claims: Sequence[Claim], issues: Sequence[Claim],
    written: dict[object, object],
) -> str:  # fmt: skip
    return render(
        site, addresses.check(name), "check.html.j2", name, page=of(site, name, rows, claims, issues),
        strips=site.history.shown, calls=CALLS, written=written,
    )  # fmt: skip


def of(
    site: Site, name: str, rows: Sequence[Row], claims: Sequence[Claim] = (), issues: Sequence[Claim] = ()
) -> CheckPage:  # fmt: skip
    """The page's values."""
    check = rows[0].check
    asked = columns_of(rows)
    columns = site.matrix.columns
    cases = tuple(one for row in rows if (one := case(row.check.id)))
    return CheckPage(
        name=name,
        check=check,
        cases=cases,
        terms=tuple(terms([*cases, *(row.check.provenance for row in rows)])),
        questions=site.known.asking(name),
        findings=tuple(one for one in site.known.findings if name in map(base, one.checks)),
        claims=tuple(claim for claim in claims if claim.asks(name)),
        issues=tuple(Issue(one.name, one.says, address_of(one.name)) for one in issues if one.asks(name)),
        lanes=tuple(_on_lane(site, rows, at) for at in asked),
        unasked=tuple(column.lane for at, column in enumerate(columns) if at not in asked),
        answers=tuple(_answers(site, rows, asked)),
        code=site.known.source(check),
    )


def _on_lane(site: Site, rows: Sequence[Row], at: int) -> OnLane:
    column = site.matrix.columns[at]
    lane = column.lane.id
    groups: dict[tuple[Verdict, str, bool, str], list[str]] = {}
    for row in rows:
        if cell := row.cells[at]:
            value = "" if cell.verdict == "pass" else row.shown[at].words
            flaky = str(cell.tally) if cell.tally.flaky else ""
            groups.setdefault((cell.verdict, value, cell.with_difference, flaky), []).append(case(row.check.id))
    said = [Said(verdict, value, tuple(cases), beside, flaky) for (verdict, value, beside, flaky), cases in
            groups.items()]  # fmt: skip
    strips = [site.history.strip(lane, row.check.id) for row in rows if row.cells[at]]
    worst = min((one.verdict for one in said), key=WORST_FIRST.index, default=None)
    since = [site.history.since(lane, row.check.id) for row in rows
             if (cell := row.cells[at]) and cell.verdict == worst]  # fmt: skip
    edition = site.newest.get(lane, "")
    return OnLane(
        column, "" if edition == site.edition.name else edition,
        tuple(sorted(said, key=lambda one: WORST_FIRST.index(one.verdict))), merged(strips), min(since, default=""),
    )  # fmt: skip


def merged(strips: Sequence[Sequence[Verdict | None]]) -> tuple[Verdict | None, ...]:
    """The worst verdict of several cells in each edition."""
    if len(strips) == 1:
        return tuple(strips[0])
    return tuple(
        min((one for one in found if one), key=WORST_FIRST.index, default=None) for found in zip(*strips, strict=True)
    )


Key = tuple[Verdict, str, str]


def _answers(site: Site, rows: Sequence[Row], asked: Sequence[int]) -> Iterator[Answer]:
    """Cells with one verdict for one reason, the worst verdict first, otherwise in the order of the lanes."""
    found: dict[Key, list[tuple[int, Row, Cell]]] = {}
    for at in asked:
        for row in rows:
            if cell := row.cells[at]:
                found.setdefault(_key(cell), []).append((at, row, cell))
    order = sorted(found, key=lambda key: WORST_FIRST.index(key[0]))
    for number, key in enumerate(order):
        yield _answer(site, key, found[key], number < TRANSCRIPTS)


def _key(cell: Cell) -> Key:
    told = cell.result.deviation if cell.result else None
    if cell.verdict == "pass":
        return "pass", told.why if told else "", ""
    return cell.verdict, told.why if told else "", "" if told else cell.reason.partition("\n")[0]


def _answer(site: Site, key: Key, cells: Sequence[tuple[int, Row, Cell]], with_calls: bool) -> Answer:
    columns = site.matrix.columns
    lanes: dict[int, list[str]] = {}
    values: dict[Shown, None] = {}
    for at, row, cell in cells:
        lanes.setdefault(at, []).append(case(row.check.id))
        if cell.verdict in SHOWING and row.shown[at].value:
            values.setdefault(Shown(row.shown[at].value, row.shown[at].expected))
    at, row, cell = cells[0]
    lane, result = columns[at].lane, cell.result
    told = result.deviation if result else None
    whole = None
    if with_calls and result and cell.verdict not in SILENT:
        rounds = site.evidence(row.check.id, (lane.id,)).get(lane.id, ())
        whole = next((one for one in rounds if one.verdict == cell.verdict and one.transcript), None)
    helps: dict[tuple[str, ...], list[str]] = {}
    for driver in dict.fromkeys(columns[one].lane.driver for one in lanes):
        if told and (words := site.known.helps(row.check.id, told, driver)):
            helps.setdefault(words, []).append(driver)
    names = [(columns[number].lane.driver, one.check.id) for number, one, _ in cells]
    scripts = [(f"{driver}/{check}", script) for driver, check in names
               if (script := site.known.scripts.get((driver, check))) and script.outcome == "shown"]  # fmt: skip
    return Answer(
        verdict=key[0],
        reason=cell.reason,
        deviation=told,
        values=tuple(values)[:VALUES],
        where=tuple((columns[one].lane, tuple(cases)) for one, cases in lanes.items()),
        helps=tuple((tuple(drivers), words) for words, drivers in helps.items()),
        again=rerun_command(lane, row.check, result.nodeid) if result else "",
        again_needs=where(lane),
        script=(_shown_by(scripts[0][0]), scripts[0][1]) if scripts and key[0] in SHOWING else None,
        transcript=transcript(lane, row.check, whole) if whole else None,
        log=tuple(visible(line, 400) for line in whole.kernel_log[-20:]) if whole else (),
    )


def _shown_by(name: str) -> str:
    """The command that shows a break without the suite, by the break's driver and check."""
    return f"roadworthy repro {shlex.quote(name)} >show.sh && sh show.sh"


def transcript(lane: Lane, check: Check, result: Result) -> Transcript:
    """The calls of a result, bounded: the first and the last ones."""
    calls, left_out = bounded(result.transcript)
    if len(calls) > CALLS:
        left_out += len(calls) - CALLS
        calls = [*calls[: min(CALLS // 2, FIRST_CALLS)], *calls[-(CALLS - CALLS // 2) :]]
    lines = []
    for call in calls:
        found = spelled(call)
        lines.append(Line(visible(call.process, 40), found.made, found.returned, call.failed, found.steps))
    return Transcript(lane.id, check.id, tuple(lines), left_out, result.omitted_calls)
