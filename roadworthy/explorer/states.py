"""A model of the tree: the layer state of every name and open file, updated by the answers of the reference.

It describes the objects of a step, for the coverage and to distinguish a recorded deviation from a new one. The driver
is not compared with it, but with the plain volume beside it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from roadworthy.explorer.operations import Operation
from roadworthy.explorer.seeds import LAYERS, Layers
from roadworthy.trees.layers import Directory, Entry, Hardlink, Opaque, Symlink, Whiteout

#: The states that a name or an open file can be in, as the coverage counts them.
STATES = ("lower", "lower-deep", "merged", "copied-up", "upper", "opaque", "absent", "whiteout", "unlinked-lower",
          "unlinked")  # fmt: skip
DESCRIPTOR_WRITES = ("write", "pwrite", "ftruncate", "fallocate", "fchmod", "fchown", "futimens", "fsetxattr", "linkfd")
PATH_WRITES = ("truncate", "chmod", "chown", "lchown", "utimens", "lutimens", "setxattr", "removexattr")


@dataclass(eq=False)
class Node:
    """One file, directory or symbolic link. `origin` is its first layer, `below` the number of its lower names."""

    kind: str
    origin: str = "upper"
    target: str = ""
    parent: Node | None = None
    below: int = 0
    links: int = 1
    #: Whether the writable layer has it, too.
    copied: bool = False
    #: A directory that was made over a removed one.
    over: bool = False
    entries: dict[str, Node] = field(default_factory=dict)
    #: Names of a directory that lower layers have and the writable one hides or replaces.
    hidden: set[str] = field(default_factory=set)

    @property
    def lower(self) -> bool:
        """Whether a layer of the image has it."""
        return self.origin != "upper"

    @property
    def state(self) -> str:
        if self.kind == "directory":
            if not self.lower:
                return "opaque" if self.over else "upper"
            return "merged" if self.copied else self.origin
        if self.links == 0:
            return "unlinked-lower" if self.lower and not self.copied else "unlinked"
        return "copied-up" if self.lower and self.copied else self.origin


@dataclass(frozen=True)
class Spot:
    """Where a path leads: the directory, the last name, and what is there, if anything."""

    parent: Node
    name: str
    node: Node | None

    @property
    def state(self) -> str:
        if self.node is not None:
            return self.node.state
        return "whiteout" if self.name in self.parent.hidden else "absent"


@dataclass(eq=False)
class Opened:
    """An open file description. `early` is true if it reads a lower file that was not copied up at its opening."""

    node: Node
    early: bool


@dataclass(eq=False)
class Mapped:
    """A mapping. `early` is true if it was made through an early descriptor."""

    node: Node
    early: bool


class World:
    """The tree, and what processes hold open."""

    def __init__(self, layers: Layers = LAYERS) -> None:
        self.root = Node("directory", "lower")
        self.descriptors: dict[tuple[int, int], Opened] = {}
        self.mappings: dict[tuple[int, int], Mapped] = {}
        for depth, tree in enumerate(layers):
            origin = "lower" if depth == len(layers) - 1 else "lower-deep"
            for path in sorted(tree, key=lambda name: (isinstance(tree[name], Hardlink), PurePosixPath(name).parts)):
                self._seed(path, tree[path], origin)

    def _seed(self, path: str, value: Entry, origin: str) -> None:
        spot = self.spot(path, follow=False)
        assert spot is not None
        entries, name = spot.parent.entries, spot.name
        match value:
            case Whiteout():
                del entries[name]
            case Hardlink():
                node = self.node(value.target)
                assert node is not None
                node.links, node.below = node.links + 1, node.below + 1
                entries[name] = node
            case Directory() if spot.node is not None and not isinstance(value, Opaque):
                spot.node.origin, spot.node.copied = "lower", True  # two layers have it
            case Directory():
                entries[name] = Node("directory", origin, parent=spot.parent)
            case Symlink():
                entries[name] = Node("symlink", origin, value.target, below=1)
            case _:
                entries[name] = Node("file", origin, below=1)

    # --- looking things up

    def spot(self, path: str, follow: bool = True, hops: int = 8) -> Spot | None:
        """Where `path` leads, or None if it leads nowhere: a missing directory, a file in the way, a loop."""
        at = self.root
        if path == ".":
            return Spot(at, path, at)
        *leading, last = PurePosixPath(path).parts
        for depth, name in enumerate(leading):
            found = at.entries.get(name)
            if found is not None and found.kind == "symlink":
                whole = str(PurePosixPath(*leading[:depth], found.target))
                further = self.spot(whole, hops=hops - 1) if hops else None
                found = further.node if further else None
            if found is None or found.kind != "directory":
                return None
            at = found
        node = at.entries.get(last)
        if follow and node is not None and node.kind == "symlink":
            return self.spot(str(PurePosixPath(*leading, node.target)), hops=hops - 1) if hops else None
        return Spot(at, last, node)

    def node(self, path: str, follow: bool = False) -> Node | None:
        spot = self.spot(path, follow)
        return spot.node if spot else None

    def spots(self, operation: Operation) -> list[Spot | None]:
        """Where the operation's paths lead."""
        return [self.spot(path, operation.form.follows) for path in operation.paths]

    def held(self, operation: Operation) -> Node | None:
        """The file behind the descriptor or the mapping that the operation works on."""
        key = (operation.process, operation.slot or 0)
        if operation.form.on_descriptor and key in self.descriptors:
            return self.descriptors[key].node
        if operation.form.on_mapping and key in self.mappings:
            return self.mappings[key].node
        return None

    def nodes(self, operation: Operation) -> list[Node]:
        """The objects of the operation, the open one first."""
        found = [spot.node for spot in self.spots(operation) if spot is not None and spot.node is not None]
        held = self.held(operation)
        return found if held is None else [held, *found]

    def state(self, operation: Operation) -> str:
        """The layer state of the operation's first object."""
        held = self.held(operation)
        if held is not None:
            return held.state
        spot = next(iter(self.spots(operation)), None)
        return spot.state if spot else "absent"

    def walk(self) -> Iterator[tuple[str, Node]]:
        """Every name of the tree, parents before children."""
        waiting = sorted(self.root.entries.items())
        while waiting:
            path, node = waiting.pop(0)
            yield path, node
            waiting = [(f"{path}/{name}", child) for name, child in sorted(node.entries.items())] + waiting

    # --- updates

    def apply(self, operation: Operation) -> None:
        """Update the tree for an operation that succeeded."""
        key = (operation.process, operation.into or 0)
        source = self.descriptors.get((operation.process, operation.slot or 0))
        spots = self.spots(operation)
        spot = spots[0] if spots else None
        match operation.name:
            case "open":
                self.descriptors[key] = self._opened(spot, operation.arguments[1])
            case "tmpfile":
                if spot is not None and spot.node is not None:
                    self._raise_directory(spot.node)
                self.descriptors[key] = Opened(Node("file", links=0), early=False)
            case "reopen" if source is not None:
                self.descriptors[key] = self._reopened(source.node, operation.arguments[0])
            case "dup" if source is not None:
                self.descriptors[key] = source
            case "close":
                self.descriptors.pop((operation.process, operation.slot or 0), None)
            case "map" if source is not None:
                self.mappings[key] = Mapped(source.node, source.early)
            case "unmap":
                self.mappings.pop((operation.process, operation.slot or 0), None)
            case "linkfd" if source is not None and spot is not None:
                source.node.links += 1
                source.node.copied = True
                self._put(spot, source.node)
            case name if name in DESCRIPTOR_WRITES and source is not None:
                self._raise(source.node)
            case name if name in PATH_WRITES and spot is not None and spot.node is not None:
                self._raise_directory(spot.parent)
                self._raise(spot.node)
            case _ if spot is not None:
                self._rearrange(operation, spot, spots[-1])

    def forget(self, process: int) -> None:
        """Close what a process held that died."""
        for held in (self.descriptors, self.mappings):
            for key in [key for key in held if key[0] == process]:
                del held[key]

    def _rearrange(self, operation: Operation, spot: Spot, other: Spot | None) -> None:
        """Add, remove and move names."""
        match operation.name:
            case "mkdir":
                self._put(spot, Node("directory", parent=spot.parent, over=spot.name in spot.parent.hidden))
            case "symlink":
                self._put(spot, Node("symlink", target=operation.arguments[0]))
            case "unlink" | "rmdir":
                self._take(spot)
            case "link" if spot.node is not None and other is not None:
                self._raise(spot.node)
                spot.node.links += 1
                self._put(other, spot.node)
            case "rename" | "noreplace" if spot.node is not None and other is not None and other.node is not spot.node:
                node = spot.node
                self._raise(node)
                if other.node is not None:
                    self._take(other)
                self._take(spot, drop=False)
                self._put(other, node)
            case "exchange" if spot.node is not None and other is not None and other.node is not None:
                for moved in (spot.node, other.node):
                    self._raise(moved)
                self._raise_directory(spot.parent)
                self._raise_directory(other.parent)
                spot.parent.entries[spot.name], other.parent.entries[other.name] = other.node, spot.node
                spot.node.parent, other.node.parent = other.parent, spot.parent

    def _opened(self, spot: Spot | None, flags: int) -> Opened:
        if spot is None:
            return Opened(Node("file"), early=False)
        if spot.node is None:
            made = Node("file")
            self._put(spot, made)
            return Opened(made, early=False)
        if flags & (os.O_ACCMODE | os.O_TRUNC):
            self._raise_directory(spot.parent)
        return self._reopened(spot.node, flags)

    def _reopened(self, node: Node, flags: int) -> Opened:
        if flags & (os.O_ACCMODE | os.O_TRUNC):
            self._raise(node)
        return Opened(node, early=node.kind == "file" and node.lower and not node.copied)

    def _put(self, spot: Spot, node: Node) -> None:
        self._raise_directory(spot.parent)
        if node.kind == "directory":
            node.parent = spot.parent
        spot.parent.entries[spot.name] = node

    def _take(self, spot: Spot, drop: bool = True) -> None:
        assert spot.node is not None
        self._raise_directory(spot.parent)
        if spot.node.lower:
            spot.parent.hidden.add(spot.name)
        del spot.parent.entries[spot.name]
        if drop:
            spot.node.links -= 1

    def _raise(self, node: Node) -> None:
        """Copy the object up into the writable layer."""
        if node.kind == "directory":
            self._raise_directory(node)
        else:
            node.copied = True

    def _raise_directory(self, node: Node | None) -> None:
        while node is not None and not node.copied:
            node.copied = True
            node = node.parent
