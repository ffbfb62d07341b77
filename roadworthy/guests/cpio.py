"""The archive that the kernel unpacks as its first root: cpio, in the variant `newc`.

Format: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Member:
    """One file of an archive. `mode` holds the type too, as in stat(2); `device` is (major, minor)."""

    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


@dataclass
class Archive:
    """An archive to fill. Everything belongs to root and is dated 1970, so that equal contents give equal bytes."""

    members: dict[str, Member] = field(default_factory=dict)

    def directory(self, path: str, mode: int = 0o755) -> None:
        self._add(path, Member(stat.S_IFDIR | mode))

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self._add(path, Member(stat.S_IFREG | mode, data))

    def symlink(self, path: str, target: str) -> None:
        self._add(path, Member(stat.S_IFLNK | 0o777, target.encode()))

    def character_device(self, path: str, major: int, minor: int, mode: int = 0o600) -> None:
        self._add(path, Member(stat.S_IFCHR | mode, device=(major, minor)))

    def bytes(self) -> bytes:
        """The finished archive, padded to 512 bytes so that another may follow it."""
        parts = []
        for number, (path, member) in enumerate(self.members.items(), start=1):
            parts.append(record(path, member, number))
        parts.append(record("TRAILER!!!", Member(0), 0))
        archive = b"".join(parts)
        return archive + bytes(-len(archive) % 512)

    def _add(self, path: str, member: Member) -> None:
        """Add a member and its parent directories, because the kernel makes none."""
        name = str(PurePosixPath(path.lstrip("/")))
        for parent in reversed(PurePosixPath(name).parents[:-1]):
            self.members.setdefault(str(parent), Member(stat.S_IFDIR | 0o755))
        self.members[name] = member


def record(name: str, member: Member, inode: int) -> bytes:
    """One header with its name and data, each padded to four bytes."""
    encoded = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(member.mode) else 1
    fields = (
        inode, member.mode, 0, 0, links, 0, len(member.data), 0, 0, *member.device, len(encoded), 0,
    )  # fmt: skip
    header = b"070701" + b"".join(b"%08X" % value for value in fields)
    named = header + encoded
    return named + bytes(-len(named) % 4) + member.data + bytes(-len(member.data) % 4)
