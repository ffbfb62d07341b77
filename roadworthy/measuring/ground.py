"""Where a benchmark measures: its files on every side, its containers, and the programs in them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.process import Process
from roadworthy.calls.toolbox import PROGRAMS
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
from roadworthy.trees.layers import File, Tree, entry

#: Writes of which each is flushed.
FLUSHED = 64
#: A directory that is a copy of another one, extents not shared: a first write is not to pay for that.
ANEW = 'rm -rf "$2"; cp -a --reflink=never "$1" "$2"'


@dataclass(frozen=True)
class Layout:
    """Where the directories of a benchmark's sides lie in a container: all as deep, and the volume's side by side.

    What is timed begins in them, so that neither what is mounted on the way nor the way itself is a part of it. With
    `deep` those on the volume are further down, and what is timed has to walk there: what a driver then seems to save
    is the walk.
    """

    place: str
    volume: str
    slug: str
    native: bool
    deep: bool = False

    def on_volume(self, side: Side) -> str:
        """A side's directory on the volume, from the volume's own."""
        return f"b/{self.slug}/{side}" if self.deep else f"{self.slug}.{side}"

    def directory(self, side: Side) -> str:
        return self.place if side == "arm" and not self.native else f"{self.volume}/{self.on_volume(side)}"


class Ground:
    """A benchmark's own directories in the image and on the volume, and its own containers; gone with it."""

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
        #: Whether the sides' directories are copies of one that the volume has.
        self._renewable = False
        #: Own containers and images.
        self.containers = Containers(stand.engine, stand.toolbox, stand.volume, stand.image, Evidence(), self.place)
        self.storage = Storage(stand.lane.driver, stand.backing, stand.engine, stand.image, self.place)
        self.meter = Meter(stand.home, stand.backing, timed=not stand.machine.times_withheld)
        #: What containers, images and files hold of the machine.
        self.holdings = Holdings(stand.engine, stand.backing)

    # --- places

    def uneven(self) -> None:
        """Lay the sides out as must not be: the volume's deeper than the driver's. Shows that it would be noticed."""
        self._layout = replace(self._layout, deep=True)

    def directory(self, side: Side) -> str:
        """A side's directory, as a container sees it; what is timed is reached from there, by the same path."""
        return self._layout.directory(side)

    def path(self, side: Side, name: str) -> str:
        """Where a file of a side lies, for what is not timed: the baselines and `native`'s arm on the volume."""
        return f"{self.directory(side)}/{name}"

    def on_volume(self, side: Side) -> PlacePath:
        """A side's directory on the volume, as the machine reaches it."""
        return self.stand.backing.path("volume", *self._layout.on_volume(side).split("/"))

    def everywhere(self, *trees: Tree) -> str:
        """An image of these trees, and the same files once for each side on the volume; the image's name."""
        merged: dict[str, Any] = {}
        for tree in trees:
            merged.update(tree)
        self.lay_out("source", merged)
        self.make_anew()
        self._renewable = bool(merged)
        return self.containers.image(*([{}] if self.stand.native else trees))

    def renew(self, *sides: Side) -> None:
        """Make these sides' directories on the volume anew where files were laid out in them.

        A directory that rows have gone through is fuller than a new one, and its files have been written to before.
        """
        if self._renewable:
            self.make_anew(*sides)

    def make_anew(self, *sides: Side) -> None:
        """Make directories on the volume, of all sides by default, each a copy of what was laid out as `source`."""
        inside = self.stand.home.inside
        for side in sides or self.plain:
            where = inside(self.on_volume(side))
            self.stand.home.run(["sh", "-ec", ANEW, "sh", inside(self.outside / "source"), where], 300)
        self.settle()

    def lay_out(self, name: str, tree: Tree) -> None:
        """Files on the volume, in a directory of the benchmark's own, on the device when this returns."""
        (self.outside / name).mkdir(exist_ok=True)
        values = {path: entry(value) for path, value in tree.items()}
        self.stand.machine.lay_out(values, self.outside / name)
        self.settle()

    def flush_takes(self) -> float:
        """What a write of 4 KiB and the flush behind it take on the lane's device, in nanoseconds; 0 without a device.

        Written by the machine itself, over blocks that the file has, each on the device before the next, see dd(1).
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
        """Everything that is pending is on the device."""
        self.stand.backing.settle()

    @property
    def plain(self) -> tuple[Side, ...]:
        """The sides whose files lie on the volume: what one row does to them, the next one finds."""
        return SIDES if self.stand.native else ("baseline", "again")

    def against(self, baseline: str) -> tuple[str, str]:
        """Names of the two sides where the baseline is another thing of the same driver, or no driver at all."""
        return baseline, self.stand.lane.driver.name

    def filler(self, size: int) -> File:
        """A file's content that no file system stores as a hole or compresses to nothing."""
        return filler(size)

    def fill(self, fs: Process, path: str, size: int) -> None:
        """Write such a file through a process, on the device when this returns."""
        fill(fs, path, size)

    def read_anew(self, fs: Process, path: str) -> None:
        """Have a file in the page cache as reading leaves it there, whoever has written it; nothing may be pending.

        Pages that somebody has written are not like those that were read, of which several may be one folio.
        """
        descriptor = fs.open(path, os.O_RDONLY)
        fs.fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        fs.close(descriptor)
        fs.digest(path, patience=300)

    def beside(self, container: Container, side: Side, name: str) -> PlacePath:
        """The file of a side that a container has written, as the machine reaches it."""
        if side == "arm" and not self.stand.native:
            return self.storage.upper(container, name)
        return self.on_volume(side) / name

    def evict(self, image: str, name: str) -> None:
        """Drop what is cached of a file in an image's layers, where those are directories on the machine."""
        for path in self.below(image, name):
            self.holdings.evict(path)

    def below(self, image: str, name: str) -> list[PlacePath]:
        """A file in those layers of an image that have it, where layers are directories on the machine."""
        if self.stand.native:
            return []
        with suppress(Unsupported):
            paths = [layer / self.place.lstrip("/") / name for layer in self.storage.image_layers(image)]
            return [path for path in paths if path.exists()]
        return []

    @property
    def clones(self) -> bool:
        """Whether a copy shares the blocks of what it was copied from, so that its first write pays for them."""
        return self.stand.backing.file_system_name in ("xfs", "btrfs")

    @property
    def own_kernel(self) -> bool:
        """Whether nothing but the lane runs on its kernel, so that numbers of the whole machine are the lane's."""
        return self.stand.machine.own_kernel("").met

    # --- containers, and programs in them

    def container(self, image: str = "", **settings: Any) -> Container:
        """An own container, running."""
        return self.containers.run(image, **settings)

    def process(self, container: Container, directory: str = "/") -> Process:
        """A process in it; its calls are not kept as evidence."""
        return container.process(directory, Evidence())

    @property
    def copies_up(self) -> bool:
        """Whether the driver has an upper directory that is empty until something is changed."""
        return bool(COPY_UP in self.features) and not self.stand.native

    def fresh(self, image: str, then: Callable[[Process], None] = lambda fs: None) -> Fresh:
        """A container for `before=`, replaced by a new one before every row."""
        return Fresh(self, image, then)

    def tool(self, program: str, *arguments: str) -> list[str]:
        """What runs a program of the toolbox in a container. Raises Precondition where it is missing."""
        if program not in self.stand.toolbox.programs:
            raise Precondition(f"needs {program}: apt-get install {PROGRAMS[program]}")
        return self.stand.toolbox.command(program, *arguments)

    def software(self, program: str, *arguments: str) -> list[str]:
        """What runs a program of Debian in a container, see Software. Raises Precondition where it cannot be had."""
        return self._software().command(program, *arguments)

    def close(self) -> None:
        """Remove what was made."""
        self.containers.close()
        every = [self.outside, *map(self.on_volume, SIDES)]
        self.stand.home.run(["rm", "-r", "-f", *map(self.stand.home.inside, every)], 300)


class Fresh:
    """A container that is replaced by a new one of the same image before every row, and a process in it.

    What lies on the volume is made anew with it, so that the first change of a row is the first one on every side.
    One baseline is made before the container and one behind it, in turn: what is younger is closer to the processor.
    `then` prepares it, outside of what is measured. Nothing is pending when the row begins.
    """

    def __init__(self, ground: Ground, image: str, then: Callable[[Process], None]) -> None:
        self._ground = ground
        self._image = image
        self._then = then
        self.container: Container | None = None
        self._baselines: tuple[Side, Side] = "baseline", "again"

    def __call__(self) -> None:
        if self.container is not None:
            self.container.remove()
        first, last = self._baselines
        self._baselines = last, first
        self._ground.renew(first)
        self.container = self._ground.container(self._image)
        self._ground.renew(*(("arm", last) if "arm" in self._ground.plain else (last,)))
        self.fs = self._ground.process(self.container)
        self._then(self.fs)
        self._ground.settle()

    def copied_up(self, *names: str) -> Guards:
        """A guard: what was measured last has put these files into the writable layer, where there is copy-up."""
        if not self._ground.copies_up or self.container is None:
            return {}
        storage, container = self._ground.storage, self.container
        return {rules.COPIED_UP: all(storage.upper(container, name).exists() for name in names)}
