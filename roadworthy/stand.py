"""A lane that is up: capsule, backing, daemon, image and containers, with everything that it took written down."""

from __future__ import annotations

import gzip
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from docker.errors import DockerException

from roadworthy.checks import Declared
from roadworthy.deviations import Facts, parameters, version
from roadworthy.drivers import Driver
from roadworthy.drivers.native import Native
from roadworthy.engines.containers import SKELETON, VOLUME, Container, Containers
from roadworthy.engines.dockerd import Dockerd, EngineFailed
from roadworthy.evidence import Evidence
from roadworthy.exchange import AgentFault, CallHung
from roadworthy.lanes import Lane
from roadworthy.layers import Directory, Entry, SparseFile, flattened, layer_tar, write_archive
from roadworthy.machines.backing import GIB, RECIPES, Backing
from roadworthy.machines.guest_host import GuestHost
from roadworthy.machines.guest_path import GuestPath
from roadworthy.machines.host import Host, Requirement
from roadworthy.machines.place import Place
from roadworthy.preparation import lay_out_through
from roadworthy.reasons import MachineLost, Precondition, Unsupported
from roadworthy.site import Site
from roadworthy.storage import Storage
from roadworthy.toolbox import Toolbox, fio_version, toolbox
from roadworthy.trees import lay_out
from roadworthy.verdicts import first_line

IMAGE = "roadworthy:lane"
#: Bytes of a backing image file; sparse, so it costs what is written.
BACKING_SIZE = 8 * GIB
Stage = Callable[[str], AbstractContextManager[None]]


def requirements(lane: Lane, machine: Host) -> Iterator[Requirement]:
    """Everything that a lane needs of this machine, the first unmet one being its reason."""
    yield from lane.driver.requirements(machine)
    if lane.backing not in ("zfs",):
        yield machine.filesystem(lane.backing)
    yield machine.privilege()
    yield machine.command("dockerd", "docker.io")
    yield machine.command("runc", "runc")
    recipe = RECIPES.get(lane.backing)
    if recipe is not None and recipe.mkfs:
        yield machine.command(recipe.mkfs[0], recipe.package)


def refuse_unmet(lane: Lane, machine: Host) -> None:
    """Raise Unsupported for what this kernel or engine has not, Precondition for what the user can mend."""
    for need in requirements(lane, machine):
        if not need.met:
            raise (Precondition if need.host else Unsupported)(need.reason)
    removed = lane.driver.removed_in
    if removed and version(lane.engine.removeprefix("docker")) >= version(removed):
        raise Unsupported(f"{lane.driver.name} is not shipped by this engine: removed in Docker {removed}")
    first = lane.driver.first_in
    if first and version(lane.engine.removeprefix("docker")) < version(first):
        raise Unsupported(f"{lane.driver.name} is not in this engine: it came with Docker {first}")


@dataclass
class Stand:
    """A running lane."""

    lane: Lane
    machine: Host
    home: Place
    backing: Backing
    engine: Dockerd
    toolbox: Toolbox
    volume: Path
    image: str = IMAGE
    keep: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    shared: dict[frozenset[str], Container] = field(default_factory=dict)
    #: Why no further check can be asked, once that is so.
    lost: EngineFailed | None = None

    @property
    def native(self) -> bool:
        """Whether the trees lie on the volume instead of in the image."""
        return isinstance(self.lane.driver, Native)

    def container(self, capabilities: frozenset[str] = frozenset()) -> Container:
        """The container that checks with these capabilities share; started at its first use."""
        if capabilities not in self.shared:
            with timed(self.seconds, "container"):
                made = Container(
                    self.engine, self.toolbox, self.volume, self.image, cap_add=sorted(capabilities)
                ).start()
                made.exchange()
            self.shared[capabilities] = made
        return self.shared[capabilities]

    def recovered(self, broken: BaseException | None, capabilities: frozenset[str]) -> BaseException | None:
        """What really broke a check. The lane is made usable for the next one; where that cannot be, it is `lost`.

        A machine that does not answer any more is MachineLost, which is for the session to mend.
        """
        silent = isinstance(broken, AgentFault | CallHung | DockerException | OSError)
        if silent and isinstance(self.machine, GuestHost) and not self.machine.guest.answers():
            return MachineLost(*self.machine.guest.diagnose())
        try:
            if not self.engine.alive():
                broken = EngineFailed(f"dockerd died: {self.engine.last_words()}")
                self.shared.clear()
                self.engine.start()
            elif isinstance(broken, AgentFault | CallHung):
                self.replace_container(capabilities)
        except (AgentFault, CallHung, EngineFailed, DockerException, OSError) as reason:
            if isinstance(self.machine, GuestHost) and not self.machine.guest.answers():
                return MachineLost(*self.machine.guest.diagnose())
            self.lost = EngineFailed(f"the lane could not be brought back after a check: {first_line(reason)}")
        return broken

    def become(self, other: Stand) -> None:
        """Go on as another stand of the same lane: fixtures hold on to this object."""
        self.__dict__.clear()
        self.__dict__.update(other.__dict__)

    def replace_container(self, capabilities: frozenset[str]) -> None:
        """Throw away a container whose agent died or hangs; the next check gets a fresh one."""
        gone = self.shared.pop(capabilities, None)
        if gone is not None:
            gone.remove()

    def place(self, check: Declared) -> str:
        """The check's directory, as its containers see it."""
        on_volume = self.native or check.provenance == "volume"
        return f"{VOLUME}/c/{check.slug}" if on_volume else f"/c/{check.slug}"

    def containers(self, check: Declared, evidence: Evidence) -> Containers:
        """Own containers of one check."""
        return Containers(self.engine, self.toolbox, self.volume, self.image, evidence, self.place(check))

    def storage(self, check: Declared) -> Storage:
        return Storage(self.lane.driver, self.backing, self.engine, self.image, self.place(check))

    @cached_property
    def engine_said(self) -> Mapping[str, Any]:
        """What `docker version` says; asked once, because a daemon that died does not answer."""
        return dict(self.engine.client.version())

    @cached_property
    def overlay_parameters(self) -> Mapping[str, str]:
        """The overlay module's parameters, as conditions name them; asked once, a guest is far away."""
        return parameters(self.machine.module_parameters("overlay"))

    def deviation_facts(self, provenance: str) -> Facts:
        """What the conditions of deviations are asked about."""
        return Facts(
            driver=self.lane.driver.name,
            backing=self.lane.backing,
            engine="docker",
            engine_version=version(str(self.engine_said["Version"])),
            kernel_version=version(self.machine.release),
            provenance=provenance,
            parameters=self.overlay_parameters,
        )

    def facts(self) -> dict[str, Any]:
        """Exact facts of the lane, for the bundle."""
        found = self.engine_said
        info = self.engine.info()
        components = {part["Name"]: part["Version"] for part in found.get("Components", [])}
        root = next((line for line in self.container().mounts() if line.split()[4] == "/"), "")
        return {
            "engine": {"version": found["Version"], "api": found["ApiVersion"], **components},
            "driver": {"name": info["Driver"], "status": dict(info["DriverStatus"] or [])},
            "backing": self.backing.facts(),
            "kernel": self.machine.facts(),
            "container root": root,
            "cgroup driver": info.get("CgroupDriver", ""),
            "toolbox": {"python": sys.version.split()[0], "fio": fio_version()},
            "host": {"processors": os.cpu_count(), "memory": info.get("MemTotal")},
        }

    def close(self) -> None:
        """Stop everything and remove what was made; what does not go stays in the ledger for the reaper."""
        if self.keep:
            return
        for container in self.shared.values():
            container.forget_agent()
        self.engine.client.close()


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add what the block takes to `seconds[stage]`."""
    begun = time.monotonic()
    try:
        yield
    finally:
        seconds[stage] = seconds.get(stage, 0.0) + time.monotonic() - begun


@contextmanager
def daemon(
    site: Site,
    machine: Host,
    driver: Driver,
    backing_name: str,
    options: Sequence[str] = (),
    stage: Stage = lambda _: nullcontext(),
    size: int = BACKING_SIZE,
    extra: Sequence[str] = (),
) -> Iterator[tuple[Place, Backing, Dockerd]]:
    """A private daemon with a storage driver on a fresh backing, gone with the block (unless the run is kept)."""
    with stage(f"making {backing_name}"):
        place = machine.place(site)
        try:
            backing = Backing(backing_name, place, size)
        except BaseException:
            place.close()
            raise
    try:
        with stage("starting dockerd"):
            if site.mutant is not None:
                extra = [*extra, *site.mutant.arm(place)]
            engine = Dockerd(place, backing, driver, options, site.cgroup, extra)
        yield place, backing, engine
    finally:
        place.close()


def confirm(lane: Lane, backing: Backing, engine: Dockerd) -> None:
    """Raise EngineFailed where the daemon uses another driver or file system than the lane says."""
    info = engine.info()
    if info["Driver"] != lane.driver.daemon_name:
        raise EngineFailed(f"dockerd runs {info['Driver']} where {lane.driver.daemon_name} was asked for")
    reported = dict(info["DriverStatus"] or []).get("Backing Filesystem")
    if reported not in (None, "<unknown>", backing.recipe.reported):
        raise EngineFailed(f"dockerd reports {reported} as backing file system, the lane has {backing.name}")
    found = backing.file_system("docker")
    if found != backing.name:
        raise EngineFailed(f"the data root lies on {found}, the lane has {backing.name}")


@contextmanager
def bring_up(
    lane: Lane, checks: Sequence[Declared], machine: Host, site: Site, stage: Stage = lambda _: nullcontext(),
    size: int = BACKING_SIZE,
) -> Iterator[Stand]:  # fmt: skip
    """The lane, running, with the trees of `checks` in its image (or, for `native`, on its volume)."""
    refuse_unmet(lane, machine)
    seconds: dict[str, float] = {}

    @contextmanager
    def staged(name: str) -> Iterator[None]:
        kind = {"making": "backing", "starting": "daemon"}.get(name.split()[0], name.split()[-1])
        with stage(name), timed(seconds, kind):
            yield

    with staged("making the toolbox"):
        tools = toolbox()
    options = lane.driver.storage_options(dict(lane.options))
    with daemon(site, machine, lane.driver, lane.backing, options, staged, size) as (place, backing, engine):
        confirm(lane, backing, engine)
        volume = backing.mountpoint / "volume"
        backing.path("volume").mkdir()
        stand = Stand(lane, machine, place, backing, engine, tools, volume, keep=site.keep, seconds=seconds)
        with staged("loading the image"):
            load_trees(stand, checks)
            if site.mutant is not None:
                site.mutant.sabotage(stand)
        with stage("starting the container"):
            stand.container()
        try:
            yield stand
        finally:
            stand.close()


def load_trees(stand: Stand, checks: Sequence[Declared]) -> None:
    """Put every check's trees where its containers find them."""
    in_image: list[dict[str, Entry]] = [dict(SKELETON)]
    on_volume: dict[str, Entry] = {"c": Directory()}
    for check in checks:
        trees = check.image_trees()
        if stand.native or check.provenance == "volume":
            on_volume.update(flattened(check.volume_trees()))
            continue
        for depth, tree in enumerate(trees):
            if depth == len(in_image):
                in_image.append({})
            in_image[depth].update(tree)
    root = stand.backing.path("volume")
    if isinstance(root, GuestPath):
        assert isinstance(stand.machine, GuestHost)
        lay_out_through(stand.machine.process(root), on_volume)
    else:
        lay_out(on_volume, root)
    archive = io.BytesIO()
    write_archive(archive, stand.image, [layer_tar(tree) for tree in in_image])
    # A guest's network is slow, and what checks put into layers packs well.
    packed = gzip.compress(archive.getvalue(), 1) if isinstance(root, GuestPath) else archive.getvalue()
    stand.engine.client.images.load(packed)
    if not stand.native:
        dig_holes(stand, in_image)


def dig_holes(stand: Stand, trees: Sequence[dict[str, Entry]]) -> None:
    """Make the sparse files of the image sparse again: an image archive carries their holes as zeroes."""
    sparse = [(depth, path) for depth, tree in enumerate(trees) for path, value in tree.items()
              if isinstance(value, SparseFile)]  # fmt: skip
    if not sparse:
        return
    storage = Storage(stand.lane.driver, stand.backing, stand.engine, stand.image, "/")
    try:
        layers = storage.image_layers()
    except Unsupported:
        return  # layers that are no directories keep what the archive had
    for depth, path in sparse:
        # Drivers that copy or snapshot whole trees have the file in every layer from there on.
        for layer in layers[depth:]:
            if (layer / path).is_file():
                before, file = (layer / path).stat(), stand.home.inside(layer / path)
                seconds, nanoseconds = divmod(before.st_mtime_ns, 10**9)
                stand.home.run(["fallocate", "--dig-holes", file])
                stand.home.run(["touch", "--no-create", f"--date=@{seconds}.{nanoseconds:09d}", file])
