"""What a benchmark measures with: files in both places, paired rows, sweeps and counts, and one way to report them."""

from __future__ import annotations

import gzip
import os
import statistics
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec

from reports.records import Benchmark, Count, Sample, Trend
from roadworthy.benchmarks import Declaration
from roadworthy.engines.containers import VOLUME, Container, Containers
from roadworthy.engines.dockerd import Dockerd
from roadworthy.evidence import Evidence
from roadworthy.features import COPY_UP
from roadworthy.layers import File, Tree
from roadworthy.machines.guest_host import GuestHost
from roadworthy.machines.place import PlacePath
from roadworthy.measuring import guards as rules
from roadworthy.measuring.clock import VirtualClock, hand_on
from roadworthy.measuring.counters import Meter, Work, buffered_loops
from roadworthy.measuring.design import SIDES, Measured, Point, Side, budget_of
from roadworthy.measuring.design import rows as take_rows
from roadworthy.measuring.fio import Block, FioFailed, parsed, run_beside, run_block, run_together, words_beside
from roadworthy.measuring.holdings import Holdings
from roadworthy.measuring.life import ByTar, Life, Stopwatch
from roadworthy.measuring.services import KINDS, service_command, service_tree
from roadworthy.measuring.statistics import (
    METHOD,
    SEED,
    Analysis,
    answer,
    curve,
    of_samples,
    quantiles,
    trend_verdict,
    unvoided,
    whole_rows,
)
from roadworthy.measuring.system_calls import ENGINE, NotCounted, SystemCalls, metric_of, of_fio, total
from roadworthy.measuring.traces import MOST_BYTES, Trace, load_trace
from roadworthy.measuring.workloads import Workload, load
from roadworthy.process import Process
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.results import BundleWriter, now
from roadworthy.software import Software
from roadworthy.stand import Stage, Stand, lay_out_on_volume
from roadworthy.storage import Storage
from roadworthy.toolbox import PROGRAMS

Guards = Mapping[str, bool]
#: What of a second one of a unit is.
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
#: By what share a count of system calls may move: of a program, of a daemon that has other things to do besides, and of
#: a driver's server, which lets files go when it finds the time.
TOLERANCES, SERVED = {"": 0.02, ENGINE: 0.1}, 0.5
#: Quantiles of single operations; the last needs ten thousand of them.
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


class Bench:
    """One benchmark on one lane. Its image, containers and files are gone with it."""

    def __init__(
        self, stand: Stand, declaration: Declaration, nodeid: str, bundle: BundleWriter | None, benchmark: Any,
        clock: VirtualClock, stage: Stage, seconds: float | None = None,
        software: Callable[[], Software] | None = None,
    ) -> None:  # fmt: skip
        self.stand = stand
        self.engine = stand.engine
        self.features = stand.features
        self.tier = declaration.tier
        self._declaration = declaration
        self._nodeid = nodeid
        self._bundle = bundle
        self._benchmark = benchmark
        self._clock = clock
        self._stage = stage
        self._software = software or (lambda: stand.software(False, stage))
        self._budget = budget_of(declaration.tier, seconds, timed=not self.unpublished)
        #: The benchmark's directory in the image, and on the volume.
        self.place = f"/c/{declaration.slug}"
        self.volume = f"{VOLUME}/b/{declaration.slug}"
        #: Own containers and images.
        self.containers = Containers(stand.engine, stand.toolbox, stand.volume, stand.image, Evidence(), self.place)
        self.storage = Storage(stand.lane.driver, stand.backing, stand.engine, stand.image, self.place)
        self.meter = Meter(stand.home, stand.backing, timed=not self.unpublished)
        #: Timed requests to the engine, and what containers, images and files hold of the machine.
        self.system_calls = SystemCalls(
            stand.home, stand.toolbox, f"{self.volume}/calls", stand.engine.daemon_pid, stand.lane.driver.server
        )
        self.life = Life(stand.engine, self.containers, Stopwatch(self.meter, self.system_calls))
        self.holdings = Holdings(stand.engine, stand.backing)
        self._raws = 0
        self.reported = 0
        self._outside = self.stand.backing.path("volume", "b", declaration.slug)
        self._outside.mkdir(parents=True, exist_ok=True)
        self.by_tar = ByTar(stand.home, self._outside, Stopwatch(self.meter))

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
        (self._outside / name).mkdir(exist_ok=True)
        lay_out_on_volume(self.stand, tree, self._outside / name)
        self.settle()

    def settle(self) -> None:
        """Everything that is pending is on the device."""
        self.stand.backing.used_bytes()

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

    def job(self, fs: Process, name: str, path: str) -> None:
        """Run a workload on a file for its effect, and not to be timed."""
        fs.timed_run(*self.tool("fio", *load(name).arguments(path, f"{self.volume}/report.json")), patience=600)

    def everywhere_by_job(self, name: str, workload: str) -> str:
        """What `everywhere` does, of one file that a workload writes, as one too large for an archive; the image."""
        image = self.everywhere({})
        container = self.container(image)
        fs = self.process(container)
        for side in SIDES:
            fs.store(self.path(side, name), b"")
            fs.truncate(self.path(side, name), load(workload).size)
            self.job(fs, workload, self.path(side, name))
        fs.leave()
        self.settle()
        if not self.stand.native:
            with self.engine.patience(600):
                image = self.containers.commit(container)
        container.remove()
        self.containers.forget(container)
        return image

    def beside(self, container: Container, side: Side, name: str) -> PlacePath:
        """The file of a side that a container has written, as the machine reaches it."""
        if side == "arm" and not self.stand.native:
            return self.storage.upper(container, name)
        return self._outside / side / name

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

    # --- fio

    def fio(self, named: str | Workload, stratum: str) -> Benchmark:
        """Measure a workload on a file of the stratum against a file of the volume, in one container."""
        workload = load(named) if isinstance(named, str) else named
        container, fs, places = self._ground(workload, stratum)
        bins: dict[Side, Counter[float]] = {"baseline": Counter(), "again": Counter(), "arm": Counter()}

        def measure(side: Side) -> Measured:
            measured, block = self._block(fs, workload, places[side])
            bins[side].update(block.bins)
            return measured

        record = self.paired(
            measure, metric="time per I/O", unit="ns", stratum=stratum,
            guards=lambda: self._guards_of(container, stratum, workload, "file"),
            workload={"promise": workload.promise, "arguments": workload.arguments("FILE", "REPORT")},
            bins=bins,
        )  # fmt: skip
        fs.leave()
        return record

    def fio_scale(self, name: str, stratum: str, jobs: Sequence[int]) -> Trend | None:
        """The same workload by several jobs at once: what one I/O costs when so many are at it."""
        workload = load(name)
        container, fs, places = self._ground(workload, stratum)
        trend = self.sweep(
            lambda side: {count: self._block(fs, replace(workload, jobs=count), places[side])[0] for count in jobs},
            axis="jobs", axis_unit="jobs", metric="time per I/O", stratum=stratum,
            guards=lambda: self._guards_of(container, stratum, workload, "file"),
            workload={"promise": workload.promise, "arguments": workload.arguments("FILE", "REPORT")},
        )  # fmt: skip
        fs.leave()
        return trend

    def fio_together(self, metrics: Mapping[str, str], stratum: str) -> dict[str, Benchmark]:
        """Workloads that run at the same time, each on a file of its own; `metrics` names the workload of each."""
        workloads = {metric: load(name) for metric, name in metrics.items()}
        container = self.container(self.everywhere({}))
        processes = [self.process(container) for _ in workloads]
        files = {side: [self.path(side, workload.name) for workload in workloads.values()] for side in SIDES}
        self.lay_out("baseline", {workload.name: filler(workload.size) for workload in workloads.values()})
        for side in SIDES[1:]:
            for source, file in zip(files["baseline"], files[side], strict=True):
                self._copy(processes[0], source, file)
        self.settle()
        reports = [f"{self.volume}/{workload.name}.json" for workload in workloads.values()]

        def measure(side: Side) -> dict[str, Measured]:
            if self.system_calls.counting:  # one after another: who waits for whom is not what is counted
                return {metric: self._counted_block(fs, workload.shortened(), file, report)[0]
                        for (metric, workload), fs, file, report
                        in zip(workloads.items(), processes, files[side], reports, strict=True)}  # fmt: skip
            begun = time.monotonic()
            with self.meter.counting() as work:
                blocks = run_together(self.stand.toolbox, processes, list(workloads.values()), files[side], reports)
            seconds = time.monotonic() - begun
            return {metric: self._judged(workload, block, work, seconds)
                    for (metric, workload), block in zip(workloads.items(), blocks, strict=True)}  # fmt: skip

        first = next(iter(workloads.values()))
        records = self.phases(
            measure, stratum=stratum, guards=lambda: self._guards_of(container, stratum, first, ""),
            workload={workload.name: workload.arguments("FILE", "REPORT") for workload in workloads.values()},
        )  # fmt: skip
        for fs in processes:
            fs.leave()
        return records

    def _ground(self, workload: Workload, stratum: str) -> tuple[Container, Process, dict[Side, str]]:
        """A container, a process in it, and the workload's file on each side, on the device or in the cache."""
        tree: Tree = {"file": filler(workload.size)}
        container = self.container(self.everywhere(tree if stratum == "lower" else {}))
        fs = self.process(container)
        baseline, arm = self.path("baseline", "file"), self.path("arm", "file")
        if stratum == "upper":
            self.lay_out("baseline", tree)
            self._copy(fs, baseline, arm)
        self.settle()
        for place in (baseline, arm):
            if workload.reach == "cache":
                fs.digest(place)
        return container, fs, {"baseline": baseline, "again": baseline, "arm": arm}

    def _copy(self, fs: Process, source: str, target: str) -> None:
        """A file of the container's own with blocks of its own."""
        fs.timed_run(*self.tool("cp", "--reflink=never", "--sparse=never", source, target), patience=300)

    def _block(self, fs: Process, workload: Workload, file: str) -> tuple[Measured, Block]:
        """One block in a container, judged."""
        if workload.fresh:
            fs.truncate(file, 0)
            fs.truncate(file, workload.size)
            self.settle()
        report = f"{self.volume}/report.json"
        if self.system_calls.counting:
            return self._counted_block(fs, workload.shortened(), file, report)
        begun = time.monotonic()
        with self.meter.counting() as work:
            block = run_block(fs, self.stand.toolbox, workload, file, report)
        return self._judged(workload, block, work, time.monotonic() - begun), block

    def _counted_block(self, fs: Process, workload: Workload, file: str, report: str) -> tuple[Measured, Block]:
        """One block under a tracer."""
        calls = self.system_calls.of_process(fs, argv=self.tool("fio", *workload.arguments(file, report)))
        block = parsed(fs.load(report), workload)
        return Measured(0.0, block.operations, block.bytes, calls=of_fio(calls)), block

    def fio_beside(self, name: str) -> Benchmark:
        """The volume seen from a container against the same file on the machine itself: what a container costs."""
        workload = load(name)
        container = self.container(self.everywhere({}))
        fs = self.process(container)
        inside, outside = self.path("baseline", "file"), self._outside / "baseline" / "file"
        self.lay_out("baseline", {"file": filler(workload.size)})

        report = self._outside / "beside.json"

        def measure(side: Side) -> Measured:
            if self.system_calls.counting:
                return count(side, workload.shortened())
            begun = time.monotonic()
            with self.meter.counting() as work:
                if side == "arm":
                    block = run_block(fs, self.stand.toolbox, workload, inside, f"{self.volume}/report.json")
                else:
                    block = run_beside(self.stand.home, self.stand.toolbox, workload, outside, report)
            return self._judged(workload, block, work, time.monotonic() - begun)

        def count(side: Side, short: Workload) -> Measured:
            if side == "arm":
                return self._counted_block(fs, short, inside, f"{self.volume}/report.json")[0]
            home, tools = self.stand.home, self.stand.toolbox
            calls = self.system_calls.beside(words_beside(home, tools, short, outside, report))
            return Measured(0.0, parsed(report.read_bytes(), short).operations, calls=of_fio(calls))

        record = self.paired(
            measure, metric="time per I/O", unit="ns", names=("host", "native"),
            guards=lambda: self._guards_of(container, "", workload, ""),
            workload={"promise": workload.promise, "arguments": workload.arguments("FILE", "REPORT")},
        )  # fmt: skip
        fs.leave()
        return record

    def by_hand(self, name: str, rows: int) -> Benchmark:
        """A job through the suite against the same job from a file, by the engine's own command line.

        Raises Precondition where the engine has no command line.
        """
        workload = load(name)
        container = self.container(self.everywhere({}))
        fs = self.process(container)
        file, job = f"{self.volume}/file", f"{self.volume}/job.fio"
        fill(fs, file, workload.size)
        fs.store(job, job_file(workload, file))
        self.settle()

        def measure(side: Side) -> Measured:
            begun = time.monotonic()
            with self.meter.counting() as work:
                if side == "arm":
                    block = run_block(fs, self.stand.toolbox, workload, file, f"{self.volume}/report.json")
                else:
                    block = self._typed(container, job, workload)
            return self._judged(workload, block, work, time.monotonic() - begun)

        record = self.paired(
            measure, metric="time per I/O", unit="ns", stratum=name, names=("by hand", "suite"), rows=rows,
            workload={"promise": workload.promise, "arguments": workload.arguments("FILE", "REPORT")},
        )  # fmt: skip
        fs.leave()
        return record

    def _typed(self, container: Container, job: str, workload: Workload) -> Block:
        """`docker exec CONTAINER fio --output=… job.fio`."""
        if not isinstance(self.engine, Dockerd):
            raise Unsupported("typing a job by hand is done with the docker command, which this engine has not")
        only = ["--readonly"] if workload.reads else []
        fio = self.stand.toolbox.command("fio", f"--output={job}.json", "--output-format=json+", *only, job)
        said = self.engine.command("exec", container.id, *fio)
        report = self._outside / "job.fio.json"
        if not report.exists():
            raise FioFailed(f"fio by hand wrote no report: {said.strip()[-500:]}")
        return parsed(report.read_bytes(), workload)

    def _judged(self, workload: Workload, block: Block, work: Work, seconds: float) -> Measured:
        """A block's cost, void where one of its guards does not hold."""
        void = rules.first_broken(
            [rules.reached(workload, work, block.bytes), rules.deep(workload, block.levels),
             *rules.environment(work, seconds)]
        )  # fmt: skip
        alone = workload.iodepth == 1 and workload.jobs == 1
        flushes = workload.fsync or workload.fdatasync or workload.end_fsync
        cost = block.latency_ns if alone and not flushes else block.seconds * 1e9 / block.operations
        return Measured(cost, block.operations, block.bytes, counted(work), void, self.keep(block.answer))

    def _guards_of(self, container: Container, stratum: str, workload: Workload, name: str) -> Guards:
        found: dict[str, bool] = {}
        if workload.reach == "device":
            found[rules.DIRECT_LOOP] = not buffered_loops(self.stand.home, self.stand.backing.devices)
        if stratum == "lower" and workload.reads and self.copies_up:
            found[rules.LEFT_BELOW] = not self.storage.upper(container, name).exists()
        return found

    @property
    def copies_up(self) -> bool:
        """Whether the driver has an upper directory that is empty until something is changed."""
        return bool(COPY_UP in self.features) and not self.stand.native

    def keep(self, answer: bytes) -> str:
        """Store a program's own answer beside the bundle; where, below the bundle's directory."""
        if self._bundle is None or not answer:
            return ""
        self._raws += 1
        lane = self.stand.lane.id.replace("/", "_").replace(":", "_")
        path = f"raw/{lane}/{self._declaration.slug}-{self._raws:04}.json.gz"
        target = self._bundle.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(answer, 6, mtime=0))
        return path

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
        counters = counted(work)
        if settled:
            counters |= {f"{name}, settled": value for name, value in counted(whole).items()}
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
        return Measured(taken / operations, operations, 0, counted(work), void)

    # --- rows

    def paired(
        self,
        measure: Callable[[Side], Measured],
        *,
        metric: str,
        unit: str = "ns",
        stratum: str = "",
        before: Callable[[], None] = lambda: None,
        guards: Callable[[], Guards] = dict,
        names: tuple[str, str] | None = None,
        workload: Mapping[str, Any] | None = None,
        bins: Mapping[Side, Counter[float]] | None = None,
        rows: int | None = None,
        waits: bool = False,
    ) -> Benchmark:
        """Take rows of one measurement and report it. `guards` are looked at once, after the last row.

        Of what `waits` for something besides its work, the 5th percentile and the mean are published too.
        """
        with self._stage(f"measuring {self._declaration.identity} {stratum}".rstrip()):
            budget = self._budget if rows is None or self.unpublished else replace(self._budget, rows=rows)
            samples = take_rows(budget, lambda side: {None: measure(side)}, before)[None]
        record = self._report(samples, metric, unit, stratum, None, "", guards(), names, workload, bins, waits)
        for counted, calls in self._count_calls(lambda side: {metric: measure(side)}, before, stratum).items():
            self._report_calls(counted, calls, stratum)
        return record

    def sweep(
        self,
        measure: Callable[[Side], Mapping[float, Measured]],
        *,
        axis: str,
        axis_unit: str,
        metric: str,
        unit: str = "ns",
        stratum: str = "",
        before: Callable[[], None] = lambda: None,
        guards: Callable[[], Guards] = dict,
        names: tuple[str, str] | None = None,
        workload: Mapping[str, Any] | None = None,
        waits: bool = False,
    ) -> Trend | None:
        """Take rows that measure every point of an axis; report each point, and how the cost grows along the axis."""
        return self.sweeps(
            lambda side: {(metric, point): found for point, found in measure(side).items()}, axis=axis,
            axis_unit=axis_unit, unit=unit, stratum=stratum, before=before, guards=guards, names=names,
            workload=workload, waits=waits,
        )[metric]  # fmt: skip

    def sweeps(
        self,
        measure: Callable[[Side], Mapping[tuple[str, float], Measured]],
        *,
        axis: str,
        axis_unit: str,
        unit: str = "ns",
        stratum: str = "",
        before: Callable[[], None] = lambda: None,
        guards: Callable[[], Guards] = dict,
        names: tuple[str, str] | None = None,
        workload: Mapping[str, Any] | None = None,
        waits: bool = False,
    ) -> dict[str, Trend | None]:
        """The same of several metrics: rows of each at every point of the axis."""
        with self._stage(f"measuring {self._declaration.identity} {stratum}".rstrip()):
            found = take_rows(self._budget, measure, before)
        holding = guards()
        trends = {}
        for metric in dict.fromkeys(metric for metric, _ in found):
            records = {
                point: self._report(
                    samples, metric, unit, stratum, point, axis_unit, holding, names, workload, waits=waits
                )
                for (name, point), samples in sorted(found.items())
                if name == metric
            }
            trends[metric] = self._trend(records, axis, axis_unit)
        for (metric, point), calls in self._count_calls(measure, before, stratum).items():
            self._report_calls(metric, calls, stratum, point, axis_unit)
        return trends

    def phases(
        self,
        measure: Callable[[Side], Mapping[str, Measured]],
        *,
        unit: str = "ns",
        stratum: str = "",
        before: Callable[[], None] = lambda: None,
        guards: Callable[[], Guards] = dict,
        names: tuple[str, str] | None = None,
        workload: Mapping[str, Any] | None = None,
    ) -> dict[str, Benchmark]:
        """Take rows of several metrics, as of the phases of a job; report each by its name."""
        with self._stage(f"measuring {self._declaration.identity} {stratum}".rstrip()):
            found = take_rows(self._budget, measure, before)
        holding = guards()
        records = {
            metric: self._report(samples, metric, unit, stratum, None, "", holding, names, workload, None)
            for metric, samples in found.items()
        }
        for metric, calls in self._count_calls(measure, before, stratum).items():
            self._report_calls(metric, calls, stratum)
        return records

    # --- system calls

    def _count_calls(
        self, measure: Callable[[Side], Mapping[Point, Measured]], before: Callable[[], None], stratum: str
    ) -> dict[Point, dict[str, Measured]]:
        """Do once more what a row does, for the baseline and for the driver, and count system calls instead of time.

        Where they cannot be counted, nothing is answered, and a warning says why.
        """
        sides: tuple[Side, ...] = ("baseline", "arm")
        found: dict[Point, dict[str, Measured]] = {}
        try:
            with (
                self._stage(f"counting calls of {self._declaration.identity} {stratum}".rstrip()),
                self.system_calls.instead_of_time(),
            ):
                before()
                for side in sides:
                    for point, measured in measure(side).items():
                        found.setdefault(point, {})[side] = measured
        except NotCounted as reason:
            warnings.warn(f"system calls were not counted: {reason}", stacklevel=2)
            return {}
        return found

    def _report_calls(
        self, metric: str, found: Mapping[str, Measured], stratum: str, point: float | None = None, axis_unit: str = ""
    ) -> None:
        baseline, arm = found["baseline"], found["arm"]
        for whose, calls in arm.calls.items():
            plain = baseline.calls.get(whose)
            self.count(
                metric_of(metric, whose), total(calls) / max(1, arm.operations), "calls",
                None if plain is None else total(plain) / max(1, baseline.operations),
                TOLERANCES.get(whose, SERVED), f"of {max(1, arm.operations)} once more, untimed", stratum, point,
                axis_unit, calls, plain or {},
            )  # fmt: skip

    def _report(
        self, samples: Sequence[Sample], metric: str, unit: str, stratum: str, point: float | None, axis_unit: str,
        holding: Guards, names: tuple[str, str] | None, workload: Mapping[str, Any] | None,
        bins: Mapping[Side, Counter[float]] | None = None, waits: bool = False,
    ) -> Benchmark:  # fmt: skip
        names = names or ("native", self.stand.lane.driver.name)
        whole = whole_rows(samples)
        analysis = of_samples(names, samples) if whole else None
        # A record has numbers also where they show nothing; the verdict says so.
        shown = analysis or of_samples(names, [unvoided(sample) for sample in samples])
        voids = Counter(sample.void for sample in samples if sample.void)
        all_guards = {**holding, **{sentence: bool(whole) for sentence in voids}}
        verdict, reason = answer(all_guards, analysis, next(iter(voids), ""))
        record = Benchmark(
            lane=self.stand.lane.id, benchmark=named(self._declaration.identity, stratum, point, axis_unit),
            nodeid=self._nodeid, at=now(), metric=metric, unit=unit, baseline=shown.baseline, arm=shown.arm,
            ratio=shown.ratio.ratio, ratio_low=shown.ratio.low, ratio_high=shown.ratio.high, verdict=verdict,
            reason=reason, counters=per_operation(samples), guards=all_guards, workload=dict(workload or {}),
            promise=self._declaration.promise, stratum=stratum, tier=self.tier, point=point,
            twin=shown.twin_record(), samples=list(samples), unpublished=self.unpublished,
            method={"version": METHOD, "seed": SEED, "rows": len(whole), "void rows": len(samples) // 3 - len(whole)},
        )  # fmt: skip
        if bins is not None:
            record = with_quantiles(record, bins)
        if waits:
            record = with_work_and_wait(record)
        self._write(record)
        self._hand_on(record, shown)
        return record

    def _hand_on(self, record: Benchmark, analysis: Analysis) -> None:
        """Both sides into pytest-benchmark's table."""
        scale = SECONDS[record.unit]
        extra = {"lane": record.lane, "benchmark": record.benchmark, "metric": record.metric, "verdict": record.verdict,
                 "ratio": record.ratio, "interval": [record.ratio_low, record.ratio_high]}  # fmt: skip
        label = f"{record.benchmark.removeprefix(self._declaration.identity).strip('/@')} {record.metric}"
        for arm in (analysis.baseline, analysis.arm):
            name = " ".join(f"{arm.name} {label}".split())
            hand_on(self._benchmark, self._clock, name, [value * scale for value in arm.samples], extra)

    def _trend(self, records: Mapping[float, Benchmark], axis: str, axis_unit: str) -> Trend | None:
        valid = {point: record for point, record in records.items() if record.verdict != "invalid"}
        if len(valid) < 2:
            return None
        some = next(iter(valid.values()))
        baseline, arm = (
            curve(side.name, {point: getattr(record, which).samples for point, record in valid.items()})
            for which, side in (("baseline", some.baseline), ("arm", some.arm))
        )
        trend = Trend(
            lane=some.lane, benchmark=some.benchmark.partition("@")[0], nodeid=self._nodeid, at=now(), axis=axis,
            axis_unit=axis_unit, metric=some.metric, unit=some.unit, baseline=baseline, arm=arm,
            verdict=trend_verdict(baseline, arm), promise=some.promise, stratum=some.stratum, tier=self.tier,
            reason="" if len(valid) == len(records) else f"{len(records) - len(valid)} points are invalid",
            unpublished=self.unpublished,
        )  # fmt: skip
        self._write(trend)
        return trend

    def count(
        self, metric: str, value: float, unit: str, baseline: float | None = None, tolerance: float = 0.0,
        note: str = "", stratum: str = "", point: float | None = None, axis_unit: str = "",
        parts: Mapping[str, float] | None = None, baseline_parts: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        """Report a number that needs no clock."""
        self._write(
            Count(
                lane=self.stand.lane.id, benchmark=named(self._declaration.identity, stratum, point, axis_unit),
                nodeid=self._nodeid, at=now(), metric=metric, unit=unit, value=float(value),
                baseline=None if baseline is None else float(baseline), tolerance=tolerance,
                promise=self._declaration.promise, tier=self.tier, note=note, parts=dict(parts or {}),
                baseline_parts=dict(baseline_parts or {}),
            )
        )  # fmt: skip

    @property
    def unpublished(self) -> str:
        """Why times of this machine mean nothing to others, or an empty string."""
        accelerator = getattr(getattr(self.stand.machine, "guest", None), "accelerator", None)
        if accelerator is not None and accelerator.name == "tcg":
            return "measured under emulation: counters are exact, times are not those of any machine"
        return ""

    def _write(self, record: Benchmark | Trend | Count) -> None:
        self.reported += 1
        if self._bundle is not None:
            self._bundle.write(record)

    def close(self) -> None:
        """Remove what was made."""
        self.containers.close()
        self.stand.home.run(["rm", "-r", "-f", self.stand.home.inside(self._outside)])


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


def counted(work: Work) -> dict[str, float]:
    """A device's work, as a sample names it."""
    return {f"device {name}": value for name, value in work.device.items()}


def filler(size: int) -> File:
    """A file of `size` bytes that no file system stores as a hole or compresses to nothing."""
    piece = filling()
    return File(content=(piece * (size // len(piece) + 1))[:size])


@cache
def filling() -> bytes:
    """What it is filled with, over and over."""
    return bytes((at * 167 + (at >> 8) * 13 + (at >> 16) * 7) & 0xFF for at in range(1 << 16))


def fill(fs: Process, path: str, size: int) -> None:
    """Write such a file through a process, on the device when this returns."""
    piece = filler(1 << 20).content
    fs.store(path, b"")
    descriptor = fs.open(path, os.O_WRONLY)
    for offset in range(0, size, len(piece)):
        fs.pwrite(descriptor, piece[: size - offset], offset)
    fs.fsync(descriptor, 120)
    fs.close(descriptor)


def job_file(workload: Workload, file: str) -> bytes:
    """The workload as a user would write it into a job file."""
    options = [word.removeprefix("--") for word in workload.arguments(file, "")]
    mine = [word for word in options if word.partition("=")[0] not in ("name", "output", "output-format", "readonly")]
    return f"[{workload.name}]\n{chr(10).join(mine)}\n".encode()


def named(identity: str, stratum: str, point: float | None, unit: str) -> str:
    """`block/workload/stratum@point`; a size in bytes is written in KiB or MiB."""
    name = f"{identity}/{stratum}" if stratum else identity
    if point is None:
        return name
    whole = int(point)
    if unit == "B" and whole >= 1 << 20 and whole % (1 << 20) == 0:
        return f"{name}@{whole >> 20}MiB"
    if unit == "B" and whole >= 1 << 10 and whole % (1 << 10) == 0:
        return f"{name}@{whole >> 10}KiB"
    return f"{name}@{point:g}"


def per_operation(samples: Sequence[Sample]) -> dict[str, float]:
    """What the arm's whole rows took of each counter, for one operation where operations are counted."""
    mine = [row["arm"] for row in whole_rows(samples)]
    operations = sum(sample.operations for sample in mine)
    names = {name for sample in mine for name in sample.counters}
    found = {}
    for name in sorted(names):
        total = sum(sample.counters.get(name, 0.0) for sample in mine)
        found[f"{name} per operation" if operations else name] = total / (operations or 1)
    return found


def with_quantiles(record: Benchmark, bins: Mapping[Side, Counter[float]]) -> Benchmark:
    both = bins["baseline"] + bins["again"]
    sides = {"baseline": (record.baseline, both), "arm": (record.arm, bins["arm"])}
    replaced = {
        name: msgspec.structs.replace(side, quantiles=quantiles(found, wanted(found)))
        for name, (side, found) in sides.items()
    }
    return msgspec.structs.replace(record, **replaced)


def with_work_and_wait(record: Benchmark) -> Benchmark:
    """Of what is done and then waits, as for the next full second: the work alone, and what a user waits on average."""
    sides = {
        name: msgspec.structs.replace(side, quantiles={
            "work (p5)": statistics.quantiles(side.samples, n=20, method="inclusive")[0],
            "wait (mean)": statistics.fmean(side.samples),
        })
        for name, side in (("baseline", record.baseline), ("arm", record.arm))
    }  # fmt: skip
    return msgspec.structs.replace(record, **sides)


def wanted(bins: Mapping[float, int]) -> dict[str, float]:
    """The quantiles that so many operations can tell."""
    total = sum(bins.values())
    return {name: share for name, share in QUANTILES.items() if total * (1 - share) >= 10}
