"""An operation that the power may be cut in."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from roadworthy.cuts.store import Store, Thing

#: The steps of an operation: it yields nothing when all that it needs is made, and then each thing at the moment at
#: which the engine, or the kernel, has acknowledged it.
Steps = Generator[Thing | None, None, None]


@dataclass(frozen=True, repr=False)
class Operation:
    """An operation by its name.

    `repeats` is true if asking again has to make whole what a cut has damaged. `usual` is how many cuts of it an
    ordinary run looks at; if none, only --cuts asks for it.
    """

    name: str
    steps: Callable[[Store], Steps]
    repeats: bool = False
    usual: int = 0

    def __repr__(self) -> str:
        return self.name

    @property
    def words(self) -> str:
        """What it does, in one line."""
        return " ".join((self.steps.__doc__ or "").split())


def operation(
    name: str, repeats: bool = False, usual: int = 0
) -> Callable[[Callable[[Store], Steps]], Operation]:  # fmt: skip
    """Make a function of steps an operation."""

    return lambda steps: Operation(name, steps, repeats, usual)
