"""Which verdicts say that a promise is broken or kept; the others say nothing of it."""

from __future__ import annotations

from roadworthy.reports.records import Verdict

BROKEN: frozenset[Verdict] = frozenset({"crash", "hang", "fail", "known"})
KEPT: frozenset[Verdict] = frozenset({"pass", "fixed"})
#: Verdicts whose cells show a value beside them.
SHOWING: frozenset[Verdict] = BROKEN | {"fixed"}
