"""What all pages of the site are made from: the newest state of every lane, the editions, and what changed in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from roadworthy.reports.bundle import Bundle
from roadworthy.reports.kills import Kills
from roadworthy.reports.matrix import Matrix
from roadworthy.reports.records import Result
from roadworthy.reports.series import Series
from roadworthy.reports.site.editions import Edition
from roadworthy.reports.site.history import History
from roadworthy.reports.site.known import NOTHING, Known
from roadworthy.reports.transitions import Transition
from roadworthy.reports.weekly import Reading

#: The whole results of one check by lane; several rounds are several results.
Evidence = Mapping[str, tuple[Result, ...]]


class FindsEvidence(Protocol):
    """Reads the whole results of a check, of some lanes or of all, from the bundles; a fraction of a millisecond each.

    Raises BundleRefused if a bundle has changed since its edition was read.
    """

    def __call__(self, check: str, lanes: Sequence[str] | None = None) -> Evidence: ...


@dataclass(frozen=True, eq=False)
class Site:
    """The values of a whole site, as they may be published. Evidence is read when a page asks for it.

    `matrix` has the newest result of every cell, without transcripts and kernel messages, and is made of
    `newest_bundles`; `newest` names for each lane the edition in which it was up last. What that edition did not ask of
    the lane is shown as it was answered before, `edition_of` says when.
    `changes` has the changes of each edition since the one before, `of_edition` the matrix of one edition alone, which
    is quick for the two newest, and `series` all numbers of benchmarks over the editions. `addresses` are all files of
    the site, which are known when the first page is made. `known` is what the suite knows beside its bundles.
    """

    matrix: Matrix
    editions: tuple[Edition, ...]
    newest: Mapping[str, str]
    history: History
    changes: Mapping[str, tuple[Transition, ...]]
    evidence: FindsEvidence
    of_edition: Callable[[str], Matrix]
    series: tuple[Series, ...]
    newest_bundles: tuple[Bundle, ...]
    addresses: set[str]
    kills: Kills | None = None
    weekly: Reading | None = None
    known: Known = NOTHING

    def edition_of(self, lane: str, check: str) -> str:
        """The edition that a cell's result is of; empty if it was never asked."""
        number = self.history.asked(lane, check)
        return "" if number is None else self.history.editions[number]

    @property
    def edition(self) -> Edition:
        """The newest edition."""
        return self.editions[-1]

    @property
    def before(self) -> Edition | None:
        """The edition before the newest one."""
        return self.editions[-2] if len(self.editions) > 1 else None

    @property
    def refused(self) -> tuple[str, ...]:
        """Why bundles are left out, over all editions."""
        return tuple(sentence for edition in self.editions for sentence in edition.refused)
