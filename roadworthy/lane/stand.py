"""A lane that is up: capsule, backing, daemon, image and containers, with everything that it took written down."""

from __future__ import annotations

import gzip
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from docker.errors import DockerException

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.exchange import AgentFault, CallHung
from roadworthy.calls.preparation import lay_out_through
from roadworthy.calls.toolbox import Toolbox, fio_version, toolbox
from roadworthy.declaring.checks import Declared
from roadworthy.declaring.features import Feature
from roadworthy.drivers import Driver
from roadworthy.drivers.native import Native
from roadworthy.engines import engine_kind
from roadworthy.engines.containers import SKELETON, SOFTWARE, VOLUME, Container, Containers
from roadworthy.engines.engine import Engine, EngineFailed
from roadworthy.guests.machine import GuestHost
from roadworthy.guests.path import GuestPath
from roadworthy.lane.lanes import Lane
from roadworthy.lane.software import Software, software
from roadworthy.lane.storage import Storage
from roadworthy.machines.backing import GIB, RECIPES, Backing, fresh
from roadworthy.machines.host import Host, Requirement
from roadworthy.machines.place import Place, PlacePath
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import MachineLost, Precondition, Unsupported
from roadworthy.trees.layers import Directory, Entry, SparseFile, entry, flattened, layer_tar, write_archive
from roadworthy.trees.on_disk import lay_out
from roadworthy.upkeep.site import Site
from roadworthy.verdict.deviations import Facts, parameters, version
from roadworthy.verdict.judge import first_line
from roadworthy.verdict.reference import Reference

IMAGE = "roadworthy:lane"
#: Bytes of a backing image file; sparse, so it costs what is written.
BACKING_SIZE = 8 * GIB
Stage = Callable[[str], AbstractContextManager[None]]


def requirements(lane: Lane, machine: Host) -> Iterator[Requirement]:
    """Everything that a lane needs of this machine, the first unmet one being its reason."""
    yield from lane.driver.requirements(machine)
    recipe = RECIPES[lane.backing]
    yield machine.filesystem(recipe.file_system or lane.backing)
    if recipe.leaves:
        yield machine.own_kernel(recipe.leaves)
    yield machine.privilege()
    for name, package in engine_kind(lane.engine).programs:
        yield machine.command(name, package)
    if recipe.mkfs:
        yield machine.command(recipe.mkfs[0], recipe.package)


def lacking(lane: Lane) -> str:
    """Why the lane's engine has not its driver, or nothing where it has."""
    removed, first = lane.driver.removed_in, lane.driver.first_in
    if removed and version(lane.engine.removeprefix("docker")) >= version(removed):
        return f"{lane.driver.name} is not shipped by this engine: removed in Docker {removed}"
    if first and version(lane.engine.removeprefix("docker")) < version(first):
        return f"{lane.driver.name} is not in this engine: it came with Docker {first}"
    return ""


def refuse_unmet(lane: Lane, machine: Host) -> None:
    """Raise Unsupported for what this kernel or engine has not, Precondition for what the user can mend."""
    if sentence := lacking(lane):
        raise Unsupported(sentence)
    # Of a driver that the engine has not, nobody wants to know what else it would take.
    for need in requirements(lane, machine):
        if not need.met:
            raise (Precondition if need.host else Unsupported)(need.reason)


@dataclass
class Stand:
    """A running lane."""

    lane: Lane
    machine: Host
    home: Place
    backing: Backing
    engine: Engine
    toolbox: Toolbox
    volume: Path
    image: str = IMAGE
    keep: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    shared: dict[frozenset[str], Container] = field(default_factory=dict)
    programs: Software | None = None
    #: Compares the trees that checks leave, where that is wanted.
    reference: Reference | None = None
    #: Which asking of the checks this is, counted from 1.
    round: int = 1
    #: Why no further check can be asked, once that is so.
    lost: EngineFailed | None = None

    @property
    def native(self) -> bool:
        """Whether the trees lie on the volume instead of in the image."""
        return isinstance(self.lane.driver, Native)

    @property
    def features(self) -> Feature:
        """What the driver and the engine have."""
        return self.lane.driver.features | self.engine.features

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
                broken = EngineFailed(f"{self.engine.program} died: {self.engine.last_words()}")
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

    def compare_trees(self) -> None:
        """From now on, compare the trees that checks leave with the reference's."""
        self.reference = Reference(self.backing.path("volume"), self.lane.driver.links_layers)

    def begin_round(self, checks: Sequence[Declared], turn: int) -> None:
        """Ask the checks once more as if for the first time: fresh containers, and image and volume made anew.

        The layers are no more what they were: fuse-overlayfs, say, moves the access times of files in them.
        """
        for container in self.shared.values():
            container.remove()
        self.shared.clear()
        here, old = self.backing.path("volume"), self.backing.path(f"volume.round{self.round}")
        self.home.run(["mv", self.home.inside(here), self.home.inside(old)])
        here.mkdir()
        programs = PurePosixPath(SOFTWARE).relative_to(VOLUME)
        if (old / programs).is_dir():
            self.home.run(["mv", self.home.inside(old / programs), self.home.inside(here)])
        with suppress(ProgramFailed):  # what a check has made immutable stays, out of the way
            self.home.run(["rm", "-rf", self.home.inside(old)])
        self.engine.client.images.remove(self.image, force=True)
        load_trees(self, checks)
        self.round = turn

    def place(self, check: Declared) -> str:
        """The check's directory, as its containers see it."""
        on_volume = self.native or check.provenance == "volume"
        return f"{VOLUME}/c/{check.slug}" if on_volume else f"/c/{check.slug}"

    def refuse_holes(self, check: Declared) -> None:
        """Raise Unsupported where the image would have holes that can neither be loaded nor made afterwards."""
        sealed = self.lane.driver.sealed_layers
        in_image = () if self.native or check.provenance == "volume" else check.image_trees()
        if sealed and any(isinstance(found, SparseFile) for tree in in_image for found in tree.values()):
            raise Unsupported(sealed)

    def containers(self, check: Declared, evidence: Evidence) -> Containers:
        """Own containers of one check."""
        return Containers(self.engine, self.toolbox, self.volume, self.image, evidence, self.place(check))

    def storage(self, check: Declared) -> Storage:
        return Storage(self.lane.driver, self.backing, self.engine, self.image, self.place(check))

    def software(self, accept_expired: bool, stage: Stage) -> Software:
        """Real programs for this lane's containers; put onto its volume at the first use."""
        if self.programs is None:
            with timed(self.seconds, "software"):
                self.programs = software(self.container(), accept_expired, stage)
        return self.programs

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
            built_on=self.lane.driver.built_on,
            backing=self.lane.backing,
            engine=self.engine.name,
            engine_version=version(str(self.engine_said["Version"])),
            kernel_version=version(self.machine.upstream),
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
    kind: type[Engine],
    driver: Driver,
    backing_name: str,
    options: Sequence[str] = (),
    stage: Stage = lambda _: nullcontext(),
    size: int = BACKING_SIZE,
    extra: Sequence[str] = (),
) -> Iterator[tuple[Place, Backing, Engine]]:
    """A private daemon with a storage driver on a fresh backing, gone with the block (unless the run is kept)."""
    with stage(f"making {backing_name}"):
        place = machine.place(site)
        try:
            backing = fresh(backing_name, place, size)
            backing.nested = driver.nested
            for command in driver.afterwards(backing):
                place.afterwards(command)
        except BaseException:
            place.close()
            raise
    try:
        with stage(f"starting {kind.program}"):
            if site.mutant is not None:
                extra = [*extra, *site.mutant.arm(place)]
                kind = site.mutant.lying(kind)
            engine = kind(place, backing, driver, [*driver.backing_options(backing), *options], site.cgroup, extra)
        yield place, backing, engine
    finally:
        place.close()


def confirm(lane: Lane, backing: Backing, engine: Engine) -> None:
    """Raise EngineFailed where the daemon uses another driver or file system than the lane says."""
    info = engine.info()
    if info["Driver"] != lane.driver.daemon_name:
        raise EngineFailed(f"{engine.program} runs {info['Driver']} where {lane.driver.daemon_name} was asked for")
    reported = dict(info["DriverStatus"] or []).get("Backing Filesystem")
    if reported not in (None, "<unknown>", backing.recipe.reported):
        raise EngineFailed(f"{engine.program} reports {reported} as backing file system, the lane has {backing.name}")
    found = backing.file_system(engine.directory)
    if found != backing.file_system_name:
        raise EngineFailed(f"the data root lies on {found}, the lane has {backing.name}")


def confirm_parameters(lane: Lane, machine: Host) -> None:
    """Raise EngineFailed where the kernel has not taken a module parameter that the lane names."""
    for word in lane.kernel_options:
        parameter, _, asked = word.partition("=")
        module, _, name = parameter.partition(".")
        found = machine.module_parameters(module).get(name)
        wanted = {"on": "Y", "1": "Y", "y": "Y", "off": "N", "0": "N", "n": "N"}.get(asked, asked)
        if found not in (asked, wanted):
            raise EngineFailed(f"the kernel has {parameter}={found or 'nothing'} where {asked} was asked for")


@contextmanager
def bring_up(
    lane: Lane, checks: Sequence[Declared], machine: Host, site: Site, stage: Stage = lambda _: nullcontext(),
    size: int = BACKING_SIZE,
) -> Iterator[Stand]:  # fmt: skip
    """The lane, running, with the trees of `checks` in its image (or, for `native`, on its volume)."""
    refuse_unmet(lane, machine)
    confirm_parameters(lane, machine)
    seconds: dict[str, float] = {}

    @contextmanager
    def staged(name: str) -> Iterator[None]:
        kind = {"making": "backing", "starting": "daemon"}.get(name.split()[0], name.split()[-1])
        with stage(name), timed(seconds, kind):
            yield

    with staged("making the toolbox"):
        tools = toolbox()
    options = lane.driver.storage_options(dict(lane.options))
    kind = engine_kind(lane.engine)
    with daemon(site, machine, kind, lane.driver, lane.backing, options, staged, size) as (place, backing, engine):
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
    in_image, on_volume = sorted_trees(stand, checks)
    lay_out_on_volume(stand, on_volume, stand.backing.path("volume"))
    load_image(stand, in_image)


def sorted_trees(stand: Stand, checks: Sequence[Declared]) -> tuple[list[dict[str, Entry]], dict[str, Entry]]:
    """The layers of the lane's image, the lowest first, and what lies on its volume."""
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
    return in_image, on_volume


def load_image(stand: Stand, in_image: Sequence[dict[str, Entry]]) -> None:
    """The lane's image, of these layers."""
    archive = io.BytesIO()
    write_archive(archive, stand.image, [layer_tar(tree) for tree in in_image])
    # A guest's network is slow, and what checks put into layers packs well.
    guest = isinstance(stand.backing.path("volume"), GuestPath)
    stand.engine.client.images.load(gzip.compress(archive.getvalue(), 1) if guest else archive.getvalue())
    if not stand.native and not stand.lane.driver.sealed_layers:
        dig_holes(stand, in_image)


def lay_out_on_volume(stand: Stand, tree: Mapping[str, Any], root: PlacePath) -> None:
    """Make a tree in a directory of the backing file system, wherever it lies."""
    values = {path: entry(value) for path, value in tree.items()}
    if not isinstance(root, GuestPath):
        lay_out(values, root)
        return
    assert isinstance(stand.machine, GuestHost)
    process = stand.machine.process(root)
    try:
        lay_out_through(process, values)
    finally:
        process.leave()  # its working directory would hold the file system


def dig_holes(stand: Stand, trees: Sequence[dict[str, Entry]]) -> None:
    """Make the sparse files of the image sparse again: an image archive carries their holes as zeroes."""
    sparse = [(depth, path) for depth, tree in enumerate(trees) for path, value in tree.items()
              if isinstance(value, SparseFile)]  # fmt: skip
    if not sparse:
        return
    storage = Storage(stand.lane.driver, stand.backing, stand.engine, stand.image, "/")
    try:
        with storage.layers_at_hand(writable=True) as layers:
            for depth, path in sparse:
                # Drivers that copy or snapshot whole trees have the file in every layer from there on.
                for layer in layers[depth:]:
                    if (layer / path).is_file():
                        dig(stand.home, layer / path)
    except Unsupported:
        return  # layers that are no directories keep what the archive had


def dig(home: Place, path: PlacePath) -> None:
    """Turn what a file has of zeroes into holes, and leave its time of change."""
    before, file = path.stat(), home.inside(path)
    seconds, nanoseconds = divmod(before.st_mtime_ns, 10**9)
    home.run(["fallocate", "--dig-holes", file])
    home.run(["touch", "--no-create", f"--date=@{seconds}.{nanoseconds:09d}", file])
