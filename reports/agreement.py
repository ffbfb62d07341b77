"""Whether two runs agree: the cells that both have, and those with different verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from roadworthy.reports.matrix import Cell, Matrix
from roadworthy.reports.records import Verdict


@dataclass(frozen=True)
class Agreement:
    """`common` counts the cells of both runs, `apart` has those whose verdicts differ; others are in one run only."""

    common: int
    apart: tuple[tuple[str, str, Verdict, Verdict, str], ...]
    first_alone: int
    second_alone: int


def cells(matrix: Matrix) -> Iterator[tuple[tuple[str, str], Cell]]:
    """Yield lane id and check id of every reported cell, with the cell."""
    for row in matrix.rows:
        for column, cell in zip(matrix.columns, row.cells, strict=True):
            if cell is not None and cell.result is not None:
                yield (column.lane.id, row.check.id), cell


def agreement(first: Matrix, second: Matrix) -> Agreement:
    """Compare the verdicts of two runs. The worst verdict of a repeated check counts, as everywhere."""
    one, other = dict(cells(first)), dict(cells(second))
    apart = []
    for key in [key for key in one if key in other]:
        before, after = one[key], other[key]
        if before.verdict != after.verdict:
            apart.append((*key, before.verdict, after.verdict, after.reason or before.reason))
    common = sum(key in other for key in one)
    return Agreement(common, tuple(apart), len(one) - common, len(other) - common)
