"""Further looks, until the first flush at which a promise is broken is exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from roadworthy.cuts.choice import Cut
from roadworthy.cuts.findings import PROMISES, Broken, Findings, Look


def narrowed(findings: Findings, every: Sequence[Cut], look: Callable[[Cut], Look]) -> Findings:
    """The findings with further looks at flushes, such that no broken promise has unknown ones before its first break.

    `every` has the cut of each flush, in order. A promise takes as many looks as its unknown flushes can be halved, not
    as many as there are: it may have been broken and kept again before that, where nobody has looked.
    """
    for promise in PROMISES:
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
