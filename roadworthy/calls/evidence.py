"""What stands behind a verdict: the system calls and their answers, and what the check says it saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from roadworthy.reports.records import Call, Observation

#: Calls kept of one check, and characters kept of one call or answer.
CALLS_KEPT = 400
TEXT_KEPT = 300

Value = TypeVar("Value")


def shortened(text: str, limit: int = TEXT_KEPT) -> str:
    """`text`, cut in the middle where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    half = (limit - 20) // 2
    return f"{text[:half]} …{len(text) - 2 * half} more… {text[-half:]}"


@dataclass
class Made:
    """One call as it was made, so that it can be made again. `outcome` is empty where it succeeded.

    `beside` says that another call had not been answered when it was made.
    """

    process: Any
    call: str
    arguments: tuple[Any, ...]
    beside: bool
    answer: Any = None
    outcome: str = "it was not answered"
    seconds: float = 0.0


@dataclass
class Evidence:
    """One check's transcript and observations, in the order in which they happened.

    `made` has the calls themselves where somebody wants to make them again, up to one more than a transcript has.
    """

    transcript: list[Call] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    omitted: int = 0
    made: list[Made] | None = None
    #: Whether the tree that the check has left was compared with the reference's.
    compared: bool = False
    #: What of the check's time was not its own, by stage.
    seconds: dict[str, float] = field(default_factory=dict)
    _waiting: int = 0

    def make(self, process: Any, call: str, arguments: tuple[Any, ...]) -> Made:
        """Take a call down that is about to be made."""
        one = Made(process, call, arguments, self._waiting > 0)
        self._waiting += 1
        if self.made is not None and len(self.made) <= CALLS_KEPT:
            self.made.append(one)
        return one

    def answered(self, one: Made, answer: Any, outcome: str, seconds: float) -> None:
        """Take down what became of a call."""
        self._waiting -= 1
        one.answer, one.outcome, one.seconds = answer, outcome, seconds

    def record(self, process: str, call: str, answer: str, failed: bool, seconds: float) -> None:
        if len(self.transcript) >= CALLS_KEPT:
            self.omitted += 1
            return
        self.transcript.append(Call(process, shortened(call), shortened(answer), failed, round(seconds * 1e6)))

    def observe(self, name: str, value: Value) -> Value:
        """Record what was seen, under a name that a reader understands, and give it back as it is, to be asserted.

        Bytes are shown as text where they are text.
        """
        text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
        self.observations.append(Observation(name, shortened(text)))
        return value
