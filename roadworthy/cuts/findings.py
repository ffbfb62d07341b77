"""What all cuts of an operation have left, and what of it breaks a promise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from roadworthy.calls.evidence import Evidence
from roadworthy.cuts.choice import Cut
from roadworthy.cuts.contents import Tree
from roadworthy.cuts.operation import Operation
from roadworthy.cuts.store import Thing
from roadworthy.reports.records import Call, Cuts, FirstCut, Left
from roadworthy.reports.states import HARMS, WHOLE, rank

#: How many of the last calls before a cut are told.
LAST_CALLS = 4
#: The most different states that a record has.
STATES_KEPT = 40


@dataclass(frozen=True)
class Moment:
    """A thing, and the position of the log at which it was acknowledged; a `bystander` was there before."""

    thing: Thing
    at: int
    expected: Tree | str | None
    bystander: bool = False


@dataclass
class Look:
    """What one cut has left. `start` is `whole` if the daemon starts, or why it does not; states are by label."""

    cut: Cut
    start: str = WHOLE
    states: dict[str, str] = field(default_factory=dict)
    #: The states after asking again, of things that were not whole.
    healed: dict[str, str] = field(default_factory=dict)
    #: What the engine's and the driver's own records lack, in words.
    records: str = ""
    #: Whether all this was seen at an earlier cut, which leaves an equal disk.
    equal: bool = False


class Positioned(Evidence):
    """Evidence that knows the position of a log at every answer."""

    def __init__(self, position: Callable[[], int]) -> None:
        super().__init__()
        self._position = position
        self.positions: list[int] = []
        self._over = False

    def record(self, process: str, call: str, answer: str, failed: bool, seconds: float) -> None:
        if self._over:
            return
        known = len(self.transcript)
        super().record(process, call, answer, failed, seconds)
        if len(self.transcript) > known:
            self.positions.append(self._position())

    def begin(self) -> None:
        """Forget what was recorded until now."""
        self.transcript.clear()
        self.positions.clear()

    def end(self) -> None:
        """Record no further calls: what is asked from now on is not the operation's."""
        self._over = True

    @property
    def calls(self) -> list[tuple[Call, int]]:
        """The calls, each with the position at its answer."""
        return list(zip(self.transcript, self.positions, strict=True))

    def around(self, position: int) -> tuple[list[str], str]:
        """The last calls that were answered at this position or before it, and the first one that was not."""
        calls = [made.call for made in self.transcript]
        done = sum(at <= position for at in self.positions)
        return calls[max(0, done - LAST_CALLS) : done], calls[done] if done < len(calls) else "the end"


@dataclass
class Findings:
    """All looks at one operation, in the order of its log."""

    operation: Operation
    moments: Sequence[Moment]
    looks: Sequence[Look]
    #: Flushes of the whole operation that had something to flush.
    flushes: int
    evidence: Positioned
    #: Seconds of the capture, and of all looks together.
    seconds: tuple[float, float]
    #: What --cuts asked for, as it was written; empty if it was not.
    asked: str = ""
    #: Whether the log of the disk is kept.
    kept: bool = False
    #: Takes down what is found of each promise that is asked for.
    taker: Evidence | None = None

    def taken_by(self, evidence: Evidence) -> Findings:
        """These findings, of which a check asks for a promise."""
        return replace(self, taker=evidence)

    def __str__(self) -> str:
        capture, looking = self.seconds
        equal = sum(look.equal for look in self.looks)
        each = f", {looking / (len(self.looks) - equal):.1f} s each" if self.looks else ""
        more = f", {equal} of them equal to others" if equal else ""
        return f"{len(self.looks)} cuts at {self.flushes} flushes{more}; captured in {capture:.1f} s{each}"

    @property
    def flushes_seen(self) -> set[int]:
        """The numbers of the flushes that were looked at, with nothing of what was written later."""
        return {look.cut.flush for look in self.looks if not look.cut.of}

    # --- promises: what breaks each of them

    def silent(self) -> Broken:
        """What is listed and handed out, and is not what it was."""
        return self._those(lambda look: ((label, said) for label, said in look.states.items() if "silent" in said))

    def lost(self) -> Broken:
        """What was acknowledged before the cut, and is not as it was then."""
        return self._those(
            lambda look: ((one.thing.label, look.states[one.thing.label]) for one in self._own(look, acknowledged=True))
        )

    def torn(self) -> Broken:
        """What was not acknowledged before the cut, and is neither as before the operation nor as after it."""
        return self._those(
            lambda look: (
                (one.thing.label, said)
                for one in self._own(look, acknowledged=False)
                if (said := look.states[one.thing.label]) != "as before"
            )
        )

    def not_started(self) -> Broken:
        """Why the daemon does not start."""
        return self._those(lambda look: [("the daemon", look.start)], whole_only=False)

    def not_healed(self) -> Broken:
        """What is not whole although the operation was asked for again after the cut."""
        return self._those(lambda look: look.healed.items())

    def hurt(self) -> Broken:
        """What was there before the operation and is not as it was."""
        there = [one.thing.label for one in self.moments if one.bystander]
        return self._those(lambda look: ((label, look.states[label]) for label in there))

    def after_sync(self) -> Broken:
        """What is not whole, the daemon included, although everything was synced before the power was cut."""
        end = max((look.cut.until for look in self.looks), default=0)
        return self._those(
            lambda look: (
                [("the daemon", look.start), *look.states.items()]
                if look.cut.until == end and look.cut.lacks_nothing
                else []
            ),
            whole_only=False,
        )

    def _own(self, look: Look, acknowledged: bool) -> Iterator[Moment]:
        """The operation's things that were acknowledged before the cut may have happened, or those that were not."""
        return (one for one in self.moments if not one.bystander and (one.at <= look.cut.until) is acknowledged)

    def _those(self, states: Callable[[Look], Iterable[tuple[str, str]]], whole_only: bool = True) -> Broken:
        """The states that are not `whole`, of looks at a daemon that has started."""
        broken = Broken(
            self,
            [
                (look, label, said)
                for look in self.looks
                if not (whole_only and look.start != WHOLE)
                for label, said in states(look)
                if said != WHOLE
            ],
        )
        if self.taker is not None:
            self.taker.cuts = broken.record()
        return broken


#: All promises.
PROMISES = (Findings.silent, Findings.lost, Findings.torn, Findings.not_started, Findings.not_healed, Findings.hurt)


@dataclass(frozen=True)
class Broken:
    """The looks at which a promise is broken, each with a thing and its state."""

    findings: Findings
    found: Sequence[tuple[Look, str, str]]

    @property
    def worst(self) -> str:
        """The worst state without its counts; `whole` if none is broken."""
        return min((coarse(said) for _, _, said in self.found), key=rank, default=WHOLE)

    @property
    def states(self) -> str:
        """All states, each with the number of cuts that left it."""
        counted = Counter(f"{label}: {said}" for _, label, said in self.found)
        return "; ".join(f"{said} ({count})" for said, count in counted.most_common()) or WHOLE

    @property
    def first(self) -> str:
        """The first cut at which the promise is broken, with the calls around it and the records that are damaged.

        The power may be cut until the next flush is over, and this is the latest of these moments.
        """
        cut = self._first()
        if cut is None:
            return "none"
        last = cut.after[-1] if cut.after else "nothing"
        return f"{cut.words}, after {last}, before {cut.before}; records: {cut.records or 'all there'}"

    @property
    def exact(self) -> bool:
        """Whether the flush before the first cut was looked at, too; the promise is kept there then."""
        if not self.found:
            return False
        cut = self.found[0][0].cut
        before = cut.flush if cut.of else cut.flush - 1
        return before < 0 or before in self.findings.flushes_seen

    def record(self) -> Cuts:
        """What is found of this promise, for a result."""
        said = self.findings
        counted = Counter((label, state) for _, label, state in self.found)
        states = sorted(counted, key=lambda one: (rank(one[1]), -counted[one], one))
        return Cuts(
            operation=said.operation.name, does=said.operation.words, looked=len(said.looks), flushes=said.flushes,
            worst=self.worst, asked=said.asked, kept=said.kept, first=self._first(),
            states=[Left(label, state, counted[label, state]) for label, state in states[:STATES_KEPT]],
        )  # fmt: skip

    def _first(self) -> FirstCut | None:
        if not self.found:
            return None
        look, _, _ = self.found[0]
        after, before = self.findings.evidence.around(look.cut.until)
        return FirstCut(
            flush=look.cut.flush, words=str(look.cut), after=after, before=before, records=look.records,
            part=look.cut.part, exact=self.exact,
        )  # fmt: skip


def coarse(said: str) -> str:
    """A state without counts: `silent: files empty, files missing`."""
    head, found, harm = said.partition(": ")
    if head != "silent" or not found:
        return said
    return f"silent: {', '.join(f'files {kind}' for kind in (*HARMS, 'are new') if kind in harm)}"
