"""An engine's name as a value: its kind and its series, such as `docker` and `20.10`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from roadworthy.versions import version


@dataclass(frozen=True)
class EngineName:
    """An engine of one series, written `docker20.10` in ids and `docker-20.10` as the name of its engine root.

    `label` is the name that a user gave to an engine of their own; ids have it instead.
    """

    kind: str
    series: str
    label: str = ""

    def __str__(self) -> str:
        return self.label or f"{self.kind}{self.series}"

    @property
    def version(self) -> tuple[int, ...]:
        """The series as numbers that can be compared."""
        return version(self.series)

    @property
    def release(self) -> str:
        """The series without the suffix that distinguishes its engine roots: `20.10` for `20.10-bullseye`."""
        return self.series.partition("-")[0]

    @property
    def root(self) -> str:
        """The name of the engine root of this series."""
        return f"{self.kind}-{self.series}"

    @classmethod
    def of_root(cls, root: str) -> EngineName:
        """The engine in a root's name: `docker-20.10-bullseye` has kind `docker` and series `20.10-bullseye`."""
        kind, _, series = root.partition("-")
        return cls(kind, series)


def names_daemon(word: str) -> bool:
    """Whether a value of --engine is the address of a daemon that runs already, or a name with one."""
    address = word.rpartition("=")[2]
    return address == "env" or re.match(r"[a-z]+://", address) is not None
