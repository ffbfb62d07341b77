"""A lane that is up: what it runs on, its containers, and its recovery after a check."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from docker.errors import DockerException

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.exchange import AgentFault, CallHung
from roadworthy.calls.toolbox import Toolbox, fio_version
from roadworthy.declaring.checks import Declared
from roadworthy.declaring.features import OVERLAYFS, SIZE_LIMIT, Feature
from roadworthy.declaring.places import CHECKS, VOLUME
from roadworthy.drivers.native import Native
from roadworthy.engines.containers import Container, Containers
from roadworthy.engines.engine import Engine, EngineFailed
from roadworthy.lane.lanes import Lane
from roadworthy.lane.software import Software, software
from roadworthy.lane.storage import Storage
from roadworthy.machines.backing import Backing, choice_of, plain
from roadworthy.machines.machine import Machine
from roadworthy.machines.place import Place
from roadworthy.machines.watchdog import NONE, OUTSIDE, Watched
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Unsupported, first_line, is_unanswered
from roadworthy.stage import Stage, timed
from roadworthy.trees.layers import SparseFile
from roadworthy.verdict.deviations import Facts, parameters
from roadworthy.verdict.reference import Reference
from roadworthy.versions import version

IMAGE = "roadworthy:lane"


#: Seconds in which a daemon removes a container whose agent hangs; it waits ten for the end of what it has killed.
REMOVAL = 20.0


def is_silent(broken: BaseException | None) -> bool:
    """Whether a check broke because an answer was missing, of the agent or of the daemon."""
    return isinstance(broken, AgentFault | CallHung | DockerException | OSError)


@dataclass
class Running:
    """The running parts of a lane. A lane that is brought up again gets a new set."""

    machine: Machine
    home: Place
    backing: Backing
    engine: Engine
    toolbox: Toolbox
    #: The directory that containers see as their volume, as the place sees it.
    volume: Path
    #: The containers that checks share, by the capabilities that they have beyond Docker's default ones.
    shared: dict[frozenset[str], Container] = field(default_factory=dict)
    software: Software | None = None
    #: Compares the trees that checks leave; None if they are not compared.
    reference: Reference | None = None
    #: The version of the program that merges the driver's layers, kept because asking takes a process; None at first.
    server: str | None = None

    @cached_property
    def engine_said(self) -> Mapping[str, Any]:
        """The answer of `docker version`, kept because a daemon that died gives none."""
        return dict(self.engine.client.version())

    @cached_property
    def overlay_parameters(self) -> Mapping[str, str]:
        """The overlay module's parameters as conditions name them, kept because reading them from a guest is slow."""
        return parameters(self.machine.module_parameters("overlay"))


class Stand:
    """A lane as checks and benchmarks use it while it is up. Fixtures keep this object if it is brought up again."""

    #: Whether a new daemon on a new disk can replace the running one.
    renewable: ClassVar[bool] = True

    def __init__(
        self, lane: Lane, running: Running, image: str = IMAGE, keep: bool = False,
        seconds: dict[str, float] | None = None,
    ) -> None:  # fmt: skip
        self.lane = lane
        self.running = running
        self.image = image
        self.keep = keep
        #: The seconds that the lane spent, by stage.
        self.seconds: dict[str, float] = {} if seconds is None else seconds
        #: The current round of the checks, counted from 1.
        self.round = 1
        #: Why no further check can run; None while checks can.
        self.lost: EngineFailed | None = None

    def __repr__(self) -> str:
        return f"<stand {self.lane.id}>"

    def go_on_as(self, other: Stand) -> None:
        """Take over the running parts of `other`, the same lane brought up again."""
        self.running, self.seconds, self.lost = other.running, other.seconds, other.lost

    # --- what it runs on

    @property
    def machine(self) -> Machine:
        return self.running.machine

    @property
    def home(self) -> Place:
        return self.running.home

    @property
    def backing(self) -> Backing:
        return self.running.backing

    @property
    def engine(self) -> Engine:
        return self.running.engine

    @property
    def toolbox(self) -> Toolbox:
        return self.running.toolbox

    @property
    def volume(self) -> Path:
        return self.running.volume

    @property
    def reference(self) -> Reference | None:
        return self.running.reference

    @property
    def native(self) -> bool:
        """Whether the trees lie on the volume instead of in the image."""
        return isinstance(self.lane.driver, Native)

    @property
    def server_version(self) -> str:
        """The version of the program that merges the driver's layers; empty if the kernel does, or if none is told."""
        if self.running.server is None:
            self.running.server = ""
            with suppress(Unsupported, ProgramFailed):  # on a machine that is only looked at, no program is run
                self.running.server = self.lane.driver.server_version(self.home)
        return self.running.server

    @property
    def features(self) -> Feature:
        """The features of the driver, on its backing, and of the engine."""
        given = SIZE_LIMIT if self.lane.backing in self.lane.driver.sizes_on else Feature.NONE
        given |= OVERLAYFS if self.lane.driver.built_on == "overlayfs" else Feature.NONE
        return self.lane.driver.features | self.engine.features | given

    def refuse_life(self) -> None:
        """Raise Unsupported if the lane's daemon is not the suite's to stop, and none may be started beside it."""

    # --- containers

    def container(self, capabilities: frozenset[str] = frozenset()) -> Container:
        """The container that checks with these capabilities share; started at its first use."""
        shared = self.running.shared
        if capabilities not in shared:
            with timed(self.seconds, "container"):
                made = Container(
                    self.engine, self.toolbox, self.volume, self.image, cap_add=sorted(capabilities)
                ).start()
                made.exchange()
            shared[capabilities] = made
        return shared[capabilities]

    def replace_container(self, capabilities: frozenset[str]) -> None:
        """Remove a container whose agent died or hangs; the next check gets a fresh one."""
        gone = self.running.shared.pop(capabilities, None)
        if gone is not None:
            gone.remove()

    def remove_containers(self) -> None:
        """Remove all shared containers; the next check gets a fresh one."""
        for container in self.running.shared.values():
            container.remove()
        self.running.shared.clear()

    def containers(self, check: Declared, evidence: Evidence) -> Containers:
        """Containers and images of one check's own."""
        return Containers(self.engine, self.toolbox, self.volume, self.image, evidence, self.place(check))

    def software(self, accept_expired: bool, stage: Stage) -> Software:
        """Real programs for this lane's containers; put onto its volume at the first use."""
        if self.running.software is None:
            with timed(self.seconds, "software"):
                self.running.software = software(self.container(), accept_expired, stage)
        return self.running.software

    def cut_power(self, arm: Callable[[Place], object]) -> None:
        """Cut the power, and start the daemon on what has reached the device. Raises Unsupported.

        `arm` prepares the place for a daemon, see roadworthy.lane.faults.
        All containers have stopped then. The place that the daemon had has ended; the caller closes the new one.
        """
        self._forget_containers()
        self._go_on_in(self.backing.after_power_cut(), arm)

    def go_on_with(self, image: Path, arm: Callable[[Place], object]) -> None:
        """Start the daemon on a disk with the content of a file; the place that the daemon had has ended.

        Raises ProgramFailed if its file system cannot be mounted, EngineFailed if the daemon does not start. The caller
        closes the new place in any case.
        """
        self._forget_containers()
        self._go_on_in(self.backing.go_on_with(image), arm)

    def _forget_containers(self) -> None:
        for container in self.running.shared.values():
            container.forget_agent()

    def _go_on_in(self, home: Place, arm: Callable[[Place], object]) -> None:
        self.running = replace(self.running, home=home, shared={})
        driver = self.lane.driver
        try:
            for command in driver.afterwards(self.backing):
                home.afterwards(command)
            driver.find(home, self.engine.data_root)
        except BaseException:  # as of a pool that the cut has damaged
            home.close()
            raise
        arm(home)
        self.engine.go_on_in(home)

    # --- what a check finds

    def place(self, check: Declared) -> str:
        """The check's directory, as its containers see it."""
        on_volume = self.native or check.provenance == "volume"
        return f"{VOLUME if on_volume else ''}/{CHECKS}/{check.slug}"

    def refuse_holes(self, check: Declared) -> None:
        """Raise Unsupported if the check's layers need holes that can neither be loaded nor made afterwards."""
        sealed = self.lane.driver.sealed_layers
        in_image = () if self.native or check.provenance == "volume" else check.image_trees()
        if sealed and any(isinstance(found, SparseFile) for tree in in_image for found in tree.values()):
            raise Unsupported(sealed)

    def storage(self, check: Declared) -> Storage:
        """The lane seen from its machine, for one check."""
        return Storage(self.lane.driver, self.backing, self.engine, self.image, self.place(check))

    def compare_trees(self, compared: bool = True) -> None:
        """From now on, compare the trees that checks leave with the reference's, or leave them alone."""
        volume, owners = self.backing.path("volume"), self.engine.mode.owners
        made = Reference(volume, self.lane.driver.links_layers, owners) if compared else None
        self.running.reference = made

    # --- after a check

    def watched(self, restarts: bool = False) -> Watched | None:
        """What the watchdog has to know of the lane. With `restarts`, a check may stop or kill its daemon."""
        server = self.lane.driver.server[:15]  # as /proc/PID/comm has it; that it crashes is the driver's own fault
        lasting = {**self.engine.lasting, **({server: OUTSIDE} if server else {})}
        if restarts:
            lasting |= dict.fromkeys(self.engine.ends_with, NONE)
        return self.machine.watched(self.home, lasting, self.engine.ends_with)

    def stacks(self, broken: BaseException | None) -> str:
        """Where the agent or the daemon is whose answer was missing, as it says itself; empty if it says nothing."""
        try:
            if isinstance(broken, CallHung):
                return broken.where()
            if is_unanswered(broken):
                return self.engine.stacks()
        except (AgentFault, CallHung, OSError, ProgramFailed):  # it may have ended, or its machine
            return ""
        return ""

    def recovered(
        self, broken: BaseException | None, capabilities: frozenset[str], trouble: str = ""
    ) -> BaseException | None:
        """Make the lane usable for the next check, and return what really broke this one.

        `trouble` is what the watchdog saw of the engine. If the lane cannot be made usable, `lost` says why. If the
        machine no longer answers, return MachineLost; the run boots it again.
        """
        silent = is_silent(broken)
        if (silent or trouble) and (gone := self.machine.lost()):
            return gone
        try:
            if failed := self._engine_failed(silent, trouble):
                broken = EngineFailed(failed)
                self._replace_engine()
            elif is_unanswered(broken):
                self._replace_engine()
            elif isinstance(broken, AgentFault | CallHung):
                with self.engine.hurried(REMOVAL):
                    self.replace_container(capabilities)
        except (AgentFault, CallHung, EngineFailed, ProgramFailed, DockerException, OSError) as reason:
            if gone := self.machine.lost():
                return gone
            self.lost = EngineFailed(f"the lane could not be brought back after a check: {first_line(reason)}")
        return broken

    def _engine_failed(self, silent: bool, trouble: str) -> str:
        """Why the engine cannot be used any more, or an empty string. It is asked itself if an answer was missing."""
        if trouble:
            return f"{trouble}; the engine's last words: {self.engine.last_words()}"
        if not self.engine.alive():
            return f"{self.engine.program} died: {self.engine.last_words()}"
        if silent and not self.engine.answers():
            return f"{self.engine.program} runs and does not answer: {self.engine.last_words()}"
        return ""

    def _replace_engine(self) -> None:
        """Start the daemon anew, and remove the containers that checks shared; the next check gets a fresh one."""
        left = list(self.running.shared.values())
        self.running.shared.clear()
        for container in left:
            with suppress(OSError):
                container.forget_agent()
        self.engine.replace()
        for container in left:
            with suppress(DockerException, OSError):  # a container whose shim is gone may be gone, too
                container.remove()

    def close(self) -> None:
        """Close the connections to containers and daemon, which end with their place."""
        if self.keep:
            return
        self._forget_containers()
        self.engine.client.close()

    # --- facts

    def deviation_facts(self, provenance: str) -> Facts:
        """The facts that conditions of deviations are compared with."""
        return Facts(
            driver=self.lane.driver.name,
            built_on=self.lane.driver.built_on,
            backing=plain(self.lane.backing),
            engine=self.engine.name,
            engine_version=version(str(self.running.engine_said["Version"])),
            kernel_version=version(self.machine.upstream),
            provenance=provenance,
            parameters={
                **self.running.overlay_parameters,
                **dict(self.lane.options),
                "choice": choice_of(self.lane.backing),
                "mode": self.lane.mode.name,
                **({"layers": "copied"} if self.lane.copies_image else {}),
            },
            server_version=version(self.server_version),
        )

    def facts(self) -> dict[str, Any]:
        """Exact facts of the lane, for the bundle."""
        found = self.running.engine_said
        info = self.engine.info()
        components = {part["Name"]: part["Version"] for part in found.get("Components", [])}
        server = {"server": f"{self.lane.driver.server} {self.server_version}"} if self.server_version else {}
        root = next((line for line in self.container().mounts() if line.split()[4] == "/"), "")
        return {
            "engine": {"version": found["Version"], "api": found["ApiVersion"], **components},
            "driver": {"name": info["Driver"], "status": dict(info["DriverStatus"] or []), **server},
            "backing": self.backing.facts(),
            "kernel": self.machine.facts(),
            "container root": root,
            "cgroup driver": info.get("CgroupDriver", ""),
            "toolbox": {"python": sys.version.split()[0], "fio": fio_version()},
            "host": {"processors": os.cpu_count(), "memory": info.get("MemTotal")},
        }
