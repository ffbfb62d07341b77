"""A strip of the last editions of a cell: one mark an edition, readable without colour, and told in words."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache

from markupsafe import Markup, escape

from roadworthy.reports.records import SHOWN, Verdict

#: One character a verdict; an edition in which a lane was not asked has a dot.
MARKS: dict[Verdict | None, str] = {
    "error": "E", "crash": "C", "hang": "H", "fail": "F", "fixed": "X", "known": "B", "pass": "✓", "unsupported": "U",
    "skipped": "S", "missing": "?", None: "·",
}  # fmt: skip


@lru_cache(maxsize=4096)
def strip(verdicts: tuple[Verdict | None, ...], editions: tuple[str, ...]) -> Markup:
    """The strip as an element; runs of one verdict share theirs."""
    parts = []
    for verdict, run in itertools.groupby(verdicts):
        marks = MARKS[verdict] * len(list(run))
        parts.append(f'<i class="v-{verdict}">{marks}</i>' if verdict else f"<i>{marks}</i>")
    return Markup(
        f'<span class="last" role="img" aria-label="{escape(told(verdicts, editions))}">{"".join(parts)}</span>'
    )


def told(verdicts: Sequence[Verdict | None], editions: Sequence[str]) -> str:
    """The strip in words: what it is since when, and what it was before."""
    said = []
    at = len(verdicts)
    for verdict, run in itertools.groupby(reversed(verdicts)):
        at -= len(list(run))
        said.append(f"{SHOWN.get(verdict, verdict) if verdict else 'not asked'} since {editions[at]}")
    return "; before: ".join(said[:4])
