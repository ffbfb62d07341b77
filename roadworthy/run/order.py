"""The order in which checks run: lane by lane, round by round, and on demand shuffled from a printed seed.

A lane's daemon is up while its checks run, so shuffling keeps them together; pytest's plugins that shuffle know modules
and classes, not lanes. See docs/decisions/0008-rounds-and-a-seeded-order.md.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
#: A lane's place in the run, its name, and the round.
Group = tuple[int, str, int]
#: Drawn seeds are below this, and so short enough to be typed again.
SEEDS = 1_000_000


class OrderError(ValueError):
    """The value of --random-order is not a seed; the text is for the user."""


@dataclass(frozen=True)
class Order:
    """An order of checks; `seed` is None for the order in which they are written."""

    seed: int | None = None

    def arranged(self, items: Sequence[Item], group: Callable[[Item], Group | None]) -> list[Item]:
        """Return `items` in the order of their groups; items without a group come first.

        Each group is shuffled on its own, so that a lane's order does not depend on what else is selected.
        """
        groups: dict[Group, list[Item]] = {}
        others = []
        for item in items:
            found = group(item)
            if found is None:
                others.append(item)
            else:
                groups.setdefault(found, []).append(item)
        for (_, name, turn), members in groups.items():
            if self.seed is not None:
                random.Random(f"{self.seed} {name} {turn}").shuffle(members)
        return others + [item for key in sorted(groups) for item in groups[key]]

    def header(self) -> list[str]:
        """A line that says how to repeat a random order."""
        return [] if self.seed is None else [f"  random order, again with --shuffle-checks={self.seed}"]


def order(given: str | None) -> Order:
    """Parse --random-order: None is the written order, the empty string draws a seed. Raises OrderError."""
    if given is None:
        return Order()
    if not given:
        return Order(random.SystemRandom().randrange(SEEDS))
    if not given.isdecimal():
        hint = "; name paths before it" if "/" in given else ""
        raise OrderError(f"--random-order takes a whole number as seed, as in --random-order=7; got {given!r}{hint}")
    return Order(int(given))
