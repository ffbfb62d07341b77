"""From bundles to the values of a matrix: families of checks by lanes, roll-ups, merged runs.

Several bundles make one matrix: machines of a nightly run, or a lane that was run again. Bundles are ordered by the
time their plan was written, not by the order they were given in, so that the same bundles always make the same page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from roadworthy.reports.bundle import Bundle, BundleRefused
from roadworthy.reports.comparisons import Comparison, Counted, comparisons, counted
from roadworthy.reports.families import title
from roadworthy.reports.records import WORST_FIRST, Check, Lane, LaneRecord, Plan, Result, Verdict
from roadworthy.reports.repeats import Tally, by_check, worst_of
from roadworthy.reports.shows import Shown, shown_in

#: The reference pseudo-driver stands left of the drivers that are compared with it.
REFERENCE = "native"

#: Verdicts that say nothing about the driver.
_MAY_GET_WORSE: frozenset[Verdict] = frozenset({"pass", "unsupported", "skipped"})
SILENT: frozenset[Verdict] = frozenset({"unsupported", "skipped", "missing"})


@dataclass(frozen=True)
class Cell:
    """One check on one lane. `result` is None when the cell was planned and never reported.

    Of several rounds, verdict, reason and result are the worst one's; `planned` says how many there should be.
    """

    verdict: Verdict
    reason: str
    run: str
    result: Result | None
    rounds: tuple[Result, ...] = ()
    planned: int = 1

    @cached_property
    def tally(self) -> Tally:
        """How often the rounds had which verdict."""
        return Tally.of(self.rounds)

    @property
    def cut_short(self) -> bool:
        """Whether fewer rounds were reported than planned."""
        return self.result is not None and len(self.rounds) < self.planned

    @property
    def with_difference(self) -> bool:
        """Whether it passed with a recorded difference of the tree."""
        return self.result is not None and self.result.with_difference


@dataclass(frozen=True)
class RollUp:
    """Several cells as one: the worst verdict, and how often each occurs, worst first.

    `verdict` is None if nothing was asked. `partial` means that the worst verdict may be worse than shown, because
    cells or the closing record are missing, or because `unasked` checks of the family were asked on other lanes only;
    a partial roll-up is never shown as green. `with_difference` of its passes rest on a recorded difference of the
    tree.
    """

    verdict: Verdict | None
    counts: tuple[tuple[Verdict, int], ...]
    partial: bool
    with_difference: int = 0
    unasked: int = 0

    @property
    def asked(self) -> int:
        """How many checks were to be asked."""
        return sum(count for _, count in self.counts)

    @property
    def word(self) -> str:
        """The verdict to show; "partial" instead of a good verdict if cells are missing."""
        return "partial" if self.partial and self.verdict in _MAY_GET_WORSE else self.verdict or ""


@dataclass(frozen=True)
class Row:
    """One check over all columns; None for a lane on which it was not planned, or which never started."""

    check: Check
    cells: tuple[Cell | None, ...]

    @cached_property
    def shown(self) -> tuple[Shown, ...]:
        """What each cell shows beside its verdict."""
        return tuple(shown_in([cell.result if cell else None for cell in self.cells]))


@dataclass(frozen=True)
class Family:
    """The checks of one family, with one roll-up a column."""

    name: str
    rows: tuple[Row, ...]
    roll_ups: tuple[RollUp, ...]

    @property
    def title(self) -> str:
        """The family's name in words."""
        return title(self.name)


@dataclass(frozen=True)
class Column:
    """One lane and its records, the newest last. `state` is `missing` if there is no record.

    A lane that was never ready and has no result has not `started`: it has no cells, and its state says all.
    """

    lane: Lane
    state: Literal["ready", "error", "unsupported", "skipped", "missing"]
    reason: str
    records: tuple[tuple[str, LaneRecord], ...]
    runs: tuple[str, ...]
    started: bool


@dataclass(frozen=True)
class Run:
    """Facts of one bundle's run for the page; times are as in the bundle."""

    name: str
    started: str
    finished: str
    exit_status: int | None
    suite: dict[str, Any]
    argv: tuple[str, ...]
    lanes: tuple[str, ...]
    planned: int
    reported: int
    troubles: tuple[str, ...]


@dataclass(frozen=True)
class Matrix:
    """All values of a page. `notes` are sentences about how bundles were merged.

    `common` are the families of those checks alone that every lane that started was asked.
    """

    runs: tuple[Run, ...]
    columns: tuple[Column, ...]
    families: tuple[Family, ...]
    common: tuple[Family, ...]
    counts: tuple[tuple[Verdict, int], ...]
    comparisons: tuple[Comparison, ...]
    counted: tuple[Counted, ...]
    notes: tuple[str, ...]

    @property
    def subsets(self) -> bool:
        """Whether a lane was asked a part of a family only."""
        return any(roll_up.asked and roll_up.unasked for family in self.families for roll_up in family.roll_ups)

    @property
    def with_difference(self) -> int:
        """How many cells passed with a recorded difference of the tree."""
        return sum(roll_up.with_difference for family in self.families for roll_up in family.roll_ups)

    @property
    def repeated(self) -> tuple[tuple[Lane, Check, Cell], ...]:
        """All cells whose check ran more than once."""
        cells = [(column.lane, row.check, cell) for row in self.rows
                 for column, cell in zip(self.columns, row.cells, strict=True) if cell]  # fmt: skip
        return tuple(found for found in cells if found[2].tally.rounds > 1)

    @property
    def flaky(self) -> tuple[tuple[Lane, Check, Cell], ...]:
        """All cells whose rounds disagreed."""
        return tuple(found for found in self.repeated if found[2].tally.flaky)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of all families, in the order of the page."""
        return tuple(row for family in self.families for row in family.rows)

    @property
    def drivers(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Each driver with the indices of its columns, in the order of the page."""
        found: dict[str, list[int]] = {}
        for index, column in enumerate(self.columns):
            found.setdefault(column.lane.driver, []).append(index)
        return tuple((driver, tuple(indices)) for driver, indices in found.items())


def build(bundles: Sequence[Bundle]) -> Matrix:
    """Return the matrix of one or more bundles. Raises `BundleRefused` if their schemas differ, ValueError for none.

    If two bundles have a result for one lane and check, the one whose plan is newer counts.
    """
    if not bundles:
        raise ValueError("a matrix needs at least one bundle")
    ordered = sorted(bundles, key=lambda bundle: (bundle.started, bundle.plan.run, bundle.file))
    _expect_one_schema(ordered)
    columns = _columns(ordered)
    lanes = [column.lane for column in columns]
    checks: dict[str, Check] = {}
    for bundle in reversed(ordered):
        for check in bundle.plan.checks:
            checks.setdefault(check.id, check)
    results = {key: (b.plan, rounds) for b in ordered for key, rounds in by_check(b.results).items()}
    planned = {cell: bundle.plan.run for bundle in ordered for cell in bundle.plan.cells}

    rows: dict[str, list[Row]] = {}
    for check in checks.values():
        cells = tuple(_cell(column, check.id, results, planned) for column in columns)
        rows.setdefault(check.family, []).append(Row(check, cells))
    interrupted = {bundle.plan.run for bundle in ordered if bundle.troubles}
    families = tuple(_family(name, tuple(members), columns, interrupted) for name, members in rows.items())
    asked_everywhere = {
        name: tuple(row for row in members if all(row.cells[at] for at, one in enumerate(columns) if one.started))
        for name, members in rows.items()
    }
    every = [cell for family in families for row in family.rows for cell in row.cells if cell]
    return Matrix(
        runs=tuple(run_of(bundle) for bundle in ordered),
        columns=columns,
        families=families,
        common=tuple(_family(name, some, columns, interrupted) for name, some in asked_everywhere.items() if some),
        counts=_counts(every),
        comparisons=comparisons(ordered, lanes),
        counted=counted(ordered, lanes),
        notes=_notes(ordered, columns),
    )


def differs(row: Row) -> bool:
    """Tell whether lanes that answered disagree about a check, by verdict or by the value that they show."""
    pairs = zip(row.cells, row.shown, strict=True)
    answers = {(cell.verdict, shown.value) for cell, shown in pairs if cell and cell.verdict not in SILENT}
    return len(answers) > 1


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Return the worst verdict, or None when there is none."""
    return min(verdicts, key=WORST_FIRST.index, default=None)


def _expect_one_schema(bundles: Sequence[Bundle]) -> None:
    first = bundles[0]
    for other in bundles[1:]:
        if other.plan.schema != first.plan.schema:
            problem = f"expected schema {first.plan.schema} as in {first.file}, found {other.plan.schema}"
            raise BundleRefused(other.file, 1, problem)


def _columns(ordered: Sequence[Bundle]) -> tuple[Column, ...]:
    """Return the lanes grouped by driver: the reference first, then in the order of the newest plan."""
    lanes: dict[str, Lane] = {}
    for bundle in reversed(ordered):
        for lane in bundle.plan.lanes:
            lanes.setdefault(lane.id, lane)
    drivers = list(dict.fromkeys(lane.driver for lane in lanes.values()))

    def place(lane: Lane) -> tuple[bool, int, list[Any]]:
        return lane.driver != REFERENCE, drivers.index(lane.driver), natural(f"{lane.backing} {lane.kernel} {lane.id}")

    return tuple(_column(lane, ordered) for lane in sorted(lanes.values(), key=place))


def _column(lane: Lane, ordered: Sequence[Bundle]) -> Column:
    bundles = [bundle for bundle in ordered if any(known.id == lane.id for known in bundle.plan.lanes)]
    records = [(bundle.plan.run, record) for bundle in bundles for record in bundle.lanes if record.lane == lane.id]
    ready = any(record.state == "ready" for _, record in records)
    return Column(
        lane=lane,
        state=records[-1][1].state if records else "missing",
        reason=records[-1][1].reason if records else "it never reported that it came up",
        records=tuple(records),
        runs=tuple(bundle.plan.run for bundle in bundles),
        started=ready or any(result.lane == lane.id for bundle in bundles for result in bundle.results),
    )


def natural(text: str) -> list[Any]:
    """Return a sort key in which linux6.2 comes before linux6.12."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.findall(r"[0-9]+|[^0-9]+", text)]


def _cell(
    column: Column,
    check: str,
    results: dict[tuple[str, str], tuple[Plan, list[Result]]],
    planned: dict[tuple[str, str], str],
) -> Cell | None:
    key = (column.lane.id, check)
    if key in results:
        plan, rounds = results[key]
        result = worst_of(rounds)
        return Cell(result.verdict, result.reason, plan.run, result, tuple(rounds), plan.rounds)
    if key not in planned or not column.started:
        return None
    reason = "" if column.state == "ready" else f"the lane is not ready ({column.state}): {column.reason}"
    return Cell("missing", reason, planned[key], None)


def _family(name: str, rows: tuple[Row, ...], columns: tuple[Column, ...], interrupted: set[str]) -> Family:
    roll_ups = []
    for index, column in enumerate(columns):
        if column.state != "ready" and not column.started:
            roll_ups.append(RollUp(column.state, (), partial=False))
            continue
        cells = [cell for row in rows if (cell := row.cells[index])]
        verdicts = [cell.verdict for cell in cells]
        # A daemon that does not start leaves cells missing; its one error must not roll up to "missing".
        if cells and column.state == "error":
            verdicts.append("error")
        unasked = len(rows) - len(cells)
        missing = "missing" in verdicts or any(cell.run in interrupted or cell.cut_short for cell in cells)
        beside = sum(cell.with_difference for cell in cells)
        roll_ups.append(RollUp(worst(verdicts), _counts(cells), missing or unasked > 0, beside, unasked))
    return Family(name, rows, tuple(roll_ups))


def _counts(cells: Iterable[Cell]) -> tuple[tuple[Verdict, int], ...]:
    counted = Counter(cell.verdict for cell in cells)
    return tuple((verdict, counted[verdict]) for verdict in WORST_FIRST if counted[verdict])


def run_of(bundle: Bundle) -> Run:
    """The facts of a bundle's run."""
    plan = bundle.plan
    return Run(
        name=plan.run,
        started=plan.started,
        finished=bundle.end.finished if bundle.end else "",
        exit_status=bundle.end.exit_status if bundle.end else None,
        suite=plan.suite,
        argv=tuple(plan.argv),
        lanes=tuple(lane.id for lane in plan.lanes),
        planned=len(plan.cells) * plan.rounds,
        reported=len(bundle.results),
        troubles=bundle.troubles,
    )


def _notes(ordered: Sequence[Bundle], columns: Sequence[Column]) -> tuple[str, ...]:
    notes = []
    for column in columns:
        runs = tuple(dict.fromkeys(column.runs))
        if len(runs) > 1:
            notes.append(
                f"Lane {column.lane.id} was run by {', '.join(runs[:-1])} and {runs[-1]}; "
                f"where several have a result, the newest is shown."
            )
        definitions = [lane for b in ordered for lane in b.plan.lanes if lane.id == column.lane.id]
        if any(lane != column.lane for lane in definitions):
            notes.append(f"Lane {column.lane.id} is defined differently by its runs; the newest definition is shown.")
    return tuple(notes)
