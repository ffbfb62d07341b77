"""Whether containers of one image share its page cache: a check asks it, and a benchmark counts the pages."""

from __future__ import annotations

from typing import Literal

from roadworthy.reports.cases import base
from roadworthy.reports.matrix import Matrix

#: The check that says it.
CHECK = "pagecache/shared-across-containers"
#: The count that says it too: the pages that the file of an image has in the page cache after several containers of the
#: image have read it, beside those that one file on a volume has after as many readers.
BENCHMARK, METRIC = "space/page-cache", "pages that containers cached"
#: A file that each of five readers caches by itself has five times the pages; half of a second file is no rounding.
ONCE = 1.5

Said = Literal["shared", "not shared"]


def of_lane(matrix: Matrix, at: int) -> Said | None:
    """Whether a lane's containers share it; None if neither the check nor the benchmark has an answer."""
    for row in matrix.rows:
        cell = row.cells[at] if base(row.check.id) == CHECK else None
        if cell and cell.verdict in ("pass", "fixed", "known", "fail"):
            return "shared" if cell.verdict in ("pass", "fixed") else "not shared"
    for counted in matrix.counted:
        found = counted.cells[at] if (counted.benchmark, counted.metric) == (BENCHMARK, METRIC) else None
        if found and found[1].baseline:
            return "shared" if found[1].value < ONCE * found[1].baseline else "not shared"
    return None
