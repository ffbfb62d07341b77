"""What all pages of the site are made from: the newest state of every lane, the editions, and what changed in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from roadworthy.reports.kills import Kills
from roadworthy.reports.matrix import Matrix
from roadworthy.reports.records import Result
from roadworthy.reports.site.editions import Edition
from roadworthy.reports.site.history import History
from roadworthy.reports.site.known import NOTHING, Known
from roadworthy.reports.transitions import Transition
from roadworthy.reports.weekly import Reading


@dataclass(frozen=True)
class Site:
    """The values of a whole site, as they may be published. Its evidence is read when a page asks for it.

    `matrix` has the newest results of every lane, without transcripts and kernel messages; `newest` names for each lane
    the edition that they are of, which need not be the newest of all. `changes` has the changes of each edition since
    the one before, `evidence` the whole results of one check by lane, `of_edition` the matrix of one edition alone.
    `addresses` are all files of the site. `known` is what the suite knows beside its bundles.
    """

    matrix: Matrix
    editions: tuple[Edition, ...]
    newest: Mapping[str, str]
    history: History
    changes: Mapping[str, tuple[Transition, ...]]
    evidence: Callable[[str], Mapping[str, tuple[Result, ...]]]
    of_edition: Callable[[str], Matrix]
    kills: Kills | None = None
    weekly: Reading | None = None
    addresses: frozenset[str] = frozenset()
    known: Known = NOTHING

    @property
    def edition(self) -> Edition:
        """The newest edition."""
        return self.editions[-1]

    @property
    def refused(self) -> tuple[str, ...]:
        """Why bundles are left out, over all editions."""
        return tuple(sentence for edition in self.editions for sentence in edition.refused)
