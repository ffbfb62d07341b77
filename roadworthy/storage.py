"""The machine's view of a lane: layer directories, the mount table, and what an operation cost on the backing."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from roadworthy.drivers import Driver
from roadworthy.engines.containers import Container
from roadworthy.engines.dockerd import Dockerd
from roadworthy.machines.backing import Backing
from roadworthy.verdicts import Unsupported


@dataclass
class Growth:
    """What the backing file system grew by while a block ran. Bytes include the file system's own."""

    bytes: int = 0
    inodes: int = 0

    def __str__(self) -> str:
        return f"{self.bytes / (1 << 20):.1f} MiB"


class Storage:
    """Looks at the data root from outside the containers. Paths are as this host reaches them."""

    def __init__(self, driver: Driver, backing: Backing, engine: Dockerd, image: str, place: str) -> None:
        self._driver = driver
        self._engine = engine
        self._image = image
        self._place = place
        self.backing = backing

    @property
    def data_root(self) -> Path:
        return self.backing.path(str(self._engine.data_root.relative_to(self.backing.mountpoint)))

    def upper(self, container: Container, name: str = "") -> Path:
        """A path of the check's directory in the container's writable layer; it need not exist."""
        return self.writable_layer(container) / self._place.lstrip("/") / name

    def writable_layer(self, container: Container) -> Path:
        return self._driver.writable_layer(self.data_root, container.inspect())

    def lower(self, name: str = "", layer: int = 0) -> Path:
        """A path of the check's directory in one layer of the image, counted from the lowest."""
        return self.image_layers()[layer] / self._place.lstrip("/") / name

    def image_layers(self, image: str = "") -> list[Path]:
        """The image's layer directories, the lowest first."""
        digests = self._engine.client.images.get(image or self._image).attrs["RootFS"]["Layers"]
        return [self._driver.image_layer(self.data_root, chain) for chain in chain_ids(digests)]

    @contextmanager
    def growth(self) -> Iterator[Growth]:
        """Measure what the block makes the backing grow by."""
        growth = Growth()
        before, inodes = self.backing.used_bytes(), self.backing.used_inodes()
        yield growth
        growth.bytes = self.backing.used_bytes() - before
        growth.inodes = self.backing.used_inodes() - inodes

    @contextmanager
    def device_work(self) -> Iterator[dict[str, int]]:
        """What the backing's block device does while the block runs, after everything pending has been written."""
        self.backing.used_bytes()
        before = self.backing.device_counters()
        if not before:
            raise Unsupported(f"{self.backing.name} has no block device whose work could be counted")
        work = dict.fromkeys(before, 0)
        yield work
        work.update({name: value - before[name] for name, value in self.backing.device_counters().items()})

    def engine_mounts(self) -> list[str]:
        """The daemon's mount table, lines of mountinfo."""
        return Path(f"/proc/{self._engine.daemon_pid()}/mountinfo").read_text().splitlines()


def chain_ids(digests: list[str]) -> list[str]:
    """Chain ids of a row of diff ids, see the OCI image-spec, config.md, "Layer ChainID"."""
    chains: list[str] = []
    for digest in digests:
        joined = f"{chains[-1]} {digest}" if chains else ""
        chains.append(f"sha256:{hashlib.sha256(joined.encode()).hexdigest()}" if chains else digest)
    return chains


def form_on_disk(path: Path) -> str:
    """What lies at `path`, in the words that a driver file uses: `nothing`, `character device 0:0`, `.wh. file`, …"""
    if (path.parent / f".wh.{path.name}").exists():
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
