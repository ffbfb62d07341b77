"""The command `roadworthy diff`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from roadworthy.command.answer import Answer, Line, Part, Table, Title, answers, tell
from roadworthy.command.exits import FOUND
from roadworthy.command.mistakes import runs_in
from roadworthy.reports.agreement import cells
from roadworthy.reports.matrix import Matrix, build
from roadworthy.reports.text import counted
from roadworthy.reports.transitions import REGRESSIONS, Transition, transitions

PLACE = click.Path(exists=True, path_type=Path)
#: The most rows of one kind for a reader; --json has all of them.
SHOWN = 40


@click.command()
@click.argument("before", type=PLACE)
@click.argument("after", type=PLACE)
@click.option(
    "--allow-truncated", is_flag=True, help="Compare bundles that were cut short, too, and say what they lack."
)
@answers
def diff(before: Path, after: Path, form: str | None, allow_truncated: bool) -> None:
    """Say what changed in the verdicts from the run BEFORE to the run AFTER, the most urgent first.

    Each is a bundle, or a directory of bundles that belong together, as of a night whose lanes ran as jobs. Newly
    failing is told from still failing, a lane that is gone from a check that is gone, and "nothing changed" is said.
    Refused, with the names of the bundles: records of two schemas, a lane of which two bundles of one side answer one
    question, and a bundle that was cut short, whose checks would be gone.

    Exit status: 0 if nothing is worse than before, 1 if something newly fails, or was planned and not reported, 4 for
    bundles that cannot be compared and other mistakes on the command line.
    """
    old, new = (build(side) for side in runs_in([[before], [after]], allow_truncated))
    found = transitions(old, new)
    tell(answer(old, new, found), form)
    if any(one.kind in REGRESSIONS for one in found):
        raise click.exceptions.Exit(FOUND)


def answer(old: Matrix, new: Matrix, found: list[Transition]) -> Answer:
    """What changed, for each kind with a table, below one sentence that counts them."""
    kinds = Counter(one.kind for one in found)
    said = ", ".join(f"{number} {kind}" for kind, number in kinds.items()) or "nothing changed"
    cells_of = [sum(1 for _ in cells(matrix)) for matrix in (old, new)]
    runs = [", ".join(run.name for run in matrix.runs) for matrix in (old, new)]
    parts: list[Part] = [Title(said), Line(f"before: {told(runs[0], cells_of[0])}"),
                         Line(f"after: {told(runs[1], cells_of[1])}")]  # fmt: skip
    for kind, number in kinds.items():
        own = [one for one in found if one.kind == kind]
        parts += [Title(f"{kind}: {number}"), table(own[:SHOWN])]
        if number > SHOWN:
            parts.append(Line(f"and {number - SHOWN} more: --json has all of them"))
    data = {
        "before": runs[0], "after": runs[1], "cells": cells_of, "counts": dict(kinds),
        "changes": [
            {"kind": one.kind, "lane": one.lane, "check": one.check, "before": one.before, "after": one.after,
             "reason": one.reason} for one in found
        ],
    }  # fmt: skip
    return Answer(data, parts)


def told(runs: str, number: int) -> str:
    return f"{runs}, {counted(number, 'verdict')}"


def table(found: list[Transition]) -> Table:
    """Changes of one kind, which are all of checks or all of lanes."""
    if not found[0].check:
        return Table(("lane",), [(one.lane,) for one in found])
    rows = [(one.lane, one.check, one.before or "-", one.after or "-", one.reason) for one in found]
    return Table(("lane", "check", "before", "after", "why"), rows)
