"""What an engine hands out of a file system, and how a cut has changed it."""

from __future__ import annotations

import hashlib
import tarfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from roadworthy.reports.states import HARMS

#: The name in a PAX header of an extended attribute, as Docker, Podman and Python write it.
ATTRIBUTE = "SCHILY.xattr."


@dataclass(frozen=True)
class Kept:
    """One file of a tree: all that has to survive. `digest` is of a regular file's content."""

    kind: bytes
    mode: int
    owner: tuple[int, int]
    size: int = 0
    digest: str = ""
    target: str = ""
    attributes: frozenset[tuple[str, str]] = frozenset()


Tree = Mapping[str, Kept]


def kept(content: bytes | None, mode: int, owner: tuple[int, int] = (0, 0)) -> Kept:
    """A regular file with this content, or a directory if there is none."""
    if content is None:
        return Kept(tarfile.DIRTYPE, mode, owner)
    return Kept(tarfile.REGTYPE, mode, owner, len(content), hashlib.sha256(content).hexdigest())


def tree_of(archive: IO[bytes], below: str = "") -> dict[str, Kept]:
    """The files of a tar, or those of one directory of it. Raises tarfile.TarError if it is damaged."""
    found = {}
    with tarfile.open(fileobj=archive) as tar:
        for member in tar:
            path = member.name.removeprefix("./").strip("/")
            if below and not path.startswith(f"{below}/"):
                continue
            reader = tar.extractfile(member) if member.isreg() else None
            found[path] = Kept(
                kind=member.type,
                mode=member.mode & 0o7777,  # some engines write the type into it, too
                owner=(member.uid, member.gid),
                size=member.size,
                digest=hashlib.sha256(reader.read()).hexdigest() if reader else "",
                target=member.linkname,
                attributes=frozenset(
                    (name, value) for name, value in member.pax_headers.items() if name.startswith(ATTRIBUTE)
                ),
            )
    return found


def damage(expected: Tree, found: Tree) -> str:
    """How a tree differs from the expected one, in words with counts; empty if it does not.

    A file is counted once, by the worst that happened to it.
    """
    kinds = Counter(filter(None, (became(was, found.get(path)) for path, was in expected.items())))
    added = sum(path not in expected for path in found)
    told = [f"{count} of {len(expected)} files {kind}" for kind, count in sorted(kinds.items(), key=severity)]
    return ", ".join([*told, *([f"{added} files are new"] if added else [])])


def severity(counted: tuple[str, int]) -> int:
    return HARMS.index(counted[0])


def became(was: Kept, now: Kept | None) -> str:
    """What became of a file; empty if nothing did."""
    if now is None:
        return "missing"
    if now.kind != was.kind or now.target != was.target:
        return "of another kind"
    if now.size < was.size:
        return "cut short" if now.size else "empty"
    if now.digest != was.digest:
        return "zeroed" if now.digest == hashlib.sha256(bytes(now.size)).hexdigest() else "of other content"
    if now.owner != was.owner:
        return "of another owner"
    if now.mode != was.mode:
        return "of another mode"
    return "without their attributes" if now.attributes != was.attributes else ""
