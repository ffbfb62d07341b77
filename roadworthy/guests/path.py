"""A path inside a guest, with the methods of pathlib that machine-side code uses, each a call of the guest's agent.

It is not an os.PathLike: `open(path)` on the controller would open the controller's file of that name. Functions of os
that take a path (attributes, statvfs) are methods here.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator
from pathlib import PurePath, PurePosixPath
from typing import Any

from roadworthy.guests.calls import Caller

#: Bytes that travel in one message; as base64 they stay well below the agent's frame limit.
PIECE = 4 << 20


class GuestPath:
    """An absolute path of the guest. Errors are OSError and its subclasses, with the guest's errno."""

    def __init__(self, calls: Caller, path: str | PurePath) -> None:
        self._calls = calls
        self._pure = PurePosixPath(path)

    # --- names

    def __str__(self) -> str:
        return str(self._pure)

    def __repr__(self) -> str:
        return f"GuestPath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GuestPath) and (self._pure, self._calls) == (other._pure, other._calls)

    def __hash__(self) -> int:
        return hash(self._pure)

    def __lt__(self, other: GuestPath) -> bool:
        return self._pure < other._pure

    def __truediv__(self, part: str | PurePath) -> GuestPath:
        return self.joinpath(part)

    def joinpath(self, *parts: str | PurePath) -> GuestPath:
        return self._of(self._pure.joinpath(*parts))

    @property
    def name(self) -> str:
        return self._pure.name

    @property
    def parts(self) -> tuple[str, ...]:
        return self._pure.parts

    @property
    def parent(self) -> GuestPath:
        return self._of(self._pure.parent)

    @property
    def parents(self) -> tuple[GuestPath, ...]:
        return tuple(self._of(parent) for parent in self._pure.parents)

    def with_name(self, name: str) -> GuestPath:
        return self._of(self._pure.with_name(name))

    def relative_to(self, other: GuestPath | PurePath | str) -> PurePosixPath:
        """The rest of the path below `other`, which is a path of no machine. Raises ValueError."""
        return self._pure.relative_to(str(other))

    def is_relative_to(self, other: GuestPath | PurePath | str) -> bool:
        return self._pure.is_relative_to(str(other))

    # --- status

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        found = self._call("stat" if follow_symlinks else "lstat", str(self))
        return stat_result(found)

    def lstat(self) -> os.stat_result:
        return self.stat(follow_symlinks=False)

    def exists(self) -> bool:
        return self._mode() is not None

    def lexists(self) -> bool:
        """Whether the path exists, even as a dangling symlink: os.path.lexists."""
        return self._mode(follow=False) is not None

    def is_dir(self) -> bool:
        return stat.S_ISDIR(self._mode() or 0)

    def is_file(self) -> bool:
        return stat.S_ISREG(self._mode() or 0)

    def is_symlink(self) -> bool:
        return stat.S_ISLNK(self._mode(follow=False) or 0)

    def statvfs(self) -> os.statvfs_result:
        """os.statvfs of the file system that holds the path."""
        return os.statvfs_result(self._call("statvfs", str(self)))

    def sync(self) -> None:
        """Write back everything pending of the file system that holds the path, see syncfs(2)."""
        self._call("sync", str(self))

    # --- contents

    def read_bytes(self) -> bytes:
        found = piece = bytes(self._call("piece", str(self), 0, PIECE))
        while len(piece) == PIECE:
            piece = bytes(self._call("piece", str(self), len(found), PIECE))
            found += piece
        return found

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self.read_bytes().decode(encoding, errors)

    def write_bytes(self, data: bytes) -> int:
        self._call("store", str(self), data[:PIECE], 0o666)
        if len(data) > PIECE:
            descriptor = self._call("open", str(self), os.O_WRONLY | os.O_APPEND, 0)
            at = PIECE
            while at < len(data):
                at += self._call("write", descriptor, data[at : at + PIECE])
            self._call("close", descriptor)
        return len(data)

    def write_text(self, text: str, encoding: str = "utf-8", errors: str = "strict") -> int:
        self.write_bytes(text.encode(encoding, errors))
        return len(text)

    # --- directories and names on the file system

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        try:
            self._call("mkdir", str(self), mode)
        except FileNotFoundError:
            if not parents or self.parent == self:
                raise
            self.parent.mkdir(parents=True, exist_ok=True)
            self.mkdir(mode, exist_ok=exist_ok)
        except FileExistsError:
            if not exist_ok or not self.is_dir():
                raise

    def iterdir(self) -> Iterator[GuestPath]:
        for name in self._call("listdir", str(self)):
            yield self / name

    def rglob(self, pattern: str) -> Iterator[GuestPath]:
        """Yield every path below whose name matches; one call for the whole tree."""
        for path in self._call("walk", str(self)):
            if fnmatch.fnmatchcase(PurePosixPath(path).name, pattern):
                yield self._of(path)

    def glob(self, pattern: str) -> Iterator[GuestPath]:
        """Yield the entries of this directory whose names match. Raises NotImplementedError for a pattern with `/`."""
        if "/" in pattern:
            raise NotImplementedError("glob of a guest's path takes the pattern of a name")
        if self.is_dir():
            yield from (path for path in self.iterdir() if fnmatch.fnmatchcase(path.name, pattern))

    def touch(self, mode: int = 0o666) -> None:
        self._call("close", self._call("open", str(self), os.O_WRONLY | os.O_CREAT, mode))

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            self._call("unlink", str(self))
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rmdir(self) -> None:
        self._call("rmdir", str(self))

    def rename(self, target: GuestPath | PurePath | str) -> GuestPath:
        self._call("rename", str(self), str(target))
        return self._of(str(target))

    def symlink_to(self, target: GuestPath | PurePath | str) -> None:
        self._call("symlink", str(target), str(self))

    def hardlink_to(self, target: GuestPath | PurePath | str) -> None:
        self._call("link", str(target), str(self))

    def readlink(self) -> PurePosixPath:
        return PurePosixPath(self._call("readlink", str(self)))

    def chmod(self, mode: int) -> None:
        self._call("chmod", str(self), mode)

    # --- extended attributes: os.listxattr and the like

    def listxattr(self, follow_symlinks: bool = True) -> list[str]:
        return list(self._call("listxattr", str(self), follow_symlinks))

    def getxattr(self, name: str, follow_symlinks: bool = True) -> bytes:
        return bytes(self._call("getxattr", str(self), name, follow_symlinks))

    def setxattr(self, name: str, value: bytes, follow_symlinks: bool = True) -> None:
        self._call("setxattr", str(self), name, value, follow_symlinks)

    def removexattr(self, name: str, follow_symlinks: bool = True) -> None:
        self._call("removexattr", str(self), name, follow_symlinks)

    # --- how it is done

    def _of(self, path: str | PurePath) -> GuestPath:
        return GuestPath(self._calls, path)

    def _call(self, call: str, *arguments: object) -> Any:
        return self._calls(call, *arguments, path=str(self))

    def _mode(self, follow: bool = True) -> int | None:
        try:
            return self.stat(follow_symlinks=follow).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None


def stat_result(found: list[int]) -> os.stat_result:
    """The agent's row of numbers as the result of os.stat, with a block size of 4096, which the agent leaves out."""
    dev, ino, mode, nlink, uid, gid, rdev, size, blocks, atime, mtime, ctime = found
    times = (atime, mtime, ctime)
    seconds = [time // 10**9 for time in times]
    fractions = [time / 10**9 for time in times]
    return os.stat_result((mode, ino, dev, nlink, uid, gid, size, *seconds, *fractions, *times, 4096, blocks, rdev))
