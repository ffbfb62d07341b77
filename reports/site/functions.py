"""The rows of a matrix by check function: `rename/lower-file[lower]` and `[upper]` are two cases of one function."""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.reports.cases import base
from roadworthy.reports.matrix import Matrix, Row


def functions(matrix: Matrix) -> dict[str, list[Row]]:
    """The rows of each function, in the order of the matrix."""
    found: dict[str, list[Row]] = {}
    for row in matrix.rows:
        found.setdefault(base(row.check.id), []).append(row)
    return found


def columns_of(rows: Sequence[Row]) -> list[int]:
    """The places of the lanes that were asked any of these rows."""
    return [at for at in range(len(rows[0].cells)) if any(row.cells[at] for row in rows)] if rows else []
