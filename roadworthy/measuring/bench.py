"""What a benchmark measures with: files in both places, containers, calls and programs in them, and rows of those."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.process import Process
from roadworthy.calls.toolbox import PROGRAMS
from roadworthy.declaring.benchmarks import Declaration
from roadworthy.declaring.features import COPY_UP
from roadworthy.engines.containers import VOLUME, Container, Containers
from roadworthy.guests.machine import GuestHost
from roadworthy.lane.software import Software
from roadworthy.lane.stand import Stage, Stand, lay_out_on_volume
from roadworthy.lane.storage import Storage
from roadworthy.linux import POSIX_FADV_DONTNEED
from roadworthy.machines.place import PlacePath
from roadworthy.measuring import guards as rules
from roadworthy.measuring.clock import VirtualClock
from roadworthy.measuring.counters import Meter
from roadworthy.measuring.design import SIDES, Measured, Side, budget_of
from roadworthy.measuring.filler import fill, filler
from roadworthy.measuring.fio_rows import FioRows
from roadworthy.measuring.guards import Guards
from roadworthy.measuring.holdings import Holdings
from roadworthy.measuring.life import ByTar, Life, Stopwatch
from roadworthy.measuring.reporting import Reporter, unpublished
from roadworthy.measuring.rows import Rows
from roadworthy.measuring.services import KINDS, service_command, service_tree
from roadworthy.measuring.system_calls import SystemCalls
from roadworthy.measuring.traces import MOST_BYTES, Trace, load_trace
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.run.results import BundleWriter
from roadworthy.trees.layers import File, Tree


class Bench(Rows):
    """One benchmark on one lane. Its image, containers and files are gone with it."""

    def __init__(
        self, stand: Stand, declaration: Declaration, nodeid: str, bundle: BundleWriter | None, benchmark: Any,
        clock: VirtualClock, stage: Stage, seconds: float | None = None,
        software: Callable[[], Software] | None = None,
    ) -> None:  # fmt: skip
        withheld = unpublished(stand.machine)
        #: The benchmark's directory in the image, and on the volume.
        self.place = f"/c/{declaration.slug}"
        self.volume = f"{VOLUME}/b/{declaration.slug}"
        super().__init__(
            Reporter(stand.lane, declaration, nodeid, bundle, benchmark, clock, withheld),
            SystemCalls(
                stand.home, stand.toolbox, f"{self.volume}/calls", stand.engine.daemon_pid, stand.lane.driver.server,
                timed=not withheld,
            ),
            budget_of(declaration.tier, seconds, timed=not withheld), stage,
        )  # fmt: skip
        #: The seconds that the user gave each benchmark, or None.
        self.seconds = seconds
        self.stand = stand
        self.engine = stand.engine
        self.features = stand.features
        self._software = software or (lambda: stand.software(False, stage))
        #: Own containers and images.
        self.containers = Containers(stand.engine, stand.toolbox, stand.volume, stand.image, Evidence(), self.place)
        self.storage = Storage(stand.lane.driver, stand.backing, stand.engine, stand.image, self.place)
        self.meter = Meter(stand.home, stand.backing, timed=not withheld)
        #: Timed requests to the engine, and what containers, images and files hold of the machine.
        self.life = Life(stand.engine, self.containers, Stopwatch(self.meter, self.system_calls))
        self.holdings = Holdings(stand.engine, stand.backing)
        #: The volume's directory as the machine reaches it.
        self.outside = self.stand.backing.path("volume", "b", declaration.slug)
        self.outside.mkdir(parents=True, exist_ok=True)
        self.by_tar = ByTar(stand.home, self.outside, Stopwatch(self.meter))
        self.fio = FioRows(self)
        #: Reports a number that needs no clock.
        self.count = self.reporter.count

    # --- places

    def path(self, side: Side, name: str) -> str:
        """Where a file of a side lies, as a container sees it: the baselines and `native`'s arm on the volume."""
        if side == "arm" and not self.stand.native:
            return f"{self.place}/{name}"
        return f"{self.volume}/{side}/{name}"

    def everywhere(self, *trees: Tree) -> str:
        """An image of these trees, and the same files once for each side on the volume; the image's name."""
        merged: dict[str, Any] = {}
        for tree in trees:
            merged.update(tree)
        for side in ("baseline", "again", *(["arm"] if self.stand.native else [])):
            self.lay_out(f"{side}", merged)
        return self.containers.image(*([{}] if self.stand.native else trees))

    def lay_out(self, name: str, tree: Tree) -> None:
        """Files on the volume, in a directory of the benchmark's own, on the device when this returns."""
        (self.outside / name).mkdir(exist_ok=True)
        lay_out_on_volume(self.stand, tree, self.outside / name)
        self.settle()

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

    def service(self, *depths: int) -> list[str]:
        """Images with a service (see services.py) in the lowest of so many layers, and the same one on the volume."""
        tree = service_tree(self.stand.toolbox, filler(32 << 20), filler(8 << 20))
        self.everywhere(tree)
        return [self.containers.image(tree, *({f"layer{at}": b"x"} for at in range(1, depth))) for depth in depths]

    def until_answer(self, side: Side, image: str, kind: str) -> Measured:
        """What a container of the image takes from its start to its service's first answer.

        The service lies in the image, or on the volume; `kind` is what it does first, one of `service_kinds`.
        """
        command = service_command(self.stand.toolbox, self.path(side, "").rstrip("/"), self.service_kinds[kind])
        container = self.containers.create(image, command=command, stdin_open=True, stop_signal="SIGKILL")
        measured = self.life.until_answer(container, b"hello\n")
        container.remove()
        self.containers.forget(container)
        return measured

    #: What a service does before it answers.
    service_kinds = KINDS

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
        return self.outside / side / name

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
    def own_kernel(self) -> bool:
        """Whether nothing but the lane runs on its kernel, so that numbers of the whole machine are the lane's."""
        return isinstance(self.stand.machine, GuestHost)

    def container(self, image: str = "", **settings: Any) -> Container:
        """An own container, running."""
        return self.containers.run(image, **settings)

    def fresh(self, image: str, then: Callable[[Process], None] = lambda fs: None) -> Fresh:
        """A container for `before=`, replaced by a new one before every row."""
        return Fresh(self, image, then)

    def process(self, container: Container, directory: str = "/") -> Process:
        """A process in it; its calls are not kept as evidence."""
        return container.process(directory, Evidence())

    @property
    def copies_up(self) -> bool:
        """Whether the driver has an upper directory that is empty until something is changed."""
        return bool(COPY_UP in self.features) and not self.stand.native

    # --- calls and programs in a container

    def calls(
        self, fs: Process, rows: Sequence[Sequence[Any]], each: slice = slice(None), operations: int = 0,
        settled: bool = False, cold: int = 0,
    ) -> Measured:  # fmt: skip
        """Calls one after another (see Process.timed): what one of those in `each` took, as seen in the container.

        `operations` is how many they amount to, where that is not one each. With `settled` the device's work until
        nothing is pending is counted, too, under a name of its own. `cold` are the bytes that the device has to read.
        """
        if self.system_calls.counting:
            calls = self.system_calls.of_process(fs, rows)
            return Measured(0.0, operations or len(rows[each]), calls=calls)
        begun = time.monotonic()
        with self.meter.counting() as whole:
            with self.meter.counting() as work:
                taken = fs.timed(rows, 300)[each]
            seconds = time.monotonic() - begun
            if settled:
                self.settle()
        counters = work.counters()
        if settled:
            counters |= {f"{name}, settled": value for name, value in whole.counters().items()}
        operations = operations or len(taken)
        reached = rules.REACHED, work.device.get("bytes read", 0.0) >= rules.DEVICE_SHARE * cold
        void = rules.first_broken([reached, *rules.environment(work, seconds)])
        return Measured(sum(taken) / operations, operations, 0, counters, void)

    def trace(self, name: str) -> Trace:
        """What a program once did to a tree of files, see workloads/traces."""
        return load_trace(name)

    def replay(self, fs: Process, trace: Trace, place: str) -> Measured:
        """What one of a trace's calls took on the tree at `place`."""
        return self.calls(fs, trace.rows(place, filler(MOST_BYTES).content), settled=True)

    def tool(self, program: str, *arguments: str) -> list[str]:
        """What runs a program of the toolbox in a container. Raises Precondition where it is missing."""
        if program not in self.stand.toolbox.programs:
            raise Precondition(f"needs {program}: apt-get install {PROGRAMS[program]}")
        return self.stand.toolbox.command(program, *arguments)

    def software(self, program: str, *arguments: str) -> list[str]:
        """What runs a program of Debian in a container, see Software. Raises Precondition where it cannot be had."""
        return self._software().command(program, *arguments)

    def program(self, fs: Process, *argv: str, operations: int = 1) -> Measured:
        """A program run to its end: what one of its `operations` took, its start included."""
        if self.system_calls.counting:
            return Measured(0.0, operations, calls=self.system_calls.of_process(fs, argv=argv))
        begun = time.monotonic()
        with self.meter.counting() as work:
            taken = fs.timed_run(*argv, patience=300)
        void = rules.first_broken([*rules.environment(work, time.monotonic() - begun)])
        return Measured(taken / operations, operations, 0, work.counters(), void)

    def close(self) -> None:
        """Remove what was made."""
        self.containers.close()
        self.stand.home.run(["rm", "-r", "-f", self.stand.home.inside(self.outside)])


class Fresh:
    """A container that is replaced by a new one of the same image before every row, and a process in it.

    `then` prepares it, outside of what is measured. Nothing is pending when the row begins.
    """

    def __init__(self, bench: Bench, image: str, then: Callable[[Process], None]) -> None:
        self._bench = bench
        self._image = image
        self._then = then
        self.container: Container | None = None

    def __call__(self) -> None:
        if self.container is not None:
            self.container.remove()
        self.container = self._bench.container(self._image)
        self.fs = self._bench.process(self.container)
        self._then(self.fs)
        self._bench.settle()

    def copied_up(self, *names: str) -> Guards:
        """A guard: what was measured last has put these files into the writable layer, where there is copy-up."""
        if not self._bench.copies_up or self.container is None:
            return {}
        storage, container = self._bench.storage, self.container
        return {rules.COPIED_UP: all(storage.upper(container, name).exists() for name in names)}
