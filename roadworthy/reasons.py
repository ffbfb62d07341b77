"""Why a check was not asked, or lost its machine: exceptions that are verdicts, not trouble of the suite."""

from __future__ import annotations

from roadworthy.reports.records import Verdict


class Unsupported(Exception):
    """The lane cannot be asked: declared by the driver, or found by a probe. The text is the cell's reason."""


class Precondition(Exception):
    """A named precondition of this host is not met. The text says what to do about it."""


class MachineLost(Exception):
    """The machine under the lane is gone, or answers nothing any more.

    `outcome` is `crash` where its kernel says so, `hang` where it stands still, `error` where neither is shown.
    """

    def __init__(self, outcome: Verdict, words: str) -> None:
        super().__init__(words)
        self.outcome = outcome


def first_line(broken: BaseException) -> str:
    """The first line of what an exception says, or its name where it says nothing."""
    said = str(broken).strip().splitlines()
    return said[0] if said else type(broken).__name__
