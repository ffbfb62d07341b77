"""Gives the objects under test the provenance that a check asks for, before its first call is recorded."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import PurePosixPath

from roadworthy.checks import Declared
from roadworthy.deadline import let_pass
from roadworthy.evidence import Evidence
from roadworthy.layers import Device, Directory, Entry, Fifo, File, Hardlink, SparseFile, Symlink
from roadworthy.process import Process

#: What one request to an agent carries of a file; it has to stay below the exchange's limit.
PIECE = 4 << 20
#: Seconds of the coarsest clock that stamps files, see CONFIG_HZ and clock_getres(2), CLOCK_REALTIME_COARSE.
TICK = 0.01


def prepared(process: Process, check: Declared) -> None:
    """Make the check's trees in the container (`upper`), or make the driver copy them up (`copied-up`)."""
    if check.provenance not in ("upper", "copied-up"):
        return
    record, process.evidence = process.evidence, Evidence()
    for tree in check.trees:
        for path in sorted(tree, key=lambda name: (isinstance(tree[name], Hardlink), name)):
            if check.provenance == "upper":
                for parent in reversed(PurePosixPath(path).parents[:-1]):
                    if str(parent) not in tree and process.attempt.lstat(str(parent)) == "ENOENT":
                        process.mkdir(str(parent))
                make(process, path, tree[path])
            elif not isinstance(tree[path], Symlink | Hardlink):
                process.chmod(path, tree[path].mode)
                if isinstance(tree[path], File | SparseFile):
                    # A change of metadata alone leaves the data below where overlayfs has metacopy on.
                    process.close(process.open(path, os.O_WRONLY))
        if check.provenance == "upper":
            # Making what lies in a directory has moved its time, by less than a tick of the clock perhaps.
            for path in sorted(tree, reverse=True):
                if isinstance(tree[path], Directory):
                    process.utimens(path, tree[path].mtime_ns, tree[path].mtime_ns)
    # Files are stamped by a clock that ticks a hundred times a second or more often: what follows is to be later.
    let_pass(TICK)
    process.evidence = record


def lay_out_through(process: Process, tree: Mapping[str, Entry]) -> None:
    """Make every entry of `tree` in the process's directory: what trees.lay_out does where the files are not ours."""
    order = sorted(tree, key=lambda name: (isinstance(tree[name], Hardlink), PurePosixPath(name).parts))
    for path in order:
        make(process, path, tree[path])
    # Times last and deepest first: making a child moves its parent's.
    for path in reversed(order):
        if not isinstance(tree[path], Hardlink):
            process.utimens(path, tree[path].mtime_ns, tree[path].mtime_ns, follow=False)


def append(process: Process, path: str, content: bytes) -> None:
    """Write `content` behind a file's end, in pieces."""
    descriptor = process.open(path, os.O_WRONLY | os.O_APPEND)
    for begin in range(0, len(content), PIECE):
        process.write(descriptor, content[begin : begin + PIECE])
    process.close(descriptor)


def make(process: Process, path: str, value: Entry) -> None:
    match value:
        case File():
            process.store(path, value.content[:PIECE])
            if len(value.content) > PIECE:
                append(process, path, value.content[PIECE:])
        case SparseFile():
            process.store(path, b"")
            process.truncate(path, value.size - len(value.tail))
            append(process, path, value.tail)
        case Directory():
            process.mkdir(path)
        case Symlink():
            process.symlink(value.target, path)
        case Hardlink():
            process.link(value.target, path)
        case Fifo():
            process.mkfifo(path)
        case Device():
            kind = stat.S_IFBLK if value.block else stat.S_IFCHR
            process.mknod(path, kind | value.mode, value.major << 8 | value.minor)
        case _:
            raise ValueError(f"{path}: a container cannot make a {type(value).__name__.lower()}")
    if isinstance(value, Hardlink):
        return
    if isinstance(value, Symlink):
        process.lchown(path, value.uid, value.gid)
        process.utimens(path, value.mtime_ns, value.mtime_ns, follow=False)
        return
    process.chown(path, value.uid, value.gid)
    process.chmod(path, value.mode)
    for name, raw in value.xattrs.items():
        # What a file system cannot store is left out, as the engine leaves it out of a layer; checks then miss it.
        if process.attempt.setxattr(path, name, raw) not in ("success", "ENOTSUP"):
            process.setxattr(path, name, raw)
    process.utimens(path, value.mtime_ns, value.mtime_ns)
