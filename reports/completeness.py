"""What a bundle lacks of its plan, in sentences: how much of how much, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from roadworthy.reports.records import End, LaneRecord, Plan, Result

#: Exit statuses of runs that somebody or something ended, in bundles that do not say more.
ENDED_EARLY = {2: "interrupted", 3: "internal error", 130: "SIGINT", 143: "SIGTERM"}


def cut_short(plan: Plan, results: Sequence[Result], end: End) -> str:
    """The sentence on a run that was closed before its plan was through; empty for one that went through it."""
    why = end.stopped or ENDED_EARLY.get(end.exit_status, "")
    planned, left = expected(plan), expected(plan) - len(results)
    measured = plan.benchmarks - end.benchmarks
    lacks = f"{left:,} of {planned:,} cells have no result" if left > 0 else ""
    if measured > 0:
        lacks = ", and ".join(filter(None, [lacks, f"{measured:,} of {plan.benchmarks:,} benchmarks were not asked"]))
    if why:
        return f"the run was ended early ({why})" + (f": {lacks}" if lacks else "")
    if lacks and end.exit_status == 0:
        return f"{lacks}, although the run ended with status 0"
    return ""


def missing(plan: Plan, lanes: Sequence[LaneRecord], results: Sequence[Result]) -> list[str]:
    """A sentence for each lane that has cells without a result."""
    state = {record.lane: record for record in lanes}
    wanted = Counter(lane for lane, _ in plan.cells)
    got = Counter(result.lane for result in results)
    found = []
    for lane, cells in wanted.items():
        left = cells * plan.rounds - got[lane]
        if left > 0:
            record = state.get(lane)
            said = "it never reported that it came up" if record is None else record.reason
            why = f": the lane is {record.state if record else 'missing'}: {said}" if said else ""
            found.append(f"{left:,} of {cells * plan.rounds:,} cells on {lane} have no result{why}")
    return found


def expected(plan: Plan) -> int:
    """How many results a run intends to write."""
    return len(plan.cells) * plan.rounds
