"""The ground of a benchmark: its files on every side, its containers, and the programs in them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.process import Process
from roadworthy.declaring.features import COPY_UP
from roadworthy.declaring.places import CHECKS, VOLUME
from roadworthy.engines.containers import Container, Containers
from roadworthy.lane.software import Software
from roadworthy.lane.stand import Stand
from roadworthy.lane.storage import Storage
from roadworthy.linux import POSIX_FADV_DONTNEED
from roadworthy.machines.place import PlacePath
from roadworthy.measuring import guards as rules
from roadworthy.measuring.counters import Meter
from roadworthy.measuring.design import SIDES, Side
from roadworthy.measuring.filler import fill, filler
from roadworthy.measuring.guards import Guards
from roadworthy.measuring.holdings import Holdings
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.supplies.packages import needs
from roadworthy.trees.layers import File, Tree, entry

#: How many flushed writes the cost of a flush is measured with.
FLUSHED = 64
#: Copy a directory without shared extents, so that a first write need not break the sharing.
ANEW = 'rm -rf "$2"; cp -a --reflink=never "$1" "$2"'
#: The most bytes of trees that earlier rows have used and that are kept, see Fresh.
KEPT = 512 << 20
#: What an entry of a tree counts besides its contents: an inode, of which file systems have one for 16 KiB or more.
ENTRY = 4 << 10


@dataclass(frozen=True)
class Layout:
    """The directories of a benchmark's sides in a container, all at one depth, those of the volume side by side.

    Timed work starts in these directories, so that its time includes no path walk and no crossing of mounts. With
    `deep`, the directories on the volume lie deeper, and the driver seems to save the longer walk.
    """

    place: str
    volume: str
    slug: str
    native: bool
    deep: bool = False

    def on_volume(self, side: Side) -> str:
        """A side's directory on the volume, relative to the volume's root."""
        return f"b/{self.slug}/{side}" if self.deep else f"{self.slug}.{side}"

    def directory(self, side: Side) -> str:
        return self.place if side == "arm" and not self.native else f"{self.volume}/{self.on_volume(side)}"


class Ground:
    """A benchmark's own directories in the image and on the volume, and its own containers; `close` removes them."""

    def __init__(self, stand: Stand, slug: str, software: Callable[[], Software]) -> None:
        """`slug` names the directories, `software` fetches Debian's programs at their first use."""
        self.stand = stand
        self.engine = stand.engine
        self.features = stand.features
        self._software = software
        #: The benchmark's directory in the image, and on the volume.
        self.place = f"/{CHECKS}/{slug}"
        self.volume = f"{VOLUME}/b/{slug}"
        #: The volume's directory as the machine reaches it.
        self.outside = stand.backing.path("volume", "b", slug)
        self.outside.mkdir(parents=True, exist_ok=True)
        self._layout = Layout(self.place, VOLUME, slug, stand.native)
        #: Whether the sides' directories are copies of one that the volume has, and its bytes.
        self._renewable = False
        self._bytes = 0
        #: What earlier rows have used: directories on the volume, and containers that were stopped.
        self._used: list[PlacePath] = []
        self._stopped: list[Container] = []
        #: Own containers and images.
        self.containers = Containers(stand.engine, stand.toolbox, stand.volume, stand.image, Evidence(), self.place)
        self.storage = Storage(stand.lane.driver, stand.backing, stand.engine, stand.image, self.place)
        self.meter = Meter(stand.home, stand.backing, timed=not stand.machine.times_withheld)
        #: Memory, cached pages, extents and pool blocks in use.
        self.holdings = Holdings(stand.engine, stand.backing)

    # --- places

    def uneven(self) -> None:
        """Lay the volume's sides out deeper than the driver's: a fault that the null driver has to reveal."""
        self._layout = replace(self._layout, deep=True)

    def directory(self, side: Side) -> str:
        """A side's directory, as a container sees it; timed work uses equal relative paths in each of them."""
        return self._layout.directory(side)

    def path(self, side: Side, name: str) -> str:
        """The path of a side's file, for work that is not timed. Baselines and `native`'s arm are on the volume."""
        return f"{self.directory(side)}/{name}"

    def on_volume(self, side: Side) -> PlacePath:
        """A side's directory on the volume, as the machine reaches it."""
        return self.stand.backing.path("volume", *self._layout.on_volume(side).split("/"))

    def everywhere(self, *trees: Tree) -> str:
        """Make an image of these trees and copy their files to each side on the volume; return the image's name."""
        merged: dict[str, Any] = {}
        for tree in trees:
            merged.update(tree)
        self.lay_out("source", merged)
        self.make_anew()
        self._renewable = bool(merged)
        self._bytes = sum(ENTRY + (len(found.content) if isinstance(found, File) else 0)
                          for found in map(entry, merged.values()))  # fmt: skip
        return self.containers.image(*([{}] if self.stand.native else trees))

    def renew(self, *sides: Side) -> None:
        """Make these sides' directories on the volume anew, if files were laid out in them; the old ones are kept.

        A directory that earlier rows used has more entries than a new one, and its files have been written to.
        """
        if self._renewable:
            for side in sides:
                old = self.on_volume(side)
                self._used.append(old.with_name(f"{old.name}.{len(self._used)}"))
                self.stand.home.run(["mv", *map(self.stand.home.inside, (old, self._used[-1]))])
            self.make_anew(*sides)

    def make_anew(self, *sides: Side) -> None:
        """Make the sides' directories on the volume, by default all of them, each as a copy of the tree `source`."""
        inside = self.stand.home.inside
        for side in sides or self.plain:
            where = inside(self.on_volume(side))
            self.stand.home.run(["sh", "-ec", ANEW, "sh", inside(self.outside / "source"), where], 300)
        self.settle()

    def put_aside(self, container: Container) -> None:
        """End a container that a row has used; it is kept if the volume's directories are, see `renew`."""
        if self._renewable:
            self._stopped.append(container.stop())
        else:
            container.remove()

    def make_room(self) -> None:
        """Remove what earlier rows have used once it takes KEPT bytes."""
        if len(self._used) * self._bytes > KEPT:
            for container in self._stopped:
                container.remove()
            self._stopped.clear()
            self._remove(self._used)
            self._used.clear()

    def _remove(self, directories: Iterable[PlacePath]) -> None:
        self.stand.home.run(["rm", "-r", "-f", *map(self.stand.home.inside, directories)], 300)

    def lay_out(self, name: str, tree: Tree) -> None:
        """Write files to a directory of the benchmark on the volume, and sync them."""
        (self.outside / name).mkdir(exist_ok=True)
        values = {path: entry(value) for path, value in tree.items()}
        self.stand.machine.lay_out(values, self.outside / name)
        self.settle()

    def flush_takes(self) -> float:
        """Measure a write of 4 KiB with its flush on the lane's device, in nanoseconds; 0 without a device.

        dd(1) overwrites allocated blocks on the machine itself, with `oflag=dsync`.
        """
        file = self.stand.home.inside(self.outside / "flushed")
        write = ["dd", "if=/dev/zero", f"of={file}", "bs=4096", f"count={FLUSHED}", "conv=notrunc", "status=none"]
        self.stand.home.run(write)
        self.settle()
        with self.meter.counting() as work:
            begun = time.monotonic_ns()
            self.stand.home.run([*write, "oflag=dsync"])
            taken = time.monotonic_ns() - begun
        return taken / work.device["flushes"] if work.device.get("flushes") else 0.0

    def settle(self) -> None:
        """Wait until all pending writes are on the device."""
        self.stand.backing.settle()

    @property
    def plain(self) -> tuple[Side, ...]:
        """The sides whose files lie on the volume, where a row finds what the row before did to them."""
        return SIDES if self.stand.native else ("baseline", "again")

    def against(self, baseline: str) -> tuple[str, str]:
        """The names of the two sides, for a baseline other than the volume."""
        return baseline, self.stand.lane.driver.name

    def filler(self, size: int) -> File:
        """A file of `size` bytes that no file system stores as a hole or compresses to nothing."""
        return filler(size)

    def fill(self, fs: Process, path: str, size: int) -> None:
        """Write `size` bytes of filler to a file through a process, and sync it."""
        fill(fs, path, size)

    def read_anew(self, fs: Process, path: str) -> None:
        """Drop a file from the page cache and read it back; call this only when no writes are pending.

        Readahead may bring in larger folios than the writes left in the cache.
        """
        descriptor = fs.open(path, os.O_RDONLY)
        fs.fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        fs.close(descriptor)
        fs.digest(path, patience=300)

    def beside(self, container: Container, side: Side, name: str) -> PlacePath:
        """A side's file that a container has written, as the machine reaches it."""
        if side == "arm" and not self.stand.native:
            return self.storage.upper(container, name)
        return self.on_volume(side) / name

    def evict(self, image: str, name: str) -> None:
        """Drop a file of an image's layers from the caches, if layers are directories on the machine."""
        for path in self.below(image, name):
            self.holdings.evict(path)

    def below(self, image: str, name: str) -> list[PlacePath]:
        """A file's paths in all layers of an image that have it; none if layers are no directories on the machine."""
        if self.stand.native:
            return []
        with suppress(Unsupported):
            paths = [layer / self.place.lstrip("/") / name for layer in self.storage.image_layers(image)]
            return [path for path in paths if path.exists()]
        return []

    @property
    def clones(self) -> bool:
        """Whether a copy of a file shares its blocks, so that the first write to the copy has to unshare them."""
        return self.stand.backing.file_system_name in ("xfs", "btrfs")

    @property
    def own_kernel(self) -> bool:
        """Whether only the lane runs on its kernel, so that machine-wide numbers belong to the lane."""
        return self.stand.machine.own_kernel("").met

    # --- containers, and programs in them

    def container(self, image: str = "", **settings: Any) -> Container:
        """Start a container of the benchmark's own."""
        return self.containers.run(image, **settings)

    def process(self, container: Container, directory: str = "/") -> Process:
        """Start a process in a container; its calls are not kept as evidence."""
        return container.process(directory, Evidence())

    @property
    def copies_up(self) -> bool:
        """Whether the driver copies files up into a writable layer that is empty at first."""
        return bool(COPY_UP in self.features) and not self.stand.native

    def fresh(self, image: str, then: Callable[[Process], None] = lambda fs: None) -> Fresh:
        """A container that is replaced before every row; pass the object as `before=`."""
        return Fresh(self, image, then)

    def tool(self, program: str, *arguments: str) -> list[str]:
        """The argument list that runs a toolbox program in a container. Raises Precondition if it is missing."""
        if program not in self.stand.toolbox.programs:
            raise Precondition(needs(program))
        return self.stand.toolbox.command(program, *arguments)

    def software(self, program: str, *arguments: str) -> list[str]:
        """The argument list that runs a Debian program in a container, see Software.

        Raises Precondition if the program cannot be fetched.
        """
        return self._software().command(program, *arguments)

    def close(self) -> None:
        """Remove the benchmark's containers, images and directories."""
        self.containers.close()
        self._remove([self.outside, *map(self.on_volume, SIDES), *self._used])


class Fresh:
    """A container that is replaced by a new one of the same image before every row, with a process in it.

    The files on the volume are made anew too, so that a row makes the first change on every side. One baseline is made
    before the container and one after it, in alternation, because younger files are more likely in processor caches.
    What rows have used is kept as long as there is room. If it were removed, ext4 would put the next tree into the
    holes, but not into those of the last second, and so its inodes into up to four times as many blocks, on the volume
    and in containers by different rules; a first change in a block costs more than the next one. `then` prepares the
    container and is not measured. No writes are pending when the row begins.
    """

    def __init__(self, ground: Ground, image: str, then: Callable[[Process], None]) -> None:
        self._ground = ground
        self._image = image
        self._then = then
        self.container: Container | None = None
        self._baselines: tuple[Side, Side] = "baseline", "again"

    def __call__(self) -> None:
        if self.container is not None:
            self._ground.put_aside(self.container)
        self._ground.make_room()
        first, last = self._baselines
        self._baselines = last, first
        self._ground.renew(first)
        self.container = self._ground.container(self._image)
        self._ground.renew(*(("arm", last) if "arm" in self._ground.plain else (last,)))
        self.fs = self._ground.process(self.container)
        self._then(self.fs)
        self._ground.settle()

    def copied_up(self, *names: str) -> Guards:
        """A guard: the last row copied these files up into the writable layer. Empty if the driver has no copy-up."""
        if not self._ground.copies_up or self.container is None:
            return {}
        storage, container = self._ground.storage, self.container
        return {rules.COPIED_UP: all(storage.upper(container, name).exists() for name in names)}
