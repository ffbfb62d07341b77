"""A difference between the driver and the reference, with what the model knows about the objects concerned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from roadworthy.explorer.operations import Operation, Sequence
from roadworthy.explorer.states import Node, World


@dataclass(frozen=True)
class Divergence:
    """One field in which the answers of the two sides differ.

    `what` is the field: the `answer` in a word, `data`, `mode`, `entry` for a name that one tree lacks … `look` is true
    if it was found by a look at `path` after the operation at `position`, not in that operation's own answer.
    """

    sequence: Sequence
    position: int
    operation: Operation | None
    path: str
    look: bool
    what: str
    driver: Any
    reference: Any
    state: str
    traits: frozenset[str] = field(default_factory=frozenset)

    @property
    def name(self) -> str:
        """The operation that shows it; `tree` if the comparison at the end does."""
        return "tree" if self.operation is None else "look" if self.look else self.operation.name

    @property
    def kind(self) -> tuple[str, ...]:
        """A key that divergences of one finding share: all but names, data and the steps before."""
        words = (str(self.driver), str(self.reference)) if self.what in ("answer", "entry", "inode") else ()
        return (self.name, self.what, self.state, *words)

    def __str__(self) -> str:
        where = str(self.operation) if self.operation is not None and not self.look else f"{self.path} afterwards"
        return f"{where}: {self.what} {self.driver!r}, on the volume {self.reference!r} ({self.state})"


def traits(world: World, operation: Operation | None, nodes: Iterable[Node]) -> frozenset[str]:
    """What the model knows about the objects, in the words that the rules of `recorded` use."""
    found: set[str] = set()
    for node in nodes:
        if node.kind == "directory":
            found |= {"directory"} | ({"lower directory"} if node.lower else set())
            if node.lower:
                found.add("merged" if node.copied else "populated" if node.entries else "empty")
        elif node.below > 1:
            found.add("links below")
        if node.kind == "symlink":
            found.add("symlink")
        if node.state == "unlinked-lower":
            found.add("unlinked lower")
        elif node.links == 0:
            found.add("unlinked")
        if node.lower:
            found.add("lower")
        if node.lower and node.copied:
            found.add("copied")
    if operation is not None:
        key = (operation.process, operation.slot or 0)
        mapped = world.mappings.get(key) if operation.form.on_mapping else None
        if mapped is not None and mapped.early:
            found.add("early map")
        opened = world.descriptors.get(key) if operation.form.on_descriptor else None
        if opened is not None and opened.early:
            found.add("early descriptor")
    return frozenset(found)
