"""Further looks, until the first flush at which a promise is broken is exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from roadworthy.cuts.choice import Cut
from roadworthy.cuts.findings import PROMISES, Broken, Findings, Look


def narrowed(findings: Findings, every: Sequence[Cut], look: Callable[[Cut], Look]) -> Findings:
    """The findings with further looks, after which the flush before the first break of each promise keeps it.

    `every` has the cut of each flush, in order. The flushes that were not looked at are halved, which takes as many
    looks as their number has binary digits. A promise that was broken and kept again among them may go unnoticed.
    """
    # Until it is acknowledged an image may be absent, and no check asks whether it is.
    torn = any(moment.thing.before for moment in findings.moments)
    for promise in PROMISES if torn else [one for one in PROMISES if one is not Findings.torn]:
        while (cut := between(promise(findings), every)) is not None:
            looks = [*findings.looks, look(cut)]
            findings = replace(findings, looks=sorted(looks, key=lambda one: (one.cut.position, one.cut.of)))
    return findings


def between(broken: Broken, every: Sequence[Cut]) -> Cut | None:
    """The flush in the middle of those between the last good one and the first break; None if there is none."""
    if not broken.found:
        return None
    first = broken.found[0][0].cut
    bad = first.flush + bool(first.of)  # a part of what was written after a flush lies behind it
    good = max((flush for flush in broken.findings.flushes_seen if flush < bad), default=-1)
    return every[(good + bad) // 2] if bad - good > 1 else None
