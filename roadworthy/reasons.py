"""Exceptions that stand for verdicts, not for errors of the suite: why a check did not run, or lost its machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadworthy.reports.records import Verdict


class Unsupported(Exception):
    """The lane lacks what the check needs, as its driver declares or a probe found. The text is the cell's reason."""


class Precondition(Exception):
    """A named precondition of this host is not met. The text says what to do about it."""


class MachineLost(Exception):
    """The machine under the lane is gone, or no longer answers.

    `outcome` is `crash` if its kernel reported one, `hang` if the machine has stalled, `error` if neither is shown.
    """

    def __init__(self, outcome: Verdict, words: str) -> None:
        super().__init__(words)
        self.outcome = outcome


def first_line(broken: BaseException) -> str:
    """The first line of an exception's text, or the name of its class if the text is empty."""
    said = str(broken).strip().splitlines()
    return said[0] if said else type(broken).__name__


def is_unanswered(broken: BaseException | None) -> bool:
    """Whether a daemon did not answer a request in time."""
    from requests.exceptions import ConnectionError, Timeout  # slow, and whoever reads bundles does without
    from urllib3.exceptions import ReadTimeoutError

    late = isinstance(broken, ConnectionError) and broken.args and isinstance(broken.args[0], ReadTimeoutError)
    return isinstance(broken, Timeout) or bool(late)
