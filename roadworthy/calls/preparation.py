"""Gives the objects under test the provenance that a check asks for, before its first call is recorded."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.process import Process, Step
from roadworthy.declaring.checks import Declared
from roadworthy.trees.layers import Device, Directory, Entry, Fifo, File, Hardlink, SparseFile, Symlink

#: What one request to an agent carries of files; it has to stay below the exchange's limit.
PIECE = 4 << 20
#: What one request carries of calls: slow machines are to answer within a call's deadline.
CALLS = 200


def prepared(process: Process, check: Declared) -> None:
    """Make the check's trees in the container (`upper`), or make the driver copy them up (`copied-up`)."""
    steps = list(preparing(check))
    if not steps:
        return
    record, process.evidence = process.evidence, Evidence()
    # Files are stamped by a clock that ticks some hundred times a second: what follows is to be later.
    send(process, [*steps, Step("tick", ())])
    process.evidence = record


def lay_out_through(process: Process, tree: Mapping[str, Entry]) -> None:
    """Make every entry of `tree` in the process's directory: what trees.lay_out does where the files are not ours."""
    send(process, laying_out(tree))


def send(process: Process, steps: Iterable[Step]) -> None:
    """Make the calls, in as few requests as may be."""
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
    """The calls that give a check's trees the provenance it asks for; none where they lie in the image."""
    for tree in check.trees:
        if check.provenance == "upper":
            yield from laying_out(tree)
        elif check.provenance == "copied-up":
            for path, value in sorted(tree.items()):
                if isinstance(value, Symlink | Hardlink):
                    continue
                yield Step("chmod", (path, value.mode))
                if isinstance(value, File | SparseFile):
                    # A change of metadata alone leaves the data below where overlayfs has metacopy on; to open the file
                    # for writing does not.
                    yield from appending(path, b"")


def laying_out(tree: Mapping[str, Entry]) -> Iterator[Step]:
    """The calls that make every entry, and the directories on the way that the tree does not name."""
    order = sorted(tree, key=lambda name: (isinstance(tree[name], Hardlink), PurePosixPath(name).parts))
    for path in order:
        for parent in reversed(PurePosixPath(path).parents[:-1]):
            if str(parent) not in tree:
                yield Step("mkdir", (str(parent), 0o755), ("EEXIST",))
        yield from making(path, tree[path])
    # Times last and deepest first: making what lies in a directory moves its time.
    for path in reversed(order):
        value = tree[path]
        if not isinstance(value, Hardlink):
            yield Step("utimens", (path, value.mtime_ns, value.mtime_ns, False))


def appending(path: str, content: bytes) -> Iterator[Step]:
    """Write `content` behind a file's end, in pieces; open it for that even if there is nothing to write."""
    for begin in range(0, max(len(content), 1), PIECE):
        yield Step("append_often", (path, content[begin : begin + PIECE], 1 if content else 0))


def making(path: str, value: Entry) -> Iterator[Step]:
    """Make one entry as its layer has it, its times excepted."""
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
            yield Step("mknod", (path, kind | value.mode, value.major << 8 | value.minor))
        case _:
            raise ValueError(f"{path}: a container cannot make a {type(value).__name__.lower()}")
    yield Step("lchown", (path, value.uid, value.gid))
    if not isinstance(value, Symlink):
        yield Step("chmod", (path, value.mode))
        for name, raw in value.xattrs.items():
            # What a file system cannot store is left out, as the engine leaves it out of a layer; checks then miss it.
            yield Step("setxattr", (path, name, raw, True), ("ENOTSUP",))
