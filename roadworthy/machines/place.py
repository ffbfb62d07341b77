"""A place: where a daemon and its backing file system live and die together.

On this host it is a capsule of namespaces; in a guest it is such namespaces inside the guest. Code that uses a place
does not know which. Paths are absolute and as the place sees them, unless they came from `path`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from roadworthy.calls.toolbox import Toolbox


class PlacePath(Protocol):
    """A path of a place as the controller reaches it, with methods of pathlib and some functions of os.

    It is not an os.PathLike: `open(path)` on the controller would open the controller's file of that name.
    """

    # --- names

    @property
    def name(self) -> str: ...
    @property
    def parent(self) -> PlacePath: ...
    def __truediv__(self, part: str | PurePath, /) -> PlacePath: ...
    def with_name(self, name: str) -> PlacePath: ...

    # --- status

    def stat(self) -> os.stat_result: ...
    def lstat(self) -> os.stat_result: ...
    def exists(self) -> bool: ...
    def lexists(self) -> bool:
        """Whether the path exists, even as a dangling symlink."""
        ...

    def is_dir(self) -> bool: ...
    def is_file(self) -> bool: ...
    def statvfs(self) -> os.statvfs_result:
        """os.statvfs of the file system that holds the path."""
        ...

    # --- contents

    def read_bytes(self) -> bytes: ...
    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str: ...
    def write_bytes(self, data: bytes) -> int: ...
    def write_text(self, text: str, /) -> int: ...

    # --- names on the file system

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None: ...
    def iterdir(self) -> Iterator[PlacePath]: ...
    def glob(self, pattern: str, /) -> Iterator[PlacePath]: ...
    def rglob(self, pattern: str, /) -> Iterator[PlacePath]: ...
    def unlink(self, missing_ok: bool = False) -> None: ...
    def rmdir(self) -> None: ...
    def rename(self, target: Any) -> Any: ...

    # --- extended attributes

    def listxattr(self, follow_symlinks: bool = True) -> list[str]: ...
    def getxattr(self, name: str, follow_symlinks: bool = True) -> bytes: ...
    def setxattr(self, name: str, value: bytes, follow_symlinks: bool = True) -> None: ...
    def removexattr(self, name: str, follow_symlinks: bool = True) -> None: ...


class Program(Protocol):
    """A program that was started and left running; subprocess.Popen satisfies it."""

    def poll(self) -> int | None:
        """Its return code, or None while it runs."""
        ...


class Place(Protocol):
    """Where a daemon and its backing live and die together; see the module."""

    #: The directory for sockets, logs and mount points; short, because socket paths end at 108 bytes.
    runtime: Path
    #: The factor of every deadline: how much slower than a plain host it is.
    scale: float

    def run(self, argv: Sequence[str], seconds: float = 60) -> str:
        """Run a program to its end, and return its standard output. Raises ProgramFailed."""
        ...

    def start(self, argv: Sequence[str], log: Path) -> Program:
        """Start a program and leave it running, its output appended to `log`, a path as the place sees it."""
        ...

    def path(self, inside: str | Path) -> PlacePath:
        """A path as the controller reaches it."""
        ...

    def inside(self, path: PlacePath) -> str:
        """The place's own name of a path that `path` returned."""
        ...

    def mounts(self) -> list[str]:
        """The mount table, lines of mountinfo, see proc_pid_mountinfo(5)."""
        ...

    def disks(self, *sizes: int) -> list[str]:
        """Make fresh block devices of so many bytes each, which end with the place. A place does it once."""
        ...

    def after_power_cut(self) -> tuple[Place, list[str]]:
        """End everything in it, and return a place with its directories, and devices with the contents of its own.

        What was written to a file system on a device, and has not reached the device, is lost.
        """
        ...

    @property
    def write_log(self) -> Path | None:
        """The file on this host in which its disk writes down what it is told; None if it does not."""
        ...

    def again(self, image: Path) -> tuple[Place, list[str]]:
        """Return a place with its directories, once it has ended, and its devices with the content of `image`.

        The file lies on this host, and ends with the place. The devices lie in it one after another, as in the log.
        """
        ...

    def change_root(self, tree: Path) -> None:
        """Make everything that is started in it from now on see a tree of this host as its root. Raises Unsupported."""
        ...

    def settled(self, device: str) -> None:
        """Note that the device is in use, and may be released with its last user."""
        ...

    def afterwards(self, argv: Sequence[str]) -> None:
        """Run a program once everything in the place has ended, to remove what outlives its namespaces.

        The last registered one runs first. Raises ProgramFailed in a place that a killed run would leave uncleaned.
        """
        ...

    def reach(self, socket: Path) -> Path:
        """A unix socket of the place, as a path that this host can connect to."""
        ...

    def toolbox(self, tools: Toolbox) -> str:
        """The directory of the toolbox, as the engine that binds it into containers sees it."""
        ...

    def close(self) -> None:
        """End everything in it."""
        ...
