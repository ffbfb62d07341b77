"""A place: where a daemon and its backing file system live and die together.

On this host it is a capsule of namespaces; in a guest it is the same kind of namespaces inside the guest. What uses a
place does not know which. Paths are absolute and as the place sees them, unless they came from `path`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from roadworthy.calls.toolbox import Toolbox
from roadworthy.guests.path import GuestPath
from roadworthy.machines.host_path import HostPath

#: A path of a place as the controller reaches it.
PlacePath: TypeAlias = HostPath | GuestPath


class Program(Protocol):
    """A program that was started and left running; subprocess.Popen is one."""

    def poll(self) -> int | None:
        """How it ended, or None while it runs."""
        ...


class Place(Protocol):
    """See the module."""

    #: The directory for sockets, logs and mount points; short, because socket paths end at 108 bytes.
    runtime: Path
    #: How much longer than on a plain host everything may take.
    scale: float

    def run(self, argv: Sequence[str], seconds: float = 60) -> str:
        """Run a program to its end; its standard output. Raises ProgramFailed."""
        ...

    def start(self, argv: Sequence[str], log: Path) -> Program:
        """Start a program and leave it running, its output appended to `log`, a path as the place sees it."""
        ...

    def path(self, inside: str | Path) -> PlacePath:
        """A path as the controller reaches it."""
        ...

    def inside(self, path: PlacePath) -> str:
        """What `path` answered, as the place sees it again."""
        ...

    def mounts(self) -> list[str]:
        """The mount table, lines of mountinfo, see proc_pid_mountinfo(5)."""
        ...

    def disk(self, size: int) -> str:
        """A fresh block device of `size` bytes, gone with the place."""
        ...

    def settled(self, device: str) -> None:
        """The device is in use now: it may be let go with its last user."""
        ...

    def afterwards(self, argv: Sequence[str]) -> None:
        """Run a program once everything in the place has ended: it removes what no namespace takes along.

        The one that was named last is run first. A place that nothing would clean up after a kill refuses.
        """
        ...

    def reach(self, socket: Path) -> Path:
        """A unix socket of the place, as a path that this host can connect to."""
        ...

    def toolbox(self, tools: Toolbox) -> str:
        """Where the toolbox lies for the engine that binds it into containers."""
        ...

    def close(self) -> None:
        """End everything in it."""
        ...
