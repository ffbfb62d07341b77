"""What changed between two runs, cell by cell, in the order in which a reader of a night has to know it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from roadworthy.reports.agreement import cells
from roadworthy.reports.matrix import Matrix
from roadworthy.reports.records import FAILING, Verdict

Kind = Literal[
    "newly failing", "not reported", "still failing", "no longer failing", "changed", "new check", "check gone",
    "new lane", "lane gone",
]  # fmt: skip
#: Each kind with its meaning, the most urgent first.
MEANING: dict[Kind, str] = {
    "newly failing": "a verdict by which a run fails, where the run before had another, or had not asked",
    "not reported": "planned, and without a verdict, where the run before had one",
    "still failing": "a verdict by which a run fails, in both runs",
    "no longer failing": "the run before failed by it, and this one does not",
    "changed": "another verdict, and neither fails a run",
    "new check": "asked on a lane of both runs, and not before",
    "check gone": "asked before on a lane of both runs, and not now",
    "new lane": "a lane that the run before did not have",
    "lane gone": "a lane that only the run before had",
}
#: What is worse than before.
REGRESSIONS: tuple[Kind, ...] = ("newly failing", "not reported")


@dataclass(frozen=True)
class Transition:
    """One change. `check` is empty for a lane as a whole; `reason` is the newer verdict's, in one line."""

    kind: Kind
    lane: str
    check: str = ""
    before: Verdict | None = None
    after: Verdict | None = None
    reason: str = ""


def transitions(before: Matrix, after: Matrix) -> list[Transition]:
    """All that changed, the most urgent first, otherwise in the order of the page. What stayed is left out.

    A lane of one run only is one change with all its checks, but for those that fail. The worst verdict of a repeated
    check counts, as everywhere.
    """
    return sorted(_found(before, after), key=lambda one: list(MEANING).index(one.kind))


def _found(before: Matrix, after: Matrix) -> Iterator[Transition]:
    had, has = dict(cells(before)), dict(cells(after))
    lanes_before, lanes_after = _lanes(before), _lanes(after)
    for lane in lanes_after:
        if lane not in lanes_before:
            yield Transition("new lane", lane)
    for (lane, check), cell in has.items():
        old, reason = had.get((lane, check)), (cell.reason.splitlines() or [""])[0]
        was = old.verdict if old else None
        if cell.verdict in FAILING:
            yield Transition(
                "still failing" if was in FAILING else "newly failing", lane, check, was, cell.verdict, reason
            )
        elif was in FAILING:
            yield Transition("no longer failing", lane, check, was, cell.verdict, reason)
        elif was is None:
            if lane in lanes_before:
                yield Transition("new check", lane, check, None, cell.verdict)
        elif was != cell.verdict:
            yield Transition("changed", lane, check, was, cell.verdict, reason)
    planned = {(column.lane.id, row.check.id): cell for row in after.rows
               for column, cell in zip(after.columns, row.cells, strict=True) if cell}  # fmt: skip
    for (lane, check), cell in had.items():
        if (lane, check) in has or lane not in lanes_after:
            continue
        kind: Kind = "not reported" if (lane, check) in planned else "check gone"
        said = planned[lane, check].reason if (lane, check) in planned else ""
        yield Transition(kind, lane, check, cell.verdict, None, said)
    for lane in lanes_before:
        if lane not in lanes_after:
            yield Transition("lane gone", lane)


def _lanes(matrix: Matrix) -> list[str]:
    return [column.lane.id for column in matrix.columns]
