"""What `roadworthy claims --issue` answers: an issue that others reported, and what recorded verdicts say of it."""

from __future__ import annotations

from pathlib import Path

import click

from roadworthy.command.answer import Answer, Fields, Part, Title
from roadworthy.command.recorded import of_runs, read
from roadworthy.reports.claims import answers
from roadworthy.reports.issues import address, load_issues, sentences, whole
from roadworthy.reports.nearest import hint

ALL = "all"


def answer_of(word: str, bundles: tuple[Path, ...]) -> Answer:
    """One issue, or all, answered from these bundles or the newest here. Raises UsageError."""
    known = {issue.name: issue for issue in load_issues()}
    name = whole(word, known)
    if word != ALL and name not in known:
        raise click.UsageError(f"--issue: unknown issue {word!r}{hint(name, [*known, ALL])}")
    asked = list(known.values()) if word == ALL else [known[name]]
    matrix = of_runs(read(bundles))
    found = {one.claim.name: one for one in answers(asked, matrix)} if matrix else {}
    parts: list[Part] = []
    told = []
    for issue in asked:
        said = list(sentences(found[issue.name], matrix)) if matrix and not issue.untested else []
        parts += [
            Title(f"{issue.name}  {issue.says}"),
            Fields([
                ("note", issue.note), ("address", address(issue.name)), ("not tested", issue.untested),
                ("asked by", "" if issue.untested else "\n".join(issue.checks)),
                ("answer", "" if issue.untested else "\n".join(said) or "no recorded results here"),
            ]),
        ]  # fmt: skip
        told.append({
            "name": issue.name, "says": issue.says, "note": issue.note, "address": address(issue.name),
            "untested": issue.untested, "checks": list(issue.checks), "answers": said if matrix else None,
        })  # fmt: skip
    return Answer({"issues": told}, parts)
