"""What `roadworthy claims --issue` prints: an issue that others reported, and what recorded verdicts say of it."""

from __future__ import annotations

from pathlib import Path

import click

from roadworthy.command.recorded import of_runs, read
from roadworthy.reports.claims import answers
from roadworthy.reports.issues import address, load_issues, sentences, whole
from roadworthy.reports.nearest import hint
from roadworthy.reports.text import visible

ALL = "all"


def print_issues(word: str, bundles: tuple[Path, ...]) -> None:
    """Print one issue, or all, answered from these bundles or the newest here. Raises UsageError."""
    known = {issue.name: issue for issue in load_issues()}
    if word != ALL and whole(word) not in known:
        raise click.UsageError(f"--issue: unknown issue {word!r}{hint(whole(word), [*known, ALL])}")
    asked = list(known.values()) if word == ALL else [known[whole(word)]]
    matrix = of_runs(read(bundles))
    found = {one.claim.name: one for one in answers(asked, matrix)} if matrix else {}
    for issue in asked:
        click.echo(f"{issue.name}  {issue.says}")
        told = [issue.note, address(issue.name)]
        if issue.untested:
            told.append(f"not tested: {issue.untested}")
        else:
            told.append(f"asked by {', '.join(issue.checks)}")
            told += sentences(found[issue.name], matrix) if matrix else ["no recorded results here"]
        for sentence in filter(None, told):
            click.echo(f"     {visible(sentence)}")
