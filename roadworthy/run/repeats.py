"""How often every check is asked: rounds with fresh containers, and rounds on a fresh daemon."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: More rounds than these are a slip of the keyboard; a run of them takes days.
MOST = 10_000


class RepeatError(ValueError):
    """A number of rounds that is none; the text is for the person who typed it."""


@dataclass(frozen=True)
class Repeats:
    """The first `shared` rounds share a lane's daemon, each of the `fresh` ones after them has its own."""

    shared: int = 1
    fresh: int = 0

    @property
    def rounds(self) -> int:
        return self.shared + self.fresh

    def has_fresh_daemon(self, turn: int) -> bool:
        """Whether round `turn`, counted from 1, begins with a new daemon."""
        return turn > self.shared

    def facts(self) -> dict[str, int]:
        """For the lane's record."""
        return {"rounds": self.rounds, "on a daemon of their own": self.fresh}


def repeats(given: str) -> Repeats:
    """What --repeat says: `10`, or `10+5` with five more on fresh daemons. Raises RepeatError."""
    found = re.fullmatch(r"(\d+)(?:\+(\d+))?", given.strip())
    if found is None:
        raise RepeatError(f"--repeat takes rounds, as 10, or as 10+5 with five more on fresh daemons; got {given!r}")
    shared, fresh = int(found[1]), int(found[2] or 0)
    if not 1 <= shared <= shared + fresh <= MOST:
        raise RepeatError(f"--repeat takes 1 to {MOST} rounds, of which the first is asked in any case; got {given!r}")
    return Repeats(shared, fresh)
