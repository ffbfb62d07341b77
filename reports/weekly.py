"""The weekly result: what CI never runs, part by part, as it was last run. Read as hostile input.

A part is the suite's own tests of guests and engine roots, or one lane of a matrix. Each keeps the commit and the date
of its own last run, because a part may be run alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from roadworthy.reports.bundle import Bundle
from roadworthy.reports.documents import Form
from roadworthy.reports.text import counted

SCHEMA = "1.0"
#: The most bytes of a file that a reader accepts.
SIZE_LIMIT = 4 << 20
#: A part that was run longer before the page's newest run is called old.
OLD = timedelta(days=14)
#: The most names that one sentence has.
NAMED = 5

State = Literal["passed", "failed", "interrupted", "unsupported", "skipped"]
#: The meaning of each state, and the verdict in whose colour it is shown; worst first.
STATES: dict[State, tuple[str, str]] = {
    "failed": ("a test or a check failed, or the run itself", "fail"),
    "interrupted": ("somebody ended it before it was over", "missing"),
    "skipped": ("the host lacks what could be installed", "skipped"),
    "unsupported": ("the kernel or the engine lacks what it takes", "unsupported"),
    "passed": ("it ran to its end, and nothing unrecorded was found", "pass"),
}


class WeeklyRefused(Exception):
    """A file is not a weekly result; the text names the file and what was expected."""


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last run of one part. `counts` are pytest's outcomes of tests, or the verdicts of a lane.

    `commit` is that of the checkout, empty if it is none; `changes` tells that it was changed since. `failed` are the
    names of tests or checks.
    """

    name: str
    state: State
    finished: str
    seconds: int
    commit: str = ""
    changes: bool = False
    counts: dict[str, int] = {}
    reason: str = ""
    failed: list[str] = []


class Weekly(msgspec.Struct, frozen=True, kw_only=True, rename={"not_run": "not run"}):
    """The whole result. `not_run` are the parts that have none."""

    schema: str
    matrix: str
    parts: list[Part]
    not_run: list[str]


@dataclass(frozen=True)
class Reading:
    """A weekly result beside the runs of a page. `notes` say which parts are old, or of another commit."""

    weekly: Weekly
    counts: tuple[tuple[State, int], ...]
    first: str
    last: str
    notes: tuple[str, ...]

    @property
    def parts(self) -> list[Part]:
        """The parts, the worst first."""
        return sorted(self.weekly.parts, key=lambda part: list(STATES).index(part.state))

    @property
    def sentence(self) -> str:
        """How many parts ended how, and when."""
        if not self.weekly.parts:
            return f"No part was run of {counted(len(self.weekly.not_run), 'part')}."
        ended = ", ".join(f"{number} {state}" for state, number in self.counts)
        missing = f", {len(self.weekly.not_run)} not run" if self.weekly.not_run else ""
        when = self.first if self.first == self.last else f"{self.first} to {self.last}"
        return f"{when}: {ended}{missing}."


#: The form of its file.
FORM = Form(Weekly, SCHEMA, SIZE_LIMIT, "a weekly result, as `make weekly` writes it", WeeklyRefused)


def read_weekly(path: Path) -> Weekly:
    """Read a weekly result. Raises WeeklyRefused."""
    return FORM.read(path, lambda found: [when(part.finished) for part in found.parts])


def weekly_text(weekly: Weekly) -> str:
    """The result as it is written: each value on a line of its own, for a version control system."""
    return msgspec.json.format(msgspec.json.encode(weekly), indent=1).decode() + "\n"


def reading(weekly: Weekly, bundles: Sequence[Bundle]) -> Reading:
    """Set a result beside the bundles of a page: the newest run says what is old, and which commit is another one.

    The clock of whoever makes the page plays no part, so that the same files give the same page.
    """
    tally = Counter(part.state for part in weekly.parts)
    dates = sorted((part.finished for part in weekly.parts), key=when)
    notes = []
    if dates:
        newest = max(bundles, key=lambda bundle: bundle.started)
        old = [part.name for part in weekly.parts if newest.started - when(part.finished) > OLD]
        if old:
            notes.append(f"Older than {OLD.days} days beside this page's newest run: {named(old, weekly)}")
        commit = str(newest.plan.suite.get("commit", ""))
        other = [part.name for part in weekly.parts if not commit or part.commit != commit]
        if other:
            commits = sorted({part.commit[:12] or "no commit" for part in weekly.parts if part.name in other})
            ours = f"this page's newest run is of {commit[:12] or 'no commit'}"
            notes.append(f"Of another commit ({', '.join(commits[:NAMED])}; {ours}): {named(other, weekly)}")
    changed = [part.name for part in weekly.parts if part.changes]
    if changed:
        notes.append(f"With changes that no commit has: {named(changed, weekly)}")
    counts = tuple((state, tally[state]) for state in STATES if tally[state])
    return Reading(weekly, counts, dates[0] if dates else "", dates[-1] if dates else "", tuple(notes))


def when(moment: str) -> datetime:
    """A moment as the file writes it; without a zone it is UTC, as bundles' are."""
    found = datetime.fromisoformat(moment)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def named(names: Sequence[str], weekly: Weekly) -> str:
    """The names of parts for a sentence: all of them, or some and how many more."""
    if len(names) == len(weekly.parts):
        return "every part."
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}."
