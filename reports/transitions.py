"""What changed between two runs, cell by cell, in the order in which a reader of a night has to know it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
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
    return ordered(_found(before, after))


def ordered(found: Iterable[Transition]) -> list[Transition]:
    """Changes, the most urgent first, otherwise as they are."""
    places = list(MEANING)
    return sorted(found, key=lambda one: places.index(one.kind))


def _found(before: Matrix, after: Matrix) -> Iterator[Transition]:
    planned = {(column.lane.id, row.check.id): cell for row in after.rows
               for column, cell in zip(after.columns, row.cells, strict=True) if cell}  # fmt: skip
    lanes_before, lanes_after = _lanes(before), _lanes(after)
    return between(
        {cell: one.verdict for cell, one in cells(before)},
        {cell: (one.verdict, one.reason) for cell, one in cells(after)},
        {cell: one.reason for cell, one in planned.items() if one.result is None},
        lanes_before,
        lanes_after,
        dict.fromkeys((lane for lane in lanes_before if lane not in lanes_after), ""),
    )


def between(
    had: Mapping[tuple[str, str], Verdict], has: Mapping[tuple[str, str], tuple[Verdict, str]],
    unreported: Mapping[tuple[str, str], str], known: Collection[str], lanes: Collection[str], gone: Mapping[str, str],
) -> Iterator[Transition]:  # fmt: skip
    """All that changed, in no order: by lane and check, verdicts before and after, the latter with its reason.

    `unreported` has a reason for each cell that was planned and has no verdict; `known` are the lanes before, `lanes`
    those after, and `gone` those before that are named as gone, each with a reason if there is one.
    """
    for lane in lanes:
        if lane not in known:
            yield Transition("new lane", lane)
    for (lane, check), (verdict, why) in has.items():
        was, reason = had.get((lane, check)), why.partition("\n")[0]
        if verdict in FAILING:
            yield Transition("still failing" if was in FAILING else "newly failing", lane, check, was, verdict, reason)
        elif was in FAILING:
            yield Transition("no longer failing", lane, check, was, verdict, reason)
        elif was is None:
            if lane in known:
                yield Transition("new check", lane, check, None, verdict)
        elif was != verdict:
            yield Transition("changed", lane, check, was, verdict, reason)
    for (lane, check), verdict in had.items():
        if (lane, check) in has or lane not in lanes:
            continue
        kind: Kind = "not reported" if (lane, check) in unreported else "check gone"
        yield Transition(kind, lane, check, verdict, None, unreported.get((lane, check), ""))
    for lane, why in gone.items():
        yield Transition("lane gone", lane, reason=why)


def _lanes(matrix: Matrix) -> list[str]:
    return [column.lane.id for column in matrix.columns]
