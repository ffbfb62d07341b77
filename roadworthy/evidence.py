"""What stands behind a verdict: the system calls and their answers, and what the check says it saw."""

from __future__ import annotations

from dataclasses import dataclass, field

from reports.records import Call, Observation

#: Calls kept of one check, and characters kept of one call or answer.
CALLS_KEPT = 400
TEXT_KEPT = 300


def shortened(text: str, limit: int = TEXT_KEPT) -> str:
    """`text`, cut in the middle where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    half = (limit - 20) // 2
    return f"{text[:half]} …{len(text) - 2 * half} more… {text[-half:]}"


@dataclass
class Evidence:
    """One check's transcript and observations, in the order in which they happened."""

    transcript: list[Call] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    omitted: int = 0

    def record(self, process: str, call: str, answer: str, failed: bool, seconds: float) -> None:
        if len(self.transcript) >= CALLS_KEPT:
            self.omitted += 1
            return
        self.transcript.append(Call(process, shortened(call), shortened(answer), failed, round(seconds * 1e6)))

    def observe(self, name: str, value: object) -> None:
        """Record what was seen, under a name that a reader understands. Bytes are shown as text where they are text."""
        text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
        self.observations.append(Observation(name, shortened(text)))
