"""Timed requests of the life cycle of containers and images, and tar(1) as their baseline.

Requests go to the engine's API, because the start of docker(1) takes longer than many requests.
"""

from __future__ import annotations

import io
import random
import statistics
import tarfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from roadworthy.deadline import let_pass
from roadworthy.engines.containers import Container, Containers, built
from roadworthy.engines.engine import Engine
from roadworthy.machines.place import Place, PlacePath
from roadworthy.measuring import guards as rules
from roadworthy.measuring.counters import Meter
from roadworthy.measuring.design import Measured
from roadworthy.measuring.statistics import SEED
from roadworthy.measuring.system_calls import SystemCalls
from roadworthy.trees.layers import Tree, build_context

Answer = TypeVar("Answer")
#: How many round trips the floor is the median of.
PINGS = 25


class ServiceFailed(Exception):
    """A service gave no answer or a wrong one; the text has the end of its output."""


class Stopwatch:
    """Measures whole operations in milliseconds, with device counters and the guards of the machine."""

    def __init__(self, meter: Meter, calls: SystemCalls | None = None) -> None:
        """`calls` counts the engine's system calls while it counts instead of time."""
        self._meter = meter
        self._calls = calls

    def clocked(self, operation: Callable[[], Answer], crowded: bool = False) -> tuple[Answer, Measured]:
        """Return the answer of `operation` and its measurement. `crowded`: it keeps all processors busy by itself."""
        if self._calls is not None and self._calls.counting:
            with self._calls.of_engine() as calls:
                answer = operation()
            return answer, Measured(0.0, 1, calls=calls)
        if self._calls is not None:
            self._calls.engine_works = True
        with self._meter.counting() as work:
            begun = time.monotonic()
            answer = operation()
            seconds = time.monotonic() - begun
        guards = rules.environment(work, seconds)
        void = rules.first_broken([guard for guard in guards if not crowded or guard[0] != rules.UNCROWDED])
        return answer, Measured(seconds * 1e3, 1, 0, work.counters(), void)


class Life:
    """Timed requests to a lane's engine. Images made by them are removed with the benchmark."""

    def __init__(self, engine: Engine, containers: Containers, stopwatch: Stopwatch) -> None:
        self._engine = engine
        self._containers = containers
        self._clocked = stopwatch.clocked
        self._dice = random.Random(SEED)

    @property
    def _api(self) -> Any:
        return self._engine.client.api

    def floor(self) -> float:
        """The median time of an empty request, in milliseconds; shorter times cannot be resolved."""
        return statistics.median(self._clocked(self._api.ping)[1].cost for _ in range(PINGS))

    def at_random_phase(self) -> None:
        """Wait a random part of a second; a fixed seed makes the parts equal in every run.

        A request that waits for the next full second would otherwise always begin at one phase of a second.
        """
        let_pass(self._dice.random())

    # --- containers

    def create(self, image: str) -> tuple[Container, Measured]:
        # SIGKILL stops it, because the time that its init takes to handle SIGTERM does not depend on the driver.
        return self._clocked(lambda: self._containers.create(image, stop_signal="SIGKILL"))

    def start(self, container: Container) -> Measured:
        return self._clocked(lambda: self._api.start(container.id))[1]

    def until_answer(self, container: Container, asked: bytes) -> Measured:
        """Measure from the start request until the container's first process echoes the line `asked`.

        Raises ServiceFailed.
        """
        with container.attached() as pipe:

            def wait() -> None:
                self._api.start(container.id)
                pipe.send(asked)
                said = b""
                while not said.endswith(b"\n"):
                    with suppress(BlockingIOError):  # the frame is not complete yet
                        piece = pipe.receive()
                        if not piece:
                            raise ServiceFailed(f"it ended before it answered: {pipe.complaints().strip()[-500:]}")
                        said += piece
                if said != asked:
                    raise ServiceFailed(f"asked {asked!r}, it answered {said!r}")

            return self._clocked(wait)[1]

    def stop(self, container: Container) -> Measured:
        return self._clocked(lambda: self._api.stop(container.id, timeout=10))[1]

    def remove(self, container: Container) -> Measured:
        """Remove a container that does not run."""
        _, measured = self._clocked(lambda: self._api.remove_container(container.id, v=True))
        self._containers.forget(container)
        return measured

    def start_all(self, containers: list[Container], clients: int) -> Measured:
        """Start containers by `clients` parallel connections; measure the total time divided by their number."""
        shares = [containers[at::clients] for at in range(clients)]

        def start(share: list[Container]) -> None:
            for container in share:
                self._api.start(container.id)

        operations = [lambda share=share: start(share) for share in shares]
        _, measured = self._clocked(lambda: self._containers.all_at_once(*operations), crowded=True)
        return replace(measured, cost=measured.cost / len(containers), operations=len(containers))

    def changes(self, container: Container) -> Measured:
        """Measure `docker diff`."""
        return self._clocked(lambda: self._api.diff(container.id))[1]

    # --- images

    def commit(self, container: Container) -> tuple[str, Measured]:
        """Commit a container that does not run; return the new image and the measurement."""
        return self._clocked(lambda: self._containers.commit(container))

    def load(self, archive: bytes, name: str) -> Measured:
        _, measured = self._clocked(lambda: self._containers.load(archive, name))
        return measured

    def save(self, image: str) -> Measured:
        """Measure `docker save` to a client that discards the archive."""
        size, measured = self._clocked(lambda: sum(len(piece) for piece in self._api.get_image(image)))
        return replace(measured, bytes=size)

    def remove_image(self, image: str) -> Measured:
        return self._clocked(lambda: self._api.remove_image(image, force=True))[1]

    def and_settled(
        self, metric: str, settled: str, removal: Callable[[], Measured], settle: Callable[[], None]
    ) -> dict[str, Measured]:
        """Measure a removal as two metrics: until the engine answers, and until the file system has freed the space."""

        def both() -> Measured:
            measured = removal()
            settle()
            return measured

        first, whole = self._clocked(both)
        return {metric: first, settled: whole}

    def build(self, dockerfile: list[str], files: Tree) -> Measured:
        """Measure a build by the classic builder without its cache."""
        context = build_context(dockerfile, files)
        image, measured = self._clocked(lambda: built(self._engine, context))
        self._api.remove_image(image.id, force=True)
        return measured


class ByTar:
    """tar(1) on the bytes of an image, on the lane's file system: the baseline of load and save."""

    def __init__(self, place: Place, directory: PlacePath, stopwatch: Stopwatch) -> None:
        self._place = place
        self._directory = directory
        self._clocked = stopwatch.clocked

    def lay(self, name: str, archive: bytes) -> None:
        """Extract the layer tars of an image archive."""
        target = self._directory / f"{name}.layers"
        target.mkdir()
        with tarfile.open(fileobj=io.BytesIO(archive)) as image:
            for member in image:
                if member.name.endswith("layer.tar") and (layer := image.extractfile(member)):
                    (target / member.name.replace("/", "-")).write_bytes(layer.read())

    def unpack(self, name: str) -> Measured:
        """Unpack the layers of `name`, one over the other, into a new directory."""
        words = f'mkdir "$1/{name}"; for tar in "$1/{name}".layers/*; do tar -x -f "$tar" -C "$1/{name}"; done'
        return self._shell(words)

    def pack(self, name: str) -> Measured:
        """Pack the unpacked directory into a pipe, because tar reads no file if its archive is /dev/null."""
        return self._shell(f'tar -c -f - -C "$1/{name}" . | cat >/dev/null')

    def remove(self, name: str) -> Measured:
        return self._shell(f'rm -r "$1/{name}"')

    def _shell(self, words: str) -> Measured:
        where = self._place.inside(self._directory)
        return self._clocked(lambda: self._place.run(["sh", "-ec", words, "sh", where], 120))[1]
