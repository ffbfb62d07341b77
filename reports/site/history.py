"""The verdicts of each cell over the editions, and what they say of it: the last fourteen, since when, flaky."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from roadworthy.reports.records import FAILING, Verdict

#: How many editions a strip shows.
SHOWN = 14
#: A cell that crossed between good and failing so often within a strip is flaky.
CROSSINGS = 2


@dataclass(frozen=True)
class State:
    """What a cell was from an edition on, until the next state. `verdict` is None if the lane ran without it.

    `value` is what it showed beside the verdict, in a few words. `wavering` says that rounds of this edition disagree.
    """

    edition: int
    verdict: Verdict | None
    value: str = ""
    wavering: bool = False


@dataclass(frozen=True)
class History:
    """The states of every cell, of which only transitions are kept.

    `editions` are all names, the oldest first; `ran` has for each lane the numbers of the editions that ran it.
    """

    editions: tuple[str, ...]
    ran: Mapping[str, Sequence[int]]
    states: Mapping[tuple[str, str], Sequence[State]]

    def strip(self, lane: str, check: str) -> tuple[Verdict | None, ...]:
        """The verdicts of a cell in the last editions, the newest last; None where it was not asked."""
        first = max(0, len(self.editions) - SHOWN)
        found: list[Verdict | None] = [None] * (len(self.editions) - first)
        states = self.states.get((lane, check), ())
        at = 0
        for edition in self._ran.get(lane, ()):
            while at + 1 < len(states) and states[at + 1].edition <= edition:
                at += 1
            if edition >= first and states and states[at].edition <= edition:
                found[edition - first] = states[at].verdict
        return tuple(found)

    @cached_property
    def _ran(self) -> dict[str, list[int]]:
        return {lane: sorted(numbers) for lane, numbers in self.ran.items()}

    @property
    def shown(self) -> tuple[str, ...]:
        """The names of the editions of a strip."""
        return self.editions[-SHOWN:]

    def flaky(self, lane: str, check: str) -> bool:
        """Whether a cell's rounds disagree, or it went from good to failing and back within a strip."""
        states = self.states.get((lane, check), ())
        if states and states[-1].wavering:
            return True
        if len(states) <= CROSSINGS:  # as most cells
            return False
        failing = [verdict in FAILING for verdict in self.strip(lane, check) if verdict]
        return sum(one != other for one, other in itertools.pairwise(failing)) >= CROSSINGS

    def since(self, lane: str, check: str) -> str:
        """The edition since which a cell has its verdict, whatever it shows beside it; empty if it was never asked."""
        states = self.states.get((lane, check), ())
        if not states or states[-1].verdict is None:
            return ""
        first = states[-1]
        for state in reversed(states):
            if state.verdict != first.verdict:
                break
            first = state
        return self.editions[first.edition]
