"""The order in which checks are asked: lane by lane, round by round, and on demand by chance from a printed seed.

A lane's daemon is up while its checks run, so they stay together whatever shuffles; the shufflers that pytest has as
plugins know modules and classes, not lanes. See docs/decisions/0008-rounds-and-a-seeded-order.md.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
#: A lane's place in the run, its name, and the round.
Group = tuple[int, str, int]
#: A drawn seed is below this: short enough to be typed again.
SEEDS = 1_000_000


class OrderError(ValueError):
    """A seed that is none; the text is for the person who typed it."""


@dataclass(frozen=True)
class Order:
    """`seed` is None for the order in which the checks are written."""

    seed: int | None = None

    def arranged(self, items: Sequence[Item], group: Callable[[Item], Group | None]) -> list[Item]:
        """`items` with those of a group together and in the order of groups; those without one come first.

        Every group is shuffled by itself: what else is selected has no influence on a lane's order.
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
        """What a person needs to have the same order again."""
        return [] if self.seed is None else [f"  random order, again with --random-order={self.seed}"]


def order(given: str | None) -> Order:
    """What --random-order says: None is the written order, the empty text draws a seed. Raises OrderError."""
    if given is None:
        return Order()
    if not given:
        return Order(random.SystemRandom().randrange(SEEDS))
    if not given.isdecimal():
        hint = "; name paths before it" if "/" in given else ""
        raise OrderError(f"--random-order takes a whole number as seed, as in --random-order=7; got {given!r}{hint}")
    return Order(int(given))
