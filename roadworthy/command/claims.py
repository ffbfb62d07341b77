"""The command `roadworthy claims`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from roadworthy.command.answer import Answer, Fields, Part, Title, answers, tell
from roadworthy.command.exits import FOUND
from roadworthy.command.issues import answer_of
from roadworthy.command.mistakes import good_bundles_in, tell_refused
from roadworthy.reports import claims as claimed
from roadworthy.reports.claims import Answered
from roadworthy.reports.matrix import build


@click.command()
@click.argument("bundles", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--issue", metavar="ISSUE", help="Print what recorded verdicts say of an issue that others reported, as moby#25409 "
    "or its address; `all` prints every one that is known.",
)  # fmt: skip
@answers
def claims(bundles: tuple[Path, ...], issue: str | None, form: str | None) -> None:
    """Print the claims of 2016 about the drivers; with run BUNDLES, also what verdicts and numbers say of each.

    A claim holds, holds in part, or does not hold on the lanes that are named; or it is undecided there, because
    something was not asked, an interval is too wide, or a difference does not exceed A/A; or these runs did not measure
    it. What a run lacks of its plan is named.

    Exit status: 0, 1 if a bundle cannot be read, 4 for a mistake on the command line.
    """
    if issue is not None:
        tell(answer_of(issue, bundles), form)
        return
    read, refused = good_bundles_in(bundles) if bundles else ([], [])
    tell_refused(refused)
    said = claimed.load()
    found = claimed.answers(said, build(read)) if read else [Answered(claim, ()) for claim in said]
    parts = [part for one in found for part in parts_of(one, asked=bool(read))]
    tell(Answer({"claims": [record_of(one, asked=bool(read)) for one in found]}, parts), form)
    if refused:
        raise SystemExit(FOUND)


def record_of(one: Answered, asked: bool) -> dict[str, Any]:
    """A claim with its answers for a program."""
    return {
        "name": one.claim.name, "says": one.claim.says, "note": one.claim.note, "untested": one.claim.untested,
        "asked_of": list(one.claim.asked_of),
        "answers": {answer: list(lanes) for answer, lanes in one.lanes} if asked else None,
        "why": {lane: list(numbers) for lane, numbers in one.why},
    }  # fmt: skip


def parts_of(one: Answered, asked: bool) -> Iterator[Part]:
    """A claim with its answers for a reader."""
    claim = one.claim
    yield Title(f"{claim.name}  {claim.says}")
    told = "" if claim.untested else "\n".join(one.sentences) if asked else ""
    by = "" if claim.untested or asked else "\n".join(claim.asked_of)
    yield Fields([("note", claim.note), ("not tested", claim.untested), ("asked by", by), ("answer", told)])
    yield Fields([(lane, "\n".join(numbers)) for lane, numbers in one.why])
