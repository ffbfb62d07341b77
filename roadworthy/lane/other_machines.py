"""Machines that other distributions add: a value of --kernel each, besides this host's kernel and Debian's series."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ClassVar

from roadworthy.extending.table import Table, subclass_of

if TYPE_CHECKING:
    from roadworthy.machines.machine import Machine
    from roadworthy.stage import Stage
    from roadworthy.upkeep.site import Site


class OtherMachine:
    """A way to have a kernel with programs. The docstring of a subclass says in a sentence what it is."""

    #: The value of --kernel.
    name: ClassVar[str]

    def series(self) -> str:
        """The series of its kernel, such as 6.1: the ids of lanes have it, so that history survives patch releases."""
        raise NotImplementedError

    def booted(self, root: str, site: Site, stage: Stage) -> AbstractContextManager[Machine]:
        """Yield the machine while a block runs. `root` is the engine root that --engine names, or empty.

        What it makes and could leave behind goes into `site.ledger` first. Raises Unsupported for what its kernel
        lacks, Precondition for what the user can provide.
        """
        raise NotImplementedError


def made(name: str, value: object) -> OtherMachine:
    """The machine that another distribution adds. Raises ValueError."""
    return subclass_of(OtherMachine, name, value)()


MACHINES: Mapping[str, OtherMachine] = Table("machines", {}, made)
