"""The parts of a finding's report: its steps, the tree that they need, and a reproducer in shell or C."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from roadworthy.explorer.divergence import Divergence
from roadworthy.explorer.in_c import folded, program
from roadworthy.explorer.in_shell import command
from roadworthy.explorer.operations import PROCESSES, Operation
from roadworthy.explorer.seeds import LAYERS, PATHS
from roadworthy.trees.layers import Directory, Entry, Hardlink, Opaque, Symlink, Whiteout

#: The most lines of a reproducer.
LINES = 10


def steps(found: Divergence) -> list[Operation]:
    """The operations up to and including the one that shows the difference."""
    operations = list(found.sequence.operations[: found.position + 1])
    if found.operation is not None and not found.look:
        return operations
    name = {"data": "load", "checksum": "load", "size": "lstat", "target": "readlink"}.get(found.what, "lstat")
    arguments: tuple[Any, ...] = (found.path,)
    if found.what.startswith("user."):
        name, arguments = "getxattr", (found.path, found.what)
    return [*operations, Operation(0, name, arguments)]


def touched(operations: Iterable[Operation]) -> list[dict[str, Entry]]:
    """The part of the seed tree that these operations use, layer by layer."""
    names = {path for operation in operations for path in operation.paths}
    names |= {str(operation.arguments[0]) for operation in operations if operation.name == "symlink"}
    if "link" in names:
        names.add("low")
    if any(name.partition("/")[0] == "way" for name in names):
        names |= {"way", "both", *(name.replace("way/", "both/") for name in names)}
    if names & {"one", "two"}:
        names |= {"one", "two"}
    names |= {path.rpartition("/")[0] for path in names if "/" in path}
    # A directory that is moved or listed needs its entries.
    names |= {path for path in PATHS if path.rpartition("/")[0] in names}
    return [{path: value for path, value in tree.items() if path in names} for tree in LAYERS]


def layer_lines(layers: Sequence[dict[str, Entry]]) -> list[str]:
    """What the image has to hold, one sentence for each layer that is not empty."""
    said = []
    for depth, tree in enumerate(layers):
        where = "an older layer" if depth < len(layers) - 1 else "the layer"
        if tree:
            said.append(f"in {where}: {', '.join(described(path, value) for path, value in tree.items())}")
    return said


def described(path: str, value: Entry) -> str:
    match value:
        case Whiteout():
            return f"{path} (removed)"
        case Opaque():
            return f"{path}/ (opaque)"
        case Directory():
            return f"{path}/" if value.mode == 0o755 else f"{path}/ ({value.mode:04o})"
        case Symlink() | Hardlink():
            return f"{path} ({'link to' if isinstance(value, Symlink) else 'hard link to'} {value.target})"
    special = [f"{value.mode:04o}"] if value.mode != 0o644 else []
    special += [f"owner {value.uid}"] if value.uid else []
    special += [f"{name}={raw.decode()}" for name, raw in value.xattrs.items()]
    return f"{path} ({', '.join(special)})" if special else path


def reproducer(found: Divergence) -> str:
    """The finding as a script or a program of at most ten lines, for a container of an image that has the tree."""
    operations = steps(found)
    intro = "; ".join(layer_lines(touched(operations))) or "any image"
    ending = f"{found.what} is {found.driver!r}, on a volume {found.reference!r}"
    lines = [command(operation) for operation in operations]
    if all(lines) and all(operation.process < len(PROCESSES) - 1 for operation in operations):
        return "\n".join([f"# {intro}", *folded([str(line) for line in lines], LINES - 2, "; "), f"# {ending}"]) + "\n"
    return program(operations, intro, ending, LINES)
