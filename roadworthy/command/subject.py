"""What a command is asked about: a check, or one check on a lane, as LANE/CHECK."""

from __future__ import annotations

import re
from dataclasses import dataclass

import click

from roadworthy.declaring.known import checks_known
from roadworthy.drivers import DRIVERS
from roadworthy.reports.cases import base
from roadworthy.reports.nearest import hint

#: LANE/family/behaviour[case]; lane and case may be left out. A case may hold anything, a lane slashes.
FORM = re.compile(r"(?:(?P<lane>\S+?)/)?(?P<check>[a-z0-9-]+/[a-z0-9-]+(?:\[.+\])?)")


@dataclass(frozen=True)
class Subject:
    """A check by its id, with or without a case, and a lane by its id or its driver; empty for all lanes."""

    check: str
    lane: str = ""

    @property
    def base(self) -> str:
        """The check's id without a case."""
        return base(self.check)


def subject(word: str) -> Subject | None:
    """What a word names; None if it has not the form of a check's id. Raises UsageError with the nearest check."""
    found = FORM.fullmatch(word)
    if found is None:
        return None
    named = Subject(found["check"], found["lane"] or "")
    if named.base in checks_known():
        return named
    if named.lane in ("", *DRIVERS) and named.base.partition("/")[0] in DRIVERS:
        raise click.UsageError(f"{word} names a driver and no whole check: a check is family/behaviour")
    raise click.UsageError(f"no check {named.base!r}{hint(named.base, list(checks_known()))}")
