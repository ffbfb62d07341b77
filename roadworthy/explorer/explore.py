"""The search: rounds of random sequences until the time is over; a difference is named as recorded, or shrunk."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.errors import Flaky

from roadworthy.explorer.divergence import Divergence
from roadworthy.explorer.operations import FORMS, PROCESSES, Sequence
from roadworthy.explorer.run import Runner
from roadworthy.explorer.sequences import sequences
from roadworthy.explorer.states import STATES
from roadworthy.verdict.deviations import Deviation

#: Sequences that are drawn from one seed before the next seed is taken.
ROUND = 200
#: How often a sequence is run again without the step that a recorded deviation broke, to see what follows it.
AGAIN = 8
#: Seconds that shrinking may take beyond the end of the time.
GRACE = 30.0


class Diverged(Exception):
    """A sequence shows what no deviation records; hypothesis then looks for a shorter one that does, too."""


class TimeOver(BaseException):
    """The time is over. Hypothesis lets it through, as it does an interrupt."""


class Broken(BaseException):
    """The search failed with `reason`, which hypothesis must not take for a finding."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass
class Known:
    """A recorded deviation that occurred: how often, and the shortest sequence that showed it."""

    deviation: Deviation
    example: Divergence
    times: int = 0


@dataclass
class Findings:
    """The results of a search."""

    known: dict[str, Known] = field(default_factory=dict)
    new: list[Divergence] = field(default_factory=list)
    #: Divergences that did not recur when their sequence was run again.
    unsteady: list[Divergence] = field(default_factory=list)


class Explorer:
    """Searches with one runner.

    `recorded` returns the deviation that a divergence is, `tell` is called with each new one, `tick` before every
    sequence.
    """

    def __init__(
        self,
        runner: Runner,
        recorded: Callable[[Divergence], Deviation | None],
        seed: int,
        processes: int = len(PROCESSES),
        tell: Callable[[Divergence], None] = lambda _: None,
        tick: Callable[[], None] = lambda: None,
        drawn: int = ROUND,
    ) -> None:
        self.findings = Findings()
        self.runner = runner
        self._recorded = recorded
        self._seed = seed
        self._processes = processes
        self._tell = tell
        self._tick = tick
        self._drawn = drawn
        self._end = 0.0
        self._rounds = 0
        self._shrinking: Divergence | None = None
        self._told: set[tuple[str, ...]] = set()

    def explore(self, seconds: float, rounds: int | None = None) -> Findings:
        """Search for `seconds`, or for at most `rounds` further rounds."""
        self._end = time.monotonic() + seconds
        last = None if rounds is None else self._rounds + rounds
        while time.monotonic() < self._end and self._rounds != last:
            self._round(self._rounds)
            self._rounds += 1
        return self.findings

    def _round(self, number: int) -> None:
        @hypothesis.seed(self._seed * 1_000_003 + number)
        @settings(
            max_examples=self._drawn,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=False,
            verbosity=Verbosity.quiet,
        )
        @given(sequences(self._processes))
        def search(sequence: Sequence) -> None:
            self._tick()
            if time.monotonic() > self._end + (GRACE if self._shrinking else 0):
                raise TimeOver
            try:
                found = self.judged(sequence)
            except Exception as reason:
                raise Broken(reason) from None
            if found is None or (self._shrinking is not None and found.kind != self._shrinking.kind):
                return
            if self._shrinking is None or size(found) < size(self._shrinking):
                self._shrinking = found
            raise Diverged

        steady = True
        try:
            search()
        except Diverged:
            pass
        except Flaky:
            steady = False
        except Broken as broken:
            raise broken.reason from None
        except TimeOver:
            steady = self._shrinking is None or self._shows(self._shrinking)
        if self._shrinking is not None:
            found, self._shrinking = self._shrinking, None
            self._told.add(found.kind)
            (self.findings.new if steady else self.findings.unsteady).append(found)
            self._tell(found)

    def _shows(self, found: Divergence) -> bool:
        again = self.judged(found.sequence)
        return again is not None and again.kind == found.kind

    def judged(self, sequence: Sequence) -> Divergence | None:
        """Run a sequence and return its first new divergence; run it again without a step that a known one broke."""
        for _ in range(AGAIN):
            left_out = None
            for found in self.runner.run(sequence):
                deviation = self._recorded(found)
                if deviation is not None:
                    self._note(deviation, found)
                elif found.kind not in self._told:
                    return found
                if upsets(found):
                    left_out = found.position
                    break
            if left_out is None:
                return None
            sequence = sequence.without(left_out)
        return None

    def named(self, found: Divergence) -> Deviation | None:
        """The recorded deviation that a divergence is, or None."""
        return self._recorded(found)

    def shorten(self) -> None:
        """Remove from the examples of known deviations every operation that they do not need, one after another."""
        for known in self.findings.known.values():
            position = len(known.example.sequence.operations) - 1
            while position >= 0:
                shorter = known.example.sequence.without(position)
                shown = self._first(shorter, known.deviation.check) if position <= known.example.position else None
                if shown is not None:
                    known.example = shown
                position -= 1

    def _first(self, sequence: Sequence, check: str) -> Divergence | None:
        """The first divergence of a sequence that is this deviation, before any that upsets the trees."""
        for found in self.runner.run(sequence):
            deviation = self._recorded(found)
            if deviation is not None and deviation.check == check:
                return found
            if upsets(found):
                return None
        return None

    def _note(self, deviation: Deviation, found: Divergence) -> None:
        known = self.findings.known.setdefault(deviation.check, Known(deviation, found))
        known.times += 1
        if size(found) < size(known.example):
            known.example = found

    def line(self, seconds: float) -> str:
        """One line on what was done in `seconds`."""
        done = self.runner.statistics
        pairs = len(done.coverage)
        return (
            f"{done.sequences} sequences, {done.steps} steps, {done.calls / max(seconds, 0.001):.0f} calls a second; "
            f"coverage: {len({name for name, _ in done.coverage})} of {len(FORMS)} operations in "
            f"{len({state for _, state in done.coverage})} of {len(STATES)} layer states, {pairs} pairs"
        )


def upsets(found: Divergence) -> bool:
    """Whether the trees differ from here on: an operation that changes something had different outcomes."""
    return found.operation is not None and not found.look and found.what == "answer" and not found.operation.form.looks


def size(found: Divergence) -> tuple[int, bool, int]:
    """A key that orders divergences, the shortest first."""
    return len(found.sequence.operations), found.sequence.attentive, found.position
