"""A hunt for what goes wrong seldom: rounds of random work, for as long as --minutes says, that a seed repeats."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import TypeVar

from roadworthy.calls.overwritten import Overwritten
from roadworthy.calls.process import Process
from roadworthy.clock import running
from roadworthy.lane.own_kernel import OwnKernel
from roadworthy.reports.text import counted

#: The seed of an ordinary run, whose verdicts have to agree with those of the next one.
ORDINARY = 1
#: Drawn seeds are below this, and so short enough to be typed again.
SEEDS = 1_000_000
MIB = 1 << 20
#: Seconds in which a slow machine has written a file of a hunt back.
PATIENCE = 300.0
Size = TypeVar("Size")


class Hunt:
    """The rounds of one check, and what they amounted to.

    A hunt without minutes is one small round, as every run has it.
    """

    def __init__(
        self, minutes: float | None, seed: int, kernel: OwnKernel | None, say: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.seed = seed
        self._minutes = minutes
        self._kernel = kernel
        self._say = say
        self._begun = running()
        self._rounds = 0
        self._overwrites = 0
        self._bytes = 0

    def __repr__(self) -> str:
        return f"<{self}>"

    def __str__(self) -> str:
        work = [counted(self._rounds, "round")]
        if self._overwrites:
            work.append(f"{counted(self._overwrites, 'overwrite')} of {self._bytes / MIB:.1f} MiB")
        return ", ".join(work)

    def size(self, ordinary: Size, long: Size) -> Size:
        """How much of something there is: in the round of an ordinary run, or in a hunt of minutes."""
        return ordinary if self._minutes is None else long

    def rounds(self, at_least: int = 1) -> Iterator[random.Random]:
        """Yield the dice of each round, until the minutes are over, but of `at_least` so many in any case."""
        end = self._begun + 60 * (self._minutes or 0)
        while self._rounds < at_least or running() < end:
            self._rounds += 1
            yield random.Random(f"{self.seed} {self._rounds}")
            if self._minutes is not None:
                self._say(f"hunted for {(running() - self._begun) / 60:.1f} of {self._minutes:g} minutes: {self}")

    def content(self, path: str, size: int) -> bytes:
        """What a file begins with, which follows from the seed."""
        return random.Random(f"{self.seed} {path}").randbytes(size)

    def file(self, path: str, size: int) -> Overwritten:
        """A file with that content, which is to be overwritten."""
        return Overwritten(path, self.content(path, size))

    def overwrite(self, file: Overwritten, process: Process, dice: random.Random, count: int, mapped: bool) -> None:
        """Overwrite pieces of a file, as the dice say."""
        self._bytes += file.overwrite(process, dice.getrandbits(63), count, mapped)
        self._overwrites += count

    def empty_caches(self, process: Process, *paths: str) -> None:
        """Let the pages of files in the cache go, and all that a kernel of the lane's own has cached."""
        for path in paths:
            process.let_go(path, PATIENCE)
        if self._kernel is not None:
            self._kernel.drop_caches()


def drawn_seed(minutes: float | None, given: int | None) -> int:
    """The seed of a run: the given one, that of ordinary runs, or a drawn one for a hunt of minutes."""
    if given is not None:
        return given
    return ORDINARY if minutes is None else random.SystemRandom().randrange(SEEDS)
