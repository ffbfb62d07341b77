"""A record of what a run makes that could outlive it, written before it is made.

One append-only file a run, in `LEDGERS`. Its owner holds an exclusive flock(2) on it for as long as it lives, so a
ledger whose lock can be taken belongs to a dead run: no process id is needed for that, and two reapers exclude each
other by the same lock. Lines are synced before the act that they announce.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

#: The directory of what has to survive a reboot; RUNTIME has what a reboot ends anyway.
STATE = Path("/var/lib/roadworthy")
RUNTIME = Path("/run/roadworthy")
LEDGERS = STATE / "ledgers"

Kind = Literal["directory", "image", "loop", "capsule", "cgroup", "objects"]


@dataclass(frozen=True)
class Item:
    """One thing that has to be removed after the run. `identity` identifies it; its keys depend on the kind.

    directory: path · image: path (also the loop devices that it backs) · loop: path, device, inode (the file that backs
    loop devices, which may have lost its name) · capsule: pid, started (clock ticks since boot, field 22 of
    /proc/PID/stat) · cgroup: name, the same under every hierarchy · objects: url of a daemon that is not the suite's,
    run (the label of what was made on it).
    """

    kind: Kind
    identity: dict[str, Any]


class Ledger:
    """The ledger of this run. `run` is its id, and part of every name that the run makes.

    From here on nobody but their owner may write what this process makes, whatever the umask was.
    """

    def __init__(self, ledgers: Path = LEDGERS) -> None:
        os.umask(os.umask(0o022) | 0o022)
        ledgers.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            self.run = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
            self.path = ledgers / f"{self.run}.jsonl"
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                if os.fstat(self._descriptor).st_nlink:
                    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                    self._append({"run": self.run, "pid": os.getpid(), "at": at})
                    return
            except BaseException:
                self.path.unlink(missing_ok=True)
                self.close()
                raise
            self.close()  # a reaper saw the file before it was locked, and took it for a dead run's

    def intend(self, kind: Kind, **identity: Any) -> Item:
        """Record what is about to be made. Raises OSError."""
        self._append({"kind": kind, "identity": identity})
        return Item(kind, identity)

    def keep(self) -> None:
        """Record that this run's things are to stay; only an explicit reap removes them."""
        self._append({"kept": True})

    def close(self) -> None:
        """Release the ledger; a reaper may now remove what it names."""
        os.close(self._descriptor)

    def _append(self, line: dict[str, Any]) -> None:
        data, before = json.dumps(line).encode() + b"\n", os.fstat(self._descriptor).st_size
        if os.write(self._descriptor, data) < len(data):
            os.ftruncate(self._descriptor, before)  # half a line would spoil the next one
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        os.fsync(self._descriptor)


@dataclass(frozen=True)
class DeadRun:
    """A ledger whose owner is gone, as read: its items in the order in which they were made."""

    run: str
    path: Path
    items: tuple[Item, ...]
    kept: bool


def read(path: Path) -> DeadRun:
    """Read one ledger. A torn last line announced something that was not made, and is skipped."""
    items: list[Item] = []
    kept = False
    for line in path.read_bytes().splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if not isinstance(said, dict):
            continue
        if "kind" in said and isinstance(said.get("identity"), dict):
            items.append(Item(said["kind"], said["identity"]))
        kept = kept or bool(said.get("kept"))
    return DeadRun(path.stem, path, tuple(items), kept)
