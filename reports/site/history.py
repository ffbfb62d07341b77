"""The verdicts of each cell over the editions, and what they say of it: the last fourteen, since when, flaky."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from roadworthy.reports.records import FAILING, Verdict

#: How many editions a strip shows.
SHOWN = 14
#: A cell that crossed between good and failing so often within a strip is flaky.
CROSSINGS = 2


@dataclass(frozen=True, slots=True)
class State:
    """What a cell was from an edition on, until its next state. `verdict` is None if its lane ran without it.

    `wavering` says that rounds of one edition disagreed.
    """

    edition: int
    verdict: Verdict | None
    wavering: bool = False


@dataclass(frozen=True)
class History:
    """The states of every cell, by lane and check, of which only transitions are kept.

    `editions` are all names, the oldest first; `ran` has for each lane the numbers of the editions that asked it
    anything, in order.
    """

    editions: tuple[str, ...]
    ran: Mapping[str, Sequence[int]]
    states: Mapping[str, Mapping[str, tuple[State, ...]]]
    _strips: dict[tuple[str, tuple[State, ...]], tuple[Verdict | None, ...]] = field(default_factory=dict, repr=False)

    def strip(self, lane: str, check: str) -> tuple[Verdict | None, ...]:
        """The verdicts of a cell in the last editions, the newest last; None where it was not asked."""
        states = self.of(lane, check)
        found = self._strips.get((lane, states))
        if found is None:  # most cells of a lane are alike
            found = self._strips[lane, states] = self._strip(lane, states)
        return found

    def of(self, lane: str, check: str) -> tuple[State, ...]:
        """All states of a cell, the oldest first."""
        return self.states.get(lane, {}).get(check, ())

    def _strip(self, lane: str, states: tuple[State, ...]) -> tuple[Verdict | None, ...]:
        first = max(0, len(self.editions) - SHOWN)
        found: list[Verdict | None] = [None] * (len(self.editions) - first)
        for edition in self.ran.get(lane, ()):
            now = [state.verdict for state in states if state.edition <= edition]
            if edition >= first and now:
                found[edition - first] = now[-1]
        return tuple(found)

    @property
    def shown(self) -> tuple[str, ...]:
        """The names of the editions of a strip."""
        return self.editions[-SHOWN:]

    def flaky(self, lane: str, check: str) -> bool:
        """Whether a cell's rounds disagree, or it went from good to failing and back within a strip."""
        states = self.of(lane, check)
        if states and states[-1].wavering:
            return True
        if len(states) <= CROSSINGS:  # as most cells
            return False
        failing = [verdict in FAILING for verdict in self.strip(lane, check) if verdict]
        return sum(one != other for one, other in itertools.pairwise(failing)) >= CROSSINGS

    def since(self, lane: str, check: str) -> str:
        """The edition since which a cell has its verdict; empty if it was never asked."""
        states = self.of(lane, check)
        if not states or states[-1].verdict is None:
            return ""
        first = states[-1]
        for state in reversed(states):
            if state.verdict != first.verdict:
                break
            first = state
        return self.editions[first.edition]

    def asked(self, lane: str, check: str) -> int | None:
        """The number of the newest edition in which a cell was asked; None if it never was."""
        end = len(self.editions)
        for state in reversed(self.of(lane, check)):
            if state.verdict is not None:
                return max((edition for edition in self.ran[lane] if state.edition <= edition < end), default=None)
            end = state.edition
        return None

    def at(self, edition: int) -> list[tuple[str, str, Verdict]]:
        """Lane, check and verdict of every cell that was asked in an edition, by its number."""
        found: list[tuple[str, str, Verdict]] = []
        for lane in sorted(self.ran):
            if edition not in self.ran[lane]:
                continue
            for check, states in self.states.get(lane, {}).items():
                now = next((state for state in reversed(states) if state.edition <= edition), None)
                if now and now.verdict:
                    found.append((lane, check, now.verdict))
        return found
