"""A lane seen from its machine: layer directories, the mount table, and what an operation cost on the backing."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from roadworthy.deadline import wait_until
from roadworthy.declaring.features import PLAIN_FILES
from roadworthy.declaring.places import VOLUME
from roadworthy.drivers import Driver
from roadworthy.engines.containers import Container
from roadworthy.engines.engine import Engine
from roadworthy.machines.backing import Backing
from roadworthy.machines.place import PlacePath
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Unsupported

#: The prefix of a whiteout's name, if the driver marks removals by names.
MARK = ".wh."

#: Print what a machine has in use, see proc(5); a process may end meanwhile.
STANDING = """
echo mounts $(wc -l </proc/self/mountinfo)
echo processes $(ls -d /proc/[0-9]* | wc -l)
echo descriptors $(ls /proc/[0-9]*/fd 2>/dev/null | grep -c '^[0-9]')
echo sockets $(ls /run/containerd/s 2>/dev/null | wc -l)
echo memory $(cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '$1 == "Pss:" { sum += $2 } END { print sum * 1024 }')
"""


@dataclass
class Growth:
    """The growth of the backing file system while a block ran. Bytes include the file system's own metadata."""

    bytes: int = 0
    inodes: int = 0

    def __str__(self) -> str:
        return f"{self.bytes / (1 << 20):.1f} MiB"


class Storage:
    """Looks at the data root from outside the containers. Paths are as this host reaches them."""

    def __init__(self, driver: Driver, backing: Backing, engine: Engine, image: str, place: str) -> None:
        self._driver = driver
        self._engine = engine
        self._image = image
        self._place = place
        self.backing = backing

    def __repr__(self) -> str:
        return f"<storage of {self._driver.name} on {self.backing.name}>"

    @property
    def data_root(self) -> PlacePath:
        return self._engine.root

    def upper(self, container: Container, name: str = "") -> PlacePath:
        """A path of the check's directory in the container's writable layer; it need not exist."""
        return self.writable_layer(container) / self._place.lstrip("/") / name

    def writable_layer(self, container: Container) -> PlacePath:
        return self._driver.writable_layer(self._engine, container.inspect())

    def lower(self, name: str = "", layer: int = 0) -> PlacePath:
        """A path of the check's directory in one layer of the image, counted from the lowest."""
        return self.image_layers()[layer] / self._place.lstrip("/") / name

    def image_layers(self, image: str = "") -> list[PlacePath]:
        """The image's layer directories, the lowest first."""
        digests = self._engine.client.images.get(image or self._image).attrs["RootFS"]["Layers"]
        return [self._driver.image_layer(self._engine, chain) for chain in chain_ids(digests)]

    @contextmanager
    def layers_at_hand(self, writable: bool = False) -> Iterator[list[PlacePath]]:
        """Yield the image's layer directories, the lowest first, mounted if the driver mounts layers only for use."""
        digests = self._engine.client.images.get(self._image).attrs["RootFS"]["Layers"]
        with self._driver.layers_at_hand(self._engine, chain_ids(digests), writable) as found:
            yield found

    def descent(self, container: Container) -> list[tuple[str, str]]:
        """The image's layers, the lowest first, and the container's: each by a name of its own, with its origin's."""
        digests = self._engine.client.images.get(self._image).attrs["RootFS"]["Layers"]
        return self._driver.descent(self._engine, chain_ids(digests), container.inspect())

    def overlay_parameter(self, name: str) -> bool:
        """Whether a parameter of the kernel's overlay module is on."""
        found = self._engine.place.path(f"/sys/module/overlay/parameters/{name}")
        return found.exists() and found.read_text().strip() == "Y"

    def status(self, field: str) -> str:
        """A field of docker info below the driver's name. Raises Unsupported if the driver documents none such."""
        if field not in self._driver.info_fields:
            raise Unsupported(f"this driver has no {field!r} in docker info")
        return str(dict(self._engine.info()["DriverStatus"] or []).get(field, "not said"))

    def pool_files(self) -> list[os.stat_result]:
        """The status of the files that a pool lies in: data and metadata. Raises Unsupported if it lies on a disk."""
        if self.backing.pool:
            raise Unsupported("the pool lies on a disk")
        return [(self.data_root / "devicemapper/devicemapper" / name).stat() for name in ("data", "metadata")]

    def pool_disk(self) -> str:
        """The block device that the pool of the layers lies on. Raises Unsupported if it lies in files."""
        if not self.backing.pool:
            raise Unsupported("the pool lies in files")
        pool = dict(self._engine.info()["DriverStatus"])["Pool Name"]
        said = self._engine.place.run(["lsblk", "--inverse", "--noheadings", "--paths", "--list", "--output=NAME,TYPE",
                                       f"/dev/mapper/{pool}"])  # fmt: skip
        return next(line.split()[0] for line in said.splitlines() if line.split()[1] == "disk")

    def form(self, container: Container, name: str) -> str:
        """What lies at a path of the check's directory in the container's writable layer, in words."""
        return form_on_disk(self.upper(container, name))

    def mark(self, container: Container, name: str) -> PlacePath:
        """The file of the writable layer that stands for the removal of a path of the check's directory."""
        place = self.upper(container, name)
        beside = place.parent / f"{MARK}{place.name}"
        return beside if beside.exists() else place

    def opaque_form(self, container: Container, name: str) -> str:
        """How a directory of the writable layer is marked as opaque, or `no mark`."""
        directory = self.upper(container, name)
        names = [mark for mark in sorted(directory.listxattr()) if mark.endswith("opaque")]
        marks = [f"{mark}={directory.getxattr(mark).decode()}" for mark in names]
        marks += [f"{file.name} file" for file in directory.glob(".wh..wh..opq")]
        return ", ".join(marks) or "no mark"

    def lengthen(self, name: str, size: int, tail: bytes) -> None:
        """Give a file of the check's directory a hole and a tail, in the image's layers or on the volume.

        Raises Unsupported if containers are copies of their image, which may write holes out.
        """
        if PLAIN_FILES in self._driver.features and not self._place.startswith(VOLUME):
            raise Unsupported("each container is a copy of its image, and this disk is too small for several")
        script = 'truncate --size="$1" "$2"; printf %s "$3" >>"$2"'
        for file in self._files(name):
            self._engine.place.run(["sh", "-ec", script, "sh", str(size - len(tail)), file, tail.decode()])

    def set_file_flags(self, name: str, flags: str) -> None:
        """chattr(1) on a file of the check's directory, in every layer of the image that has it or on the volume."""
        self._engine.place.run(["chattr", flags, *self._files(name)])

    def _files(self, name: str) -> list[str]:
        """A file of the check's directory, as the place sees it, in every layer that has it or on the volume."""
        place = f"{self._place.lstrip('/')}/{name}"
        on_volume = self._place.startswith(VOLUME)
        if self._driver.sealed_layers and not on_volume:
            raise Unsupported(self._driver.sealed_layers)
        roots = [self.backing.path()] if on_volume else self.image_layers()
        return [self._engine.place.inside(root / place) for root in roots if (root / place).exists()]

    def repeated(self, name: str, older: int, newer: int) -> str:
        """What a newer layer of the image has of a file of an older one: `none`, `hard link`, `snapshot` or `copy`."""
        with self.layers_at_hand() as layers:
            first, second = (layers[at] / self._place.lstrip("/") / name for at in (older, newer))
            if not second.exists():
                return "none"
            one, other = first.stat(), second.stat()
        if (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino):
            return "hard link"
        return "snapshot" if one.st_ino == other.st_ino else "copy"

    def fingerprint(self) -> str:
        """A SHA-256 of what the image's layers hold in the check's directory: names, status, attributes, contents.

        Access times are left out, as are change times, which a new hard link to a file of another layer updates.
        """
        summed = hashlib.sha256()
        with self.layers_at_hand() as layers:
            for layer in layers:
                place = layer / self._place.lstrip("/")
                for path in sorted([place, *place.rglob("*")], key=str):
                    add_file(summed, path)
        return summed.hexdigest()

    def file_flags(self, path: PlacePath) -> str:
        """The letters of lsattr(1) for a file in a layer; empty if the file system has no flags."""
        try:
            said = self._engine.place.run(["lsattr", "-d", self._engine.place.inside(path)])
        except ProgramFailed:
            return ""
        return said.split()[0].replace("-", "")

    def on_host(self, path: str) -> PlacePath:
        """A path of the machine itself, as the daemon sees it.

        It is not taken from the daemon's own root: Podman 6 leaves its first thread in the root of a container that a
        file was copied to.
        """
        return self._engine.place.path(path)

    def find(self, name: str) -> list[str]:
        """Where a file of this name lies below the data root, whatever layer or mount it belongs to."""
        root = str(self.data_root)
        return [str(path).removeprefix(f"{root}/") for path in self.data_root.rglob(name)]

    def lower_directories(self, container: Container) -> list[str]:
        """The lower directories of a running container's root, the highest first; empty if none can be seen."""
        root = next(line for line in container.mounts() if line.split()[4] == "/")
        return self._driver.lower_directories(self._engine, root, container.inspect())

    def committed(self) -> int:
        """How many names there are where a commit makes some before it is over."""
        places = [self.data_root / name for name in self._driver.committed_to or self._driver.layout]
        return sum(1 for place in places if place.is_dir() for _ in place.iterdir())

    def layer_mounts(self) -> list[str]:
        """Mount points of the daemon's mount table that are containers' root file systems."""
        below = f"{self._engine.data_root}/{self._driver.mount_directory}/"
        return [line.split()[4] for line in self.engine_mounts() if line.split()[4].startswith(below)]

    def standing(self, before: Mapping[str, int], seconds: float = 20.0) -> dict[str, int]:
        """What is in use where the daemon runs: mounts, processes, descriptors, sockets, and bytes of memory and disk.

        Waits for what ends in the background until mounts and processes are no more than `before`, for `seconds`.
        """
        found: dict[str, int] = {}

        def settled() -> bool:
            lines = self._engine.place.run(["sh", "-c", STANDING]).splitlines()
            found.update((name, int(number)) for name, number in (line.split() for line in lines))
            return all(found[name] <= before[name] for name in ("mounts", "processes") if name in before)

        with suppress(TimeoutError):
            wait_until(settled, seconds, "processes and mounts to end")
        return {**found, "disk": self.backing.used_bytes()}

    def settles(self, limit: int, seconds: float = 40.0) -> int:
        """Wait until no more than `limit` bytes of the backing are in use, for deletions that end in the background.

        Returns the bytes in use then, or after `seconds`.
        """
        with suppress(TimeoutError):
            wait_until(lambda: self.backing.used_bytes() <= limit, seconds, "deletions to end")
        return self.backing.used_bytes()

    def given_back(self, wanted: int, seconds: float = 40.0) -> int:
        """Trim the backing until it has given `wanted` bytes back to its device, as deletions end in the background.

        Returns the bytes that it has given back then, or after `seconds`. Raises Unsupported.
        """
        given = 0

        def enough() -> bool:
            nonlocal given
            given += self.backing.trim()
            return given >= wanted

        with suppress(TimeoutError):
            wait_until(enough, seconds, "deleted blocks to be given back")
        return given

    @contextmanager
    def growth(self) -> Iterator[Growth]:
        """Measure how much the backing grows while the block runs."""
        growth = Growth()
        before, inodes = self.backing.used_bytes(), self.backing.used_inodes()
        yield growth
        growth.bytes = self.backing.used_bytes() - before
        growth.inodes = self.backing.used_inodes() - inodes

    @contextmanager
    def inode_growth(self) -> Iterator[Growth]:
        """Measure the inodes that the block takes. Raises Unsupported if the backing does not count them."""
        if not self.backing.used_inodes():
            raise Unsupported(f"{self.backing.name} does not count inodes")
        with self.growth() as growth:
            yield growth

    @contextmanager
    def data_root_growth(self) -> Iterator[Growth]:
        """Measure the inodes that the block takes of the data root's file system. Raises Unsupported if none count."""
        if not self.backing.data_root_inodes():
            raise Unsupported(f"{self.backing.name} does not count inodes")
        growth = Growth()
        self.backing.settle()
        before = self.backing.data_root_inodes()
        yield growth
        self.backing.settle()
        growth.inodes = self.backing.data_root_inodes() - before

    @contextmanager
    def device_work(self) -> Iterator[dict[str, int]]:
        """Count what the backing's block device does while the block runs, after pending writes. Raises Unsupported."""
        self.backing.settle()
        before = self.backing.device_counters()
        if not before:
            raise Unsupported(f"{self.backing.name} has no block device whose work could be counted")
        work = dict.fromkeys(before, 0)
        yield work
        work.update({name: value - before[name] for name, value in self.backing.device_counters().items()})

    def engine_mounts(self) -> list[str]:
        """The daemon's mount table, lines of mountinfo."""
        return self._engine.mounts()


def chain_ids(digests: list[str]) -> list[str]:
    """The chain ids of a list of diff ids, see the OCI image-spec, config.md, "Layer ChainID"."""
    chains: list[str] = []
    for digest in digests:
        joined = f"{chains[-1]} {digest}" if chains else ""
        chains.append(f"sha256:{hashlib.sha256(joined.encode()).hexdigest()}" if chains else digest)
    return chains


def add_file(summed: hashlib._Hash, path: PlacePath) -> None:
    """Add the path, status, attributes and content of a file to a digest; a missing file adds nothing."""
    if not path.lexists():
        return
    seen = path.lstat()
    names = sorted(path.listxattr(follow_symlinks=False))
    attributes = [(name, path.getxattr(name, follow_symlinks=False)) for name in names]
    known = (str(path), seen.st_mode, seen.st_uid, seen.st_gid, seen.st_size, seen.st_mtime_ns, attributes)
    summed.update(repr(known).encode())
    if stat.S_ISREG(seen.st_mode):
        summed.update(path.read_bytes())


def form_on_disk(path: PlacePath) -> str:
    """Name what lies at `path` in the words of the driver files: `nothing`, `character device 0:0`, `.wh. file`, …"""
    if (path.parent / f"{MARK}{path.name}").exists():
        return ".wh. file"
    try:
        found = path.lstat()
    except FileNotFoundError:
        return "nothing"
    if stat.S_ISCHR(found.st_mode):
        return f"character device {os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    return {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}.get(
        stat.S_IFMT(found.st_mode), "special file"
    )
