"""The layers of an image as statements of C, which make them through a mount, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from roadworthy.repro.calls import NoScript
from roadworthy.repro.spelling import text
from roadworthy.trees.layers import (
    Device,
    Directory,
    Entry,
    Fifo,
    File,
    Hardlink,
    Opaque,
    SparseFile,
    Symlink,
    Whiteout,
)

#: The most bytes of a file's content that a script carries, after repetitions are folded, and the most entries.
CONTENT, ENTRIES = 4096, 2000

Tree = Mapping[str, Entry]


def folded(content: bytes) -> tuple[bytes, int] | None:
    """Content as a smaller one and how often it is repeated; None if it is still large."""
    for size in (1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64, 256, 512, 1024, 4096):
        if len(content) > size and len(content) % size == 0 and content == content[:size] * (len(content) // size):
            return content[:size], len(content) // size
    return None if len(content) > CONTENT else (content, 1)


def laying_out(tree: Tree) -> Iterator[str]:
    """Yield the statements that make the entries of one layer, parents first. Raises NoScript."""
    if len(tree) > ENTRIES:
        raise NoScript("its trees have many entries")
    order = sorted(tree, key=lambda name: (isinstance(tree[name], Hardlink), PurePosixPath(name).parts))
    for path in order:
        for parent in reversed(PurePosixPath(path).parents[:-1]):
            if str(parent) not in tree:
                yield f"directory({text(str(parent))});"
        yield from making(path, tree[path])
    for path in reversed(order):  # an entry changes the times of its directory
        value = tree[path]
        if not isinstance(value, Hardlink | Whiteout):
            yield f"must(times({text(path)}, {value.mtime_ns}, {value.mtime_ns}, AT_SYMLINK_NOFOLLOW), {text(path)});"


def making(path: str, value: Entry) -> Iterator[str]:
    """Yield the statements that make one entry, without its times. Raises NoScript."""
    name = text(path)

    def must(call: str) -> str:
        return f"must({call}, {name});"

    match value:
        case Whiteout():
            yield f"whiteout({name});"
            return
        case File():
            small = folded(value.content)
            # Random data are as good as other random data, for a program that makes the same ones twice.
            yield (
                f"file({name}, {text(small[0])}, {len(small[0])}, {small[1]}, 0{value.mode:o});"
                if small else f"noise({name}, {len(value.content)}, 0{value.mode:o});"
            )  # fmt: skip
        case SparseFile():
            yield f"sparse({name}, {value.size}, {text(value.tail)}, {len(value.tail)}, 0{value.mode:o});"
        case Opaque():
            yield f"removed({name});"
            yield must(f"mkdir({name}, 0755)")
        case Directory():
            yield f"directory({name});"
        case Symlink():
            yield f"removed({name});"
            yield must(f"symlink({text(value.target)}, {name})")
        case Hardlink():
            yield f"removed({name});"
            yield must(f"link({text(value.target)}, {name})")
            return
        case Fifo():
            yield f"removed({name});"
            yield must(f"mkfifo({name}, 0644)")
        case Device():
            kind = "S_IFBLK" if value.block else "S_IFCHR"
            if value.block is False and (value.major, value.minor) == (0, 0):
                raise NoScript("its image has a device 0:0, which only an archive can carry")
            yield f"removed({name});"
            yield must(f"mknod({name}, {kind} | 0644, makedev({value.major}, {value.minor}))")
        case _:
            raise NoScript(f"its image has a {type(value).__name__.lower()}")
    if value.uid or value.gid:
        yield must(f"lchown({name}, {value.uid}, {value.gid})")
    if not isinstance(value, Symlink):
        yield must(f"chmod({name}, 0{value.mode:o})")
    for attribute, raw in value.xattrs.items():
        yield must(f"lsetxattr({name}, {text(attribute)}, {text(raw)}, {len(raw)}, 0)")


def copying_up(tree: Tree) -> Iterator[str]:
    """Yield the statements that make a driver copy up the entries of a layer, as the suite does."""
    for path, value in sorted(tree.items()):
        if isinstance(value, Symlink | Hardlink):
            continue
        yield f"must(chmod({text(path)}, 0{value.mode:o}), {text(path)});"
        if isinstance(value, File | SparseFile):
            yield f"must(close(open({text(path)}, O_WRONLY | O_APPEND)), {text(path)});"
