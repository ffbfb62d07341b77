"""The tree that every sequence begins with: two layers of an image that add, hide, replace and share names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from roadworthy.explorer.operations import USER
from roadworthy.trees.layers import (
    LONG_AGO_NS,
    Directory,
    Entry,
    File,
    Hardlink,
    Opaque,
    Symlink,
    Whiteout,
    flattened,
)

Layers = Sequence[Mapping[str, Entry]]

#: The lowest layer first. Both have `both`; the higher one removes or replaces `hidden`, `over` and `opaque/old`.
LAYERS: Layers = (
    {
        "deep": File(b"deep below"),
        "deepdir": Directory(),
        "deepdir/k": File(b"k below"),
        "both": Directory(),
        "both/x": File(b"x below"),
        "over": File(b"older"),
        "hidden": File(b"hidden below"),
        "opaque": Directory(),
        "opaque/old": File(b"old below"),
    },
    {
        "low": File(b"low below"),
        "one": File(b"pair below"),
        "two": Hardlink(target="one"),
        "both": Directory(),
        "both/y": File(b"y below", mode=0o600),
        "over": File(b"newer", mode=0o755),
        "hidden": Whiteout(),
        "opaque": Opaque(),
        "opaque/new": File(b"new below"),
        "dir": Directory(),
        "dir/q": File(b"q below"),
        "empty": Directory(mode=0o1777),
        "users": File(b"a user's", mode=0o664, uid=USER, gid=USER, xattrs={"user.seed": b"below"}),
        "setid": File(b"set-id", mode=0o6755, uid=USER, gid=USER),
        "link": Symlink(target="low"),
        "way": Symlink(target="both"),
    },
)

#: The names that sequences use: those of the tree, new ones beside them, and paths that lead through links and files.
PATHS = (
    "low", "deep", "one", "two", "over", "users", "setid", "link", "dir", "dir/q", "deepdir", "deepdir/k", "both",
    "both/x", "both/y", "empty", "opaque", "opaque/new", "new", "next", "dir/new", "both/new", "empty/new",
    "deepdir/new", "hidden", "opaque/old", "way", "way/x", "low/below",
)  # fmt: skip
#: Times that operations set, besides the tree's own. All others are "now", which differs between two sides.
SET_TIMES = (1_234_567_890 * 10**9 + 123_456_789, 2_000_000_000 * 10**9)
KNOWN_TIMES = frozenset({LONG_AGO_NS, *SET_TIMES})
#: The names of attributes that operations set and remove.
ATTRIBUTES = ("user.seed", "user.new")


@cache
def plain(attributes: bool = True) -> dict[str, Entry]:
    """The tree as a file system without layers holds it."""
    found = flattened(LAYERS)
    return found if attributes else {path: replace(value, xattrs={}) for path, value in found.items()}
