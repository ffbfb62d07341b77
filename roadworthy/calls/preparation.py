"""Gives the objects under test the provenance that a check declares, before its first call is recorded."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.process import Process, Step
from roadworthy.declaring.checks import Declared
from roadworthy.trees.layers import Device, Directory, Entry, Fifo, File, Hardlink, SparseFile, Symlink

#: Bytes of files that one request to an agent carries at most; it has to stay below the exchange's limit.
PIECE = 4 << 20
#: Calls that one request carries at most, so that slow machines answer within a call's deadline.
CALLS = 200


def prepared(process: Process, check: Declared) -> None:
    """Make the check's trees in the container (`upper`), or make the driver copy them up (`copied-up`)."""
    steps = list(preparing(check))
    if not steps:
        return
    record, process.evidence = process.evidence, Evidence()
    # The clock of file timestamps ticks some hundred times a second; what follows must have a later timestamp.
    send(process, [*steps, Step("tick", ())])
    process.evidence = record


def lay_out_through(process: Process, tree: Mapping[str, Entry]) -> None:
    """Make every entry of `tree` in the process's directory, through calls of the process."""
    send(process, laying_out(tree))


def send(process: Process, steps: Iterable[Step]) -> None:
    """Make the calls in as few requests as possible. Raises what the first one that fails raises."""
    row: list[Step] = []
    carried = 0
    for step in steps:
        content = sum(len(value) for value in step.arguments if isinstance(value, bytes))
        if row and (len(row) == CALLS or carried + content > PIECE):
            process.row(row)
            row, carried = [], 0
        row.append(step)
        carried += content
    if row:
        process.row(row)


def preparing(check: Declared) -> Iterator[Step]:
    """Yield the calls that give a check's trees their provenance; none if the trees lie in the image unchanged."""
    for tree in check.trees:
        if check.provenance == "upper":
            yield from laying_out(tree)
        elif check.provenance == "copied-up":
            for path, value in sorted(tree.items()):
                if isinstance(value, Symlink | Hardlink):
                    continue
                yield Step("chmod", (path, value.mode))
                if isinstance(value, File | SparseFile):
                    # With overlayfs's metacopy, a change of metadata does not copy the data up; opening the file for
                    # writing does.
                    yield from appending(path, b"")


def laying_out(tree: Mapping[str, Entry]) -> Iterator[Step]:
    """Yield the calls that make every entry, and the parent directories that the tree does not name."""
    order = sorted(tree, key=lambda name: (isinstance(tree[name], Hardlink), PurePosixPath(name).parts))
    for path in order:
        for parent in reversed(PurePosixPath(path).parents[:-1]):
            if str(parent) not in tree:
                yield Step("mkdir", (str(parent), 0o755), ("EEXIST",))
        yield from making(path, tree[path])
    # Times last and deepest first: making an entry updates the times of its directory.
    for path in reversed(order):
        value = tree[path]
        if not isinstance(value, Hardlink):
            yield Step("utimens", (path, value.mtime_ns, value.mtime_ns, False))


def appending(path: str, content: bytes) -> Iterator[Step]:
    """Append `content` to a file in pieces; open the file for writing even if there is nothing to write."""
    for begin in range(0, max(len(content), 1), PIECE):
        yield Step("append_often", (path, content[begin : begin + PIECE], 1 if content else 0))


def making(path: str, value: Entry) -> Iterator[Step]:
    """Make one entry as in its layer, except for its times. Raises ValueError for a kind that cannot be made."""
    match value:
        case File():
            yield Step("store", (path, value.content[:PIECE], 0o644))
            if len(value.content) > PIECE:
                yield from appending(path, value.content[PIECE:])
        case SparseFile():
            yield Step("store", (path, b"", 0o644))
            yield Step("truncate", (path, value.size - len(value.tail)))
            yield from appending(path, value.tail)
        case Directory():
            yield Step("mkdir", (path, 0o755))
        case Symlink():
            yield Step("symlink", (value.target, path))
        case Hardlink():
            yield Step("link", (value.target, path))
            return
        case Fifo():
            yield Step("mkfifo", (path, 0o644))
        case Device():
            kind = stat.S_IFBLK if value.block else stat.S_IFCHR
            yield Step("mknod", (path, kind | value.mode, os.makedev(value.major, value.minor)))
        case _:
            raise ValueError(f"{path}: a container cannot make a {type(value).__name__.lower()}")
    yield Step("lchown", (path, value.uid, value.gid))
    if not isinstance(value, Symlink):
        yield Step("chmod", (path, value.mode))
        for name, raw in value.xattrs.items():
            # Leave out what a file system cannot store, as the engine does with a layer; checks then miss it.
            yield Step("setxattr", (path, name, raw, True), ("ENOTSUP",))
