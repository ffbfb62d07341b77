"""The command `roadworthy smoke`."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import click

from roadworthy.command.answer import Answer, Fields, Line, Part, Table, Title, answers, tell
from roadworthy.command.axes import axes, lane_named
from roadworthy.command.exits import FOUND, NO_ANSWER
from roadworthy.command.recording import Recorded, recorded
from roadworthy.lane.lanes import Lane
from roadworthy.reports.bundle import Bundle
from roadworthy.reports.families import title
from roadworthy.reports.records import FAILING, WORST_FIRST
from roadworthy.reports.text import counted

#: The families that are asked: what a container's programs meet first, in checks that take milliseconds.
FAMILIES = ("rename", "unlink", "whiteout", "opaque", "link", "identity", "mmap", "special", "xattr", "caps", "acl")


@click.command()
@axes
@answers
def smoke(form: str | None, **named: tuple[str, ...]) -> None:
    """Run some hundred short checks on one driver, in about ten seconds on an idle host, and say what they found.

    It starts a private daemon with the driver, as pytest does, and takes it down. The checks are those of names, links,
    removal, identity, memory maps, special files and attributes that take milliseconds. For all of them, for other
    engines side by side, and for a page: pytest --driver=NAME.

    \b
    roadworthy smoke --driver=overlay2
    roadworthy smoke --driver=fuse-overlayfs --backing=xfs --json

    Exit status: 0 if every promise is kept or its break is recorded, 1 if not, 3 if nothing could be asked here, 4 for
    a mistake on the command line.
    """
    lane = lane_named(named)
    began = time.monotonic()
    chosen = " or ".join(f"{family}/" for family in FAMILIES)
    said = recorded([*lane.words(), "-m", "not slow", "-k", chosen], f"asking {lane.id}")
    took = time.monotonic() - began
    reason = why_nothing(said)
    if said.bundle is None or reason:
        data: dict[str, Any] = {"lane": lane.id, "reason": reason, "seconds": round(took, 1)}
        tell(Answer(data, [Line(f"{lane.id} could not be asked: {reason}")]), form)
        raise SystemExit(NO_ANSWER)
    tell(of_run(lane, said.bundle, took), form)
    if any(result.verdict in FAILING for result in said.bundle.results):
        raise SystemExit(FOUND)


def why_nothing(said: Recorded) -> str:
    """Why a run has no results, or an empty string."""
    if said.bundle is None:
        return said.said or said.ended.reason
    if any(result.verdict not in ("skipped", "unsupported") for result in said.bundle.results):
        return ""
    reasons = [lane.reason for lane in said.bundle.lanes if lane.reason]
    reasons += [result.reason for result in said.bundle.results if result.reason]
    return reasons[0].splitlines()[0] if reasons else said.ended.reason


def of_run(lane: Lane, bundle: Bundle, took: float) -> Answer:
    """What the checks have found: counts by family, and every break."""
    verdicts = [verdict for verdict in WORST_FIRST if any(one.verdict == verdict for one in bundle.results)]
    families: dict[str, Counter[str]] = {}
    for result in bundle.results:
        families.setdefault(result.check.partition("/")[0], Counter())[result.verdict] += 1
    rows = [
        (title(family), *(str(counts[verdict] or "") for verdict in verdicts)) for family, counts in families.items()
    ]
    total = Counter(result.verdict for result in bundle.results)
    broken = [one for one in bundle.results if one.verdict in (*FAILING, "known")]
    worst = next(verdict for verdict in WORST_FIRST if total[verdict])
    said = ", ".join(f"{total[verdict]} {verdict}" for verdict in verdicts)
    parts: list[Part] = [
        Title(lane.id),
        Fields([("worst", worst), ("checks", f"{counted(len(bundle.results), 'check')}: {said}"),
                ("took", f"{took:.0f} s")]),
        Table(("family", *verdicts), rows),
    ]  # fmt: skip
    if broken:
        lines = [(one.check, one.verdict, one.deviation.why if one.deviation else one.reason) for one in broken]
        parts += [Title("broken promises"), Table(("check", "verdict", "why"), lines)]
    data = {
        "lane": lane.id, "seconds": round(took, 1), "counts": dict(total),
        "families": {family: dict(counts) for family, counts in families.items()},
        "broken": [{"check": one.check, "verdict": one.verdict, "reason": one.reason,
                    "why": one.deviation.why if one.deviation else ""} for one in broken],
    }  # fmt: skip
    return Answer(data, parts)
