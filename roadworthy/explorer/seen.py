"""Which fields of an answer are compared between two sides, and which may differ.

These are left out, each for its reason:

- inode and device numbers: they are the file system's own. The comparison is whether an object keeps its number, and
  whether two objects share one.
- times from the clock: the sides run one after the other. All times that no operation has set are "now".
- access times: whether reading updates them depends on the mount (relatime, noatime); see metadata/atime-on-lower-read.
- change times: no call can set them, so that they are always "now"; see copyup/ctime-unchanged-by-open.
- size and link count of directories: POSIX leaves both open, some file systems say 1; see metadata/dir-nlink-merged.
- blocks: the allocation of data is up to the file system.
- descriptor numbers and addresses: they are the process's own.
- positions of directories: their meaning is up to the file system. tmpfs has no end of a directory to seek to, nor does
  an overlay of two layers, see docs/explorer.md.
- the errno that refuses a read of a directory: EISDIR, or EINVAL where position and length overflow, as they do at the
  position where ext4 has the end of a directory.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from typing import Any

from roadworthy.calls.answers import Status, judged
from roadworthy.calls.exchange import Answer
from roadworthy.explorer.operations import FORMS, Operation
from roadworthy.explorer.seeds import KNOWN_TIMES
from roadworthy.explorer.states import Node

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFCHR: "character device"}
#: How a read of a directory may be refused.
UNREADABLE = ("EISDIR", "EINVAL")
Fields = Mapping[str, Any]


class Numbers:
    """Device and inode numbers that one side has shown so far, by the object that had them."""

    def __init__(self) -> None:
        self._of: dict[Node, tuple[int, int]] = {}

    def relation(self, node: Node, identity: tuple[int, int]) -> str:
        """Whether the object kept its number, changed it, or has that of another object that exists."""
        before = self._of.setdefault(node, identity)
        self._of[node] = identity
        shared = any(other is not node and other.links > 0 and found == identity for other, found in self._of.items())
        return "another file's" if shared else "kept" if before == identity else "changed"


def time_of(nanoseconds: int) -> str:
    """A time that an operation or the tree set, as text; else "now"."""
    return str(nanoseconds) if nanoseconds in KNOWN_TIMES else "now"


def status_fields(found: Status, node: Node | None, numbers: Numbers) -> dict[str, Any]:
    """The fields of a status that are compared."""
    kind = KINDS.get(found.kind, oct(found.kind))
    fields: dict[str, Any] = {
        "kind": kind,
        "mode": f"{found.permissions:04o}",
        "owner": f"{found.uid}:{found.gid}",
        "mtime": time_of(found.mtime_ns),
    }
    if kind != "directory":
        fields |= {"size": found.size, "nlink": found.nlink}
    if node is not None:
        fields["inode"] = numbers.relation(node, (found.dev, found.ino))
    return fields


def answer_fields(operation: Operation, answer: Answer, node: Node | None, numbers: Numbers) -> dict[str, Any]:
    """The fields of an operation's answer that are compared: the outcome in a word, and the data with it."""
    if operation.name == "lseek" and node is not None and node.kind == "directory":
        return {}
    said, outcome = judged(operation.name, answer)
    if operation.name == "read" and node is not None and node.kind == "directory" and said in UNREADABLE:
        return {"answer": "refused"}
    if outcome is not None:
        return {"answer": said}
    fields: dict[str, Any] = {"answer": "success"}
    if operation.name in ("stat", "lstat", "fstat"):
        fields |= status_fields(Status(*answer.value), node, numbers)
    elif not FORMS[operation.name].makes and answer.value is not None:
        fields["data"] = answer.value
    return fields


def tree_fields(entry: Mapping[str, str]) -> dict[str, Any]:
    """The fields of an entry of the agent's manifest that are compared."""
    fields: dict[str, Any] = dict(entry)
    whole, _, fraction = entry["mtime"].partition(".")
    fields["mtime"] = time_of(int(whole) * 10**9 + int(fraction))
    return fields
