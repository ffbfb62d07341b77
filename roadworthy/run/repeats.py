"""How often each check runs: rounds with fresh containers, and rounds on a fresh daemon."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: The highest number of rounds. More would take days, so a higher number is taken for a typing error.
MOST = 10_000


class RepeatError(ValueError):
    """The value of --repeat is not a number of rounds; the text is for the user."""


@dataclass(frozen=True)
class Repeats:
    """The first `shared` rounds share a lane's daemon; each of the `fresh` rounds after them has its own."""

    shared: int = 1
    fresh: int = 0

    @property
    def rounds(self) -> int:
        return self.shared + self.fresh

    def has_fresh_daemon(self, turn: int) -> bool:
        """Whether round `turn`, counted from 1, begins with a new daemon."""
        return turn > self.shared

    def facts(self) -> dict[str, int]:
        """The numbers of rounds, for the lane's record."""
        return {"rounds": self.rounds, "on a daemon of their own": self.fresh}


def repeats(given: str) -> Repeats:
    """Parse --repeat: `10`, or `10+5` with five more rounds on fresh daemons. Raises RepeatError."""
    found = re.fullmatch(r"(\d+)(?:\+(\d+))?", given.strip())
    if found is None:
        raise RepeatError(f"--repeat takes rounds, such as 10, or 10+5 with five more on fresh daemons; got {given!r}")
    shared, fresh = int(found[1]), int(found[2] or 0)
    if not 1 <= shared <= shared + fresh <= MOST:
        raise RepeatError(f"--repeat takes 1 to {MOST} rounds, at least one of them before the +; got {given!r}")
    return Repeats(shared, fresh)
