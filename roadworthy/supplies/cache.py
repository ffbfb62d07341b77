"""The cache of what takes minutes to make and can be made again: engine roots, kernels, images of both.

An entry is found by the digest of its recipe, so a changed recipe is another entry and nothing is ever changed in
place. It is filled in a temporary sibling under a lock and appears by rename(2), whole or not at all: two runs that
need it at once make it once, and a killed run leaves a temporary directory, which the next one removes under the same
lock. The cache's directory may be removed at any time; its entries are then made again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadworthy.deadline import wait_until
from roadworthy.programs import run
from roadworthy.stage import Stage, quietly

#: Fills an empty directory and returns the facts of what it put there.
Fill = Callable[[Path], Mapping[str, Any]]

RECORD = "entry.json"
MAKING = ".making-"
REMOVING = ".removing-"
LOCK = ".lock-"
MOUNTS = Path("/proc/self/mountinfo")


class CacheFailed(Exception):
    """The cache cannot provide or remove an entry; the message says why."""


@dataclass(frozen=True)
class CacheEntry:
    """A finished entry. `size` is in bytes on disk, `seconds` is the time that making it took, `made` is UTC."""

    kind: str
    name: str
    path: Path
    recipe: dict[str, Any]
    facts: dict[str, Any]
    size: int
    seconds: float
    made: str

    @property
    def used(self) -> float:
        """When it was last used, in seconds since 1970; 0 if it has been removed."""
        try:
            return self.path.stat().st_mtime
        except FileNotFoundError:
            return 0.0

    @contextlib.contextmanager
    def held(self, seconds: float = 60) -> Iterator[CacheEntry]:
        """Keep it from being pruned while the block runs. Raises CacheFailed if it is removed already, TimeoutError."""
        with locked(self.path.parent / f"{LOCK}{self.name}", fcntl.LOCK_SH, seconds, f"{self.name} to be free"):
            if not self.path.is_dir():
                raise CacheFailed(f"{self.path} was removed before it could be used; run again")
            yield self


@dataclass(frozen=True)
class Pruned:
    """The result of pruning one thing. `kept` says why it is still there; empty if it is removed."""

    path: Path
    size: int
    kept: str = ""


class Cache:
    """The cache under one directory; by default the user's."""

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory or cache_directory()

    def entry(
        self,
        kind: str,
        recipe: Mapping[str, Any],
        fill: Fill,
        *,
        label: str = "",
        stage: Stage = quietly,
        seconds: float = 3600,
    ) -> CacheEntry:
        """Return the entry of this recipe, filled if the cache lacks it. `label` makes its name readable.

        Waits up to `seconds` for another run that makes it. Raises TimeoutError, CacheFailed, and what `fill` raises.
        """
        wanted = dict(recipe)
        name = entry_name(wanted, label)
        shelf = self.directory / kind
        found = read(kind, shelf / name)
        if found is None:
            shelf.mkdir(parents=True, exist_ok=True)
            what = f"another run to finish {kind} {label or name}"
            with stage(f"making {kind} {label or name}"), locked(shelf / f"{LOCK}{name}", fcntl.LOCK_EX, seconds, what):
                found = read(kind, shelf / name) or self._make(kind, name, wanted, fill)
        with contextlib.suppress(OSError):  # a read-only cache can be used, too
            os.utime(found.path)
        return found

    def find(self, kind: str, recipe: Mapping[str, Any], label: str = "") -> CacheEntry | None:
        """The entry of this recipe, or None if the cache lacks it. This does not count as a use."""
        return read(kind, self.directory / kind / entry_name(dict(recipe), label))

    def entries(self, kind: str | None = None) -> list[CacheEntry]:
        """All finished entries, by kind and name."""
        found = []
        for shelf in sorted(self._shelves(kind)):
            for path in sorted(shelf.iterdir()):
                entry = None if path.name.startswith(".") else read(shelf.name, path)
                if entry:
                    found.append(entry)
        return found

    def kinds(self) -> list[str]:
        """The kinds that have an entry, finished or not."""
        return sorted(shelf.name for shelf in self._shelves(None))

    def leftovers(self, kind: str | None = None) -> list[Path]:
        """Temporary directories, of builds that run now and of builds that were killed."""
        return sorted(
            path
            for shelf in self._shelves(kind)
            for path in shelf.iterdir()
            if path.name.startswith((MAKING, REMOVING))
        )

    def prune(self, kind: str | None = None, unused_for: float | None = None) -> Iterator[Pruned]:
        """Remove what killed builds left and, given `unused_for` in seconds, the entries unused for that long.

        What a run holds or makes is kept.
        """
        for path in self.leftovers(kind):
            name = path.name.removeprefix(MAKING).removeprefix(REMOVING).rpartition("-")[0]
            yield self._remove(path, path.parent / f"{LOCK}{name}")
        if unused_for is None:
            return
        before = time.time() - unused_for
        for entry in self.entries(kind):
            if entry.used <= before:
                yield self._remove(entry.path, entry.path.parent / f"{LOCK}{entry.name}")

    def _make(self, kind: str, name: str, recipe: dict[str, Any], fill: Fill) -> CacheEntry:
        shelf = self.directory / kind
        for dead in shelf.glob(f"{MAKING}{name}-*"):  # no other run makes it, because we hold its lock
            remove_tree(dead)
        if (shelf / name).exists():  # its record is missing or cannot be read
            remove_tree(shelf / name)
        making = Path(tempfile.mkdtemp(prefix=f"{MAKING}{name}-", dir=shelf))
        making.chmod(0o755)
        started = time.monotonic()
        try:
            facts = dict(fill(making))
            record = {
                "recipe": recipe,
                "facts": facts,
                "size": size_on_disk(making),
                "seconds": round(time.monotonic() - started, 1),
                "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            }
            (making / RECORD).write_text(json.dumps(record, indent=1))
            run(["sync", "--file-system", making], 600)  # or a power cut could leave a finished name over empty files
            making.rename(shelf / name)
        finally:
            if making.exists():
                remove_tree(making)
        found = read(kind, shelf / name)
        if found is None:
            raise CacheFailed(f"{shelf / name} vanished as soon as it was made")
        return found

    def _remove(self, path: Path, lock: Path) -> Pruned:
        size = size_on_disk(path)
        try:
            with locked(lock, fcntl.LOCK_EX, 0, "it to be free"):
                remove_tree(path)
                lock.unlink(missing_ok=True)
        except TimeoutError:
            return Pruned(path, size, "a run is using it or making it")
        except (CacheFailed, OSError) as reason:
            return Pruned(path, size, str(reason))
        return Pruned(path, size)

    def _shelves(self, kind: str | None) -> list[Path]:
        """The directories of kinds, which are those with a lock or a record in them."""
        if not self.directory.is_dir():
            return []
        shelves = [self.directory / kind] if kind else list(self.directory.iterdir())
        return [
            shelf for shelf in shelves
            if shelf.is_dir() and (any(shelf.glob(f"{LOCK}*")) or any(shelf.glob(f"*/{RECORD}")))
        ]  # fmt: skip


def entry_name(recipe: dict[str, Any], label: str = "") -> str:
    """`LABEL-DIGEST`, where the digest is of the recipe alone; key order does not matter."""
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
    return f"{label}-{digest}" if label else digest


def read(kind: str, path: Path) -> CacheEntry | None:
    """An entry from its directory; None if there is none, or if its record cannot be read."""
    try:
        said = json.loads((path / RECORD).read_bytes())
        return CacheEntry(kind, path.name, path, **said)
    except (OSError, ValueError, TypeError):
        return None


@contextlib.contextmanager
def locked(path: Path, how: int, seconds: float, what: str) -> Iterator[None]:
    """Hold a flock(2) on the file at `path`. Raises TimeoutError, which names `what`, after `seconds`."""
    held: list[int] = []

    def take() -> bool:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            mine, there = os.fstat(descriptor), path.stat()
            if (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino):
                held.append(descriptor)
        except (BlockingIOError, FileNotFoundError):
            pass  # taken, or removed between open and lock, so that the lock would hold nothing
        if not held:
            os.close(descriptor)
        return bool(held)

    wait_until(take, seconds, what)
    try:
        yield
    finally:
        os.close(held[0])


def size_on_disk(path: Path) -> int:
    """Bytes that a tree occupies; holes are not counted, hard links are counted once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    pending = [path]
    while pending:
        at = pending.pop()
        try:
            found = at.lstat()
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_blocks * 512
            if at.is_dir() and not at.is_symlink():
                pending.extend(at.iterdir())
        except FileNotFoundError:
            continue  # another run changes it at this moment
    return total


def remove_tree(path: Path) -> None:
    """Remove a directory of the cache. Raises CacheFailed if something is mounted in it, which is not the cache's."""
    inside = os.fsencode(path.resolve()) + b"/"
    for line in MOUNTS.read_bytes().splitlines():
        point = line.split()[4].decode("unicode_escape").encode("latin-1")
        if point.startswith(inside) or point + b"/" == inside:
            raise CacheFailed(f"{os.fsdecode(point)} is mounted; unmount it before {path} can be removed")
    going = path
    if not path.name.startswith((MAKING, REMOVING)):
        going = path.with_name(f"{REMOVING}{path.name}-{os.getpid()}")
        path.rename(going)  # from now on, no reader takes what is left of it for an entry
    shutil.rmtree(going)


def cache_directory() -> Path:
    """The cache's directory: `roadworthy` in $XDG_CACHE_HOME, else in /var/cache for root, in ~/.cache for others."""
    named = os.environ.get("XDG_CACHE_HOME")
    if named:
        return Path(named) / "roadworthy"
    return Path("/var/cache/roadworthy") if os.geteuid() == 0 else Path.home() / ".cache/roadworthy"
