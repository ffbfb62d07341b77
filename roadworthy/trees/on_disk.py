"""Makes a tree of layer values in a real directory, for `native` and for references: the tree without layers."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from roadworthy.trees.layers import Device, Directory, Entry, Fifo, File, Hardlink, SparseFile, Symlink


def lay_out(tree: Mapping[str, Entry], root: Path) -> None:
    """Make every entry of `tree` under `root`, which exists. Owners, devices and trusted attributes need root."""
    order = sorted(tree, key=lambda name: (isinstance(tree[name], Hardlink), name.split("/")))
    places = [(tree[name], root / name) for name in order]
    for value, place in places:
        make(value, place, root)
    own = [(value, place) for value, place in places if not isinstance(value, Hardlink)]
    for value, place in own:
        dress(value, place)
    # Times last and deepest first: making a child updates its parent's.
    for value, place in reversed(own):
        os.utime(place, ns=(value.mtime_ns, value.mtime_ns), follow_symlinks=False)


def make(value: Entry, place: Path, root: Path) -> None:
    match value:
        case File():
            place.write_bytes(value.content)
        case SparseFile():
            with place.open("wb") as file:
                file.truncate(value.size - len(value.tail))
                file.seek(0, os.SEEK_END)
                file.write(value.tail)
        case Directory():
            place.mkdir(exist_ok=True)
        case Symlink():
            place.symlink_to(value.target)
        case Hardlink():
            os.link(root / value.target, place, follow_symlinks=False)
        case Fifo():
            os.mkfifo(place)
        case Device():
            kind = stat.S_IFBLK if value.block else stat.S_IFCHR
            os.mknod(place, kind | value.mode, os.makedev(value.major, value.minor))
        case _:
            raise ValueError(f"{place}: a tree without layers cannot hold a {type(value).__name__.lower()}")


def dress(value: Entry, place: Path) -> None:
    """Set owner, mode and attributes, in this order, because chown(2) clears set-id bits."""
    os.chown(place, value.uid, value.gid, follow_symlinks=False)
    if not isinstance(value, Symlink):
        place.chmod(value.mode)
    for name, raw in value.xattrs.items():
        os.setxattr(place, name, raw, follow_symlinks=False)
