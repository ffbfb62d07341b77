"""The evidence behind a verdict: the system calls with their answers, and what the check observed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from roadworthy.reports.records import Call, Cuts, Observation
from roadworthy.reports.text import counted

#: Calls kept of one check, and characters kept of one call or answer.
CALLS_KEPT = 400
TEXT_KEPT = 300

Value = TypeVar("Value")


def shortened(text: str, limit: int = TEXT_KEPT) -> str:
    """`text`, cut in the middle if it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    half = (limit - 20) // 2
    return f"{text[:half]} …{len(text) - 2 * half} more… {text[-half:]}"


@dataclass
class Made:
    """One call as it was made, so that it can be made again. `outcome` is empty if it succeeded.

    `beside` is true if another call was unanswered when this one was made.
    """

    process: Any
    call: str
    arguments: tuple[Any, ...]
    beside: bool
    answer: Any = None
    outcome: str = "it was not answered"
    seconds: float = 0.0


@dataclass(repr=False)
class Evidence:
    """One check's transcript and observations, in the order in which they happened.

    `made` has the calls themselves if they are to be made again, up to one more than a transcript keeps.
    """

    transcript: list[Call] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    omitted: int = 0
    made: list[Made] | None = None
    #: Whether the tree that the check has left was compared with the reference's.
    compared: bool = False
    #: What power cuts say of the promise that the check asked for.
    cuts: Cuts | None = None
    #: Seconds of the check's time that were not its own, by stage.
    seconds: dict[str, float] = field(default_factory=dict)
    _waiting: int = 0

    def __repr__(self) -> str:
        return f"<evidence: {counted(len(self.transcript), 'call')}, {counted(len(self.observations), 'observation')}>"

    def make(self, process: Any, call: str, arguments: tuple[Any, ...]) -> Made:
        """Note a call that is about to be made."""
        one = Made(process, call, arguments, self._waiting > 0)
        self._waiting += 1
        if self.made is not None and len(self.made) <= CALLS_KEPT:
            self.made.append(one)
        return one

    def answered(self, one: Made, answer: Any, outcome: str, seconds: float) -> None:
        """Note the answer, the outcome and the seconds of a call."""
        self._waiting -= 1
        one.answer, one.outcome, one.seconds = answer, outcome, seconds

    def record(self, process: str, call: str, answer: str, failed: bool, seconds: float) -> None:
        if len(self.transcript) >= CALLS_KEPT:
            self.omitted += 1
            return
        self.transcript.append(Call(process, shortened(call), shortened(answer), failed, round(seconds * 1e6)))

    def observe(self, name: str, value: Value) -> Value:
        """Record a value under a name for readers, and return it unchanged for the assertion.

        Bytes are shown as text, with escapes for what is not UTF-8.
        """
        text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
        self.observations.append(Observation(name, shortened(text)))
        return value
