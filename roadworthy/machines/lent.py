"""The surroundings of a daemon that is not the suite's: what can be seen of them, and nothing that changes them.

Only the volumes of the run are its own. Everything else of the machine is looked at: by the kernel's files, and by
programs that read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from roadworthy.calls.toolbox import Toolbox
from roadworthy.machines.backing import BACKING_TYPES, Backing, BackingType
from roadworthy.machines.host_path import HostPath
from roadworthy.machines.place import PlacePath
from roadworthy.programs import run
from roadworthy.reasons import Unsupported

#: Why checks of such a daemon are not asked.
LIFE = "the daemon is somebody else's: it is not stopped, started or told anything, and no other is started beside it"
DISK = "the disk below the daemon is shared with others: what is used and written there is not the check's alone"
LOOKS = "the machine below the daemon is somebody else's: it is looked at, and nothing on it is changed"
#: Programs that read only.
READING = ("lsattr", "stat", "lsblk")


class Looked(HostPath):
    """A path that is looked at. What would change it raises Unsupported."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise Unsupported(LOOKS)

    write_bytes = write_text = mkdir = unlink = rmdir = rename = replace = chmod = touch = _refuse
    symlink_to = hardlink_to = setxattr = removexattr = _refuse


class LentPlace:
    """Where a running daemon lives, by one of its processes."""

    scale = 1.0
    write_log = None

    def __init__(self, pid: int, runtime: Path) -> None:
        self.pid = pid
        self.runtime = runtime
        #: The directories of the run's volumes, and that of them which holds the toolbox.
        self.own: tuple[Path, ...] = ()
        self.tools = Path("/")

    def run(self, argv: Sequence[str], seconds: float = 60) -> str:
        """Run a program that reads, or one whose paths all lie on the run's volumes. Raises Unsupported."""
        paths = [Path(word) for word in argv[1:] if word.startswith("/")]
        ours = bool(paths) and all(any(path.is_relative_to(own) for own in self.own) for path in paths)
        if argv[0] not in READING and not ours:
            raise Unsupported(LOOKS)
        return run(["nsenter", f"--target={self.pid}", "--mount", "--root", "--wd=/", "--", *argv], seconds)

    def path(self, inside: str | Path) -> HostPath:
        """An absolute path as the daemon sees it; it can be written to on the run's volumes only."""
        ours = any(Path(inside).is_relative_to(own) for own in self.own)
        return (HostPath if ours else Looked)(f"/proc/{self.pid}/root{inside}")

    def inside(self, path: PlacePath) -> str:
        return str(path).removeprefix(f"/proc/{self.pid}/root")

    def mounts(self) -> list[str]:
        return Path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()

    def toolbox(self, tools: Toolbox) -> str:
        """The directory of the run's volume that holds the toolbox."""
        return str(self.tools)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise Unsupported(LIFE)

    start = disks = after_power_cut = again = change_root = settled = afterwards = reach = _refuse

    def close(self) -> None:
        """Do nothing: it goes on without the run."""


class LentBacking(Backing):
    """The file system below a running daemon, of which `mountpoint` is a directory of the run's own."""

    def __init__(self, name: str, place: LentPlace, mountpoint: Path) -> None:
        self.name = name
        self.mountpoint = mountpoint
        self.size = 0
        self.kind = BACKING_TYPES.get(name) or BackingType((), name, 0)
        self.nested = False
        self.devices = []
        self._place = place

    def facts(self) -> dict[str, str]:
        return {"file system": self.file_system_name, "made by": "somebody else"}

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise Unsupported(DISK)

    settle = used_bytes = used_inodes = data_root_inodes = trim = own_free_bytes = device_counters = _refuse
    after_power_cut = go_on_with = _refuse
