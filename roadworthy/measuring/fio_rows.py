"""Rows of fio jobs: a workload's file on each side, its blocks, and their guards."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from roadworthy.calls.process import Process
from roadworthy.engines.containers import Container
from roadworthy.engines.dockerd import Dockerd
from roadworthy.measuring import guards as rules
from roadworthy.measuring.counters import Work, buffered_loops
from roadworthy.measuring.design import SIDES, Budget, Measured, Side
from roadworthy.measuring.filler import fill, filler
from roadworthy.measuring.fio import Block, FioFailed, parsed, run_beside, run_block, run_together, words_beside
from roadworthy.measuring.ground import Ground
from roadworthy.measuring.guards import Guards
from roadworthy.measuring.rows import Rows
from roadworthy.measuring.system_calls import of_fio
from roadworthy.measuring.workloads import Workload, load
from roadworthy.reasons import Unsupported
from roadworthy.reports.records import Benchmark, Trend
from roadworthy.trees.layers import File

#: Both ways to start a job run the same program, so that even a difference of 1 % would matter.
CLOSELY = Budget(seconds=150.0, rows=40, narrow=0.02)


class FioRows:
    """fio jobs of one benchmark, on its own files. Calling the object measures one workload; methods measure others."""

    def __init__(self, ground: Ground, rows: Rows, seconds: float | None = None) -> None:
        """`seconds` is the budget that the user gives each benchmark, None for that of its tier."""
        self._ground = ground
        self._rows = rows
        self._seconds = seconds
        self._home = ground.stand.home
        self._tools = ground.stand.toolbox
        self._meter = ground.meter
        self._calls = rows.system_calls
        #: The file in which fio leaves its answer in a container, unless several run at once.
        self._report = f"{ground.volume}/report.json"

    def __call__(self, named: str | Workload, stratum: str) -> Benchmark:
        """Measure a workload on a file of the stratum against a file of the volume, in one container."""
        workload = load(named) if isinstance(named, str) else named
        container, fs = self._begin(workload, stratum)
        bins: dict[Side, Counter[float]] = {"baseline": Counter(), "again": Counter(), "arm": Counter()}

        def measure(side: Side) -> Measured:
            measured, block = self._block(fs, side, workload, "file")
            bins[side].update(block.bins)
            return measured

        record = self._rows.paired(
            measure, metric="time per I/O", unit="ns", stratum=stratum,
            guards=lambda: self._guards_of(container, stratum, workload, "file"),
            workload=described(workload),
            bins=bins,
        )  # fmt: skip
        fs.leave()
        return record

    def scale(self, name: str, stratum: str, jobs: Sequence[int]) -> Trend | None:
        """Measure how the cost of an I/O grows with the number of jobs that run the workload in parallel."""
        workload = load(name)
        container, fs = self._begin(workload, stratum)
        trend = self._rows.sweep(
            lambda side, count: self._block(fs, side, replace(workload, jobs=int(count)), "file")[0], jobs,
            axis="jobs", axis_unit="jobs", metric="time per I/O", stratum=stratum,
            guards=lambda: self._guards_of(container, stratum, workload, "file"),
            workload=described(workload),
        )  # fmt: skip
        fs.leave()
        return trend

    def together(self, metrics: Mapping[str, str], stratum: str) -> dict[str, Benchmark]:
        """Measure workloads that run in parallel, each on its own file; `metrics` has the workload of each metric."""
        workloads = {metric: load(name) for metric, name in metrics.items()}
        container = self._ground.container(self._ground.everywhere({}))
        processes = [self._ground.process(container) for _ in workloads]
        for workload in workloads.values():
            self._lay_out(processes[0], workload.name, filler(workload.size))
        self._ground.settle()
        reports = [f"{self._ground.volume}/{workload.name}.json" for workload in workloads.values()]

        def measure(side: Side) -> dict[str, Measured]:
            where = self._ground.directory(side)
            if self._calls.counting:  # in turn: counts do not depend on which one waits
                return {metric: self._counted_block(fs, workload.shortened(), workload.name, report, where)[0]
                        for (metric, workload), fs, report
                        in zip(workloads.items(), processes, reports, strict=True)}  # fmt: skip
            begun = time.monotonic()
            with self._meter.counting() as work:
                blocks = run_together(self._tools, processes, list(workloads.values()), reports, where)
            seconds = time.monotonic() - begun
            return {metric: self._judged(workload, block, work, seconds)
                    for (metric, workload), block in zip(workloads.items(), blocks, strict=True)}  # fmt: skip

        first = next(iter(workloads.values()))
        records = self._rows.phases(
            measure, stratum=stratum, guards=lambda: self._guards_of(container, stratum, first, ""),
            workload={workload.name: workload.arguments("FILE", "REPORT") for workload in workloads.values()},
        )  # fmt: skip
        for fs in processes:
            fs.leave()
        return records

    def beside(self, name: str) -> Benchmark:
        """Measure a file on the volume in a container against the same file on the machine: the cost of a container."""
        workload = load(name)
        container = self._ground.container(self._ground.everywhere({}))
        fs = self._ground.process(container)
        inside, outside = self._ground.path("baseline", "file"), self._ground.on_volume("baseline") / "file"
        self._ground.lay_out("source", {"file": filler(workload.size)})
        self._ground.make_anew()
        report = self._ground.outside / "beside.json"

        def measure(side: Side) -> Measured:
            if self._calls.counting:
                return count(side, workload.shortened())
            if side == "arm":
                return self._timed(workload, lambda: run_block(fs, self._tools, workload, inside, self._report))[0]
            return self._timed(workload, lambda: run_beside(self._home, self._tools, workload, outside, report))[0]

        def count(side: Side, short: Workload) -> Measured:
            if side == "arm":
                return self._counted_block(fs, short, inside, self._report)[0]
            calls = self._calls.beside(words_beside(self._home, self._tools, short, outside, report))
            return Measured(0.0, parsed(report.read_bytes(), short).operations, calls=of_fio(calls))

        record = self._rows.paired(
            measure, metric="time per I/O", unit="ns", names=("host", "native"),
            guards=lambda: self._guards_of(container, "", workload, ""),
            workload=described(workload),
        )  # fmt: skip
        fs.leave()
        return record

    def by_hand(self, name: str) -> Benchmark:
        """Measure a job that the suite starts against the same job started from a job file with `docker exec`.

        Raises Unsupported if the engine has no docker command.
        """
        workload = load(name)
        container = self._ground.container(self._ground.everywhere({}))
        fs = self._ground.process(container)
        file, job = f"{self._ground.volume}/file", f"{self._ground.volume}/job.fio"
        fill(fs, file, workload.size)
        fs.store(job, job_file(workload, file))
        self._ground.settle()

        def measure(side: Side) -> Measured:
            if side == "arm":
                return self._timed(workload, lambda: run_block(fs, self._tools, workload, file, self._report))[0]
            return self._timed(workload, lambda: self._typed(container, job, workload))[0]

        budget = CLOSELY if self._seconds is None else replace(CLOSELY, seconds=self._seconds)
        record = self._rows.paired(
            measure, metric="time per I/O", unit="ns", stratum=name, names=("by hand", "suite"), budget=budget,
            workload=described(workload),
        )  # fmt: skip
        fs.leave()
        return record

    def everywhere(self, name: str, workload: str) -> str:
        """Put a file that a workload writes into an image and on every side of the volume; return the image.

        Unlike Ground.everywhere, this can make a file that is too large for an image archive.
        """
        image = self._ground.everywhere({})
        container = self._ground.container(image)
        fs = self._ground.process(container)
        for side in SIDES:
            fs.store(self._ground.path(side, name), b"")
            fs.truncate(self._ground.path(side, name), load(workload).size)
            self.job(fs, workload, self._ground.path(side, name))
        fs.leave()
        self._ground.settle()
        if not self._ground.stand.native:
            with self._ground.engine.patience(600):
                image = self._ground.containers.commit(container)
        container.remove()
        self._ground.containers.forget(container)
        return image

    def job(self, fs: Process, name: str, path: str) -> None:
        """Run a workload on a file for its effect, without measuring it."""
        fs.timed_run(*self._ground.tool("fio", *load(name).arguments(path, self._report)), patience=600)

    def _begin(self, workload: Workload, stratum: str) -> tuple[Container, Process]:
        """Start a container and a process, with the workload's file on each side, on the device or in the cache."""
        content = filler(workload.size)
        container = self._ground.container(self._ground.everywhere({"file": content} if stratum == "lower" else {}))
        fs = self._ground.process(container)
        if stratum == "upper":
            self._lay_out(fs, "file", content)
        self._ground.settle()
        if workload.reach == "cache":
            for side in SIDES:
                self._ground.read_anew(fs, self._ground.path(side, "file"))
        return container, fs

    def _lay_out(self, fs: Process, name: str, content: File) -> None:
        """Put a file on each side, copied by one program, because the size of writes decides the size of folios.

        A file that is written in one go can lie in the page cache in larger folios than its copy, and then writing and
        syncing 4 KiB of it takes a different time.
        """
        self._ground.lay_out("written", {name: content})
        copy = self._ground.tool("cp", "--reflink=never", "--sparse=never", f"{self._ground.volume}/written/{name}")
        for side in SIDES:
            fs.timed_run(*copy, self._ground.path(side, name), patience=300)

    def _block(self, fs: Process, side: Side, workload: Workload, file: str) -> tuple[Measured, Block]:
        """Run one block in a side's directory of a container, and judge it."""
        where = self._ground.directory(side)
        if workload.fresh:
            fs.truncate(f"{where}/{file}", 0)
            fs.truncate(f"{where}/{file}", workload.size)
            self._ground.settle()
        if self._calls.counting:
            return self._counted_block(fs, workload.shortened(), file, self._report, where)
        return self._timed(workload, lambda: run_block(fs, self._tools, workload, file, self._report, where))

    def _timed(self, workload: Workload, run: Callable[[], Block]) -> tuple[Measured, Block]:
        """Measure the block that `run` runs, and judge it."""
        begun = time.monotonic()
        with self._meter.counting() as work:
            block = run()
        return self._judged(workload, block, work, time.monotonic() - begun), block

    def _counted_block(
        self, fs: Process, workload: Workload, file: str, report: str, directory: str = "/"
    ) -> tuple[Measured, Block]:
        """Run one block under a tracer, and count its system calls."""
        argv = self._ground.tool("fio", *workload.arguments(file, report))
        calls = self._calls.of_process(fs, (), argv, directory)
        block = parsed(fs.load(report), workload)
        return Measured(0.0, block.operations, block.bytes, calls=of_fio(calls)), block

    def _typed(self, container: Container, job: str, workload: Workload) -> Block:
        """Run `docker exec CONTAINER fio --output=… job.fio`. Raises FioFailed, or Unsupported without docker(1)."""
        if not isinstance(self._ground.engine, Dockerd):
            raise Unsupported("typing a job by hand needs the docker command, which this engine lacks")
        only = ["--readonly"] if workload.reads else []
        fio = self._tools.command("fio", f"--output={job}.json", "--output-format=json+", *only, job)
        said = self._ground.engine.command("exec", container.id, *fio)
        report = self._ground.outside / "job.fio.json"
        if not report.exists():
            raise FioFailed(f"fio by hand wrote no report: {said.strip()[-500:]}")
        return parsed(report.read_bytes(), workload)

    def _judged(self, workload: Workload, block: Block, work: Work, seconds: float) -> Measured:
        """Make a measurement of a block, void if one of its guards does not hold."""
        void = rules.first_broken(
            [rules.reached(workload, work, block.bytes), rules.deep(workload, block.levels),
             *rules.environment(work, seconds)]
        )  # fmt: skip
        alone = workload.iodepth == 1 and workload.jobs == 1
        flushes = workload.fsync or workload.fdatasync or workload.end_fsync
        cost = block.latency_ns if alone and not flushes else block.seconds * 1e9 / block.operations
        raw = self._rows.reporter.keep(block.answer)
        return Measured(cost, block.operations, block.bytes, work.counters(), void, raw)

    def _guards_of(self, container: Container, stratum: str, workload: Workload, name: str) -> Guards:
        found: dict[str, bool] = {}
        if workload.reach == "device":
            found[rules.DIRECT_LOOP] = not buffered_loops(self._home, self._ground.stand.backing.devices)
        if stratum == "lower" and workload.reads and self._ground.copies_up:
            found[rules.LEFT_BELOW] = not self._ground.storage.upper(container, name).exists()
        return found


def described(workload: Workload) -> dict[str, Any]:
    """The workload as a record shows it."""
    return {"promise": workload.promise, "arguments": workload.arguments("FILE", "REPORT")}


def job_file(workload: Workload, file: str) -> bytes:
    """The job file that a user would write for the workload."""
    options = [word.removeprefix("--") for word in workload.arguments(file, "")]
    mine = [word for word in options if word.partition("=")[0] not in ("name", "output", "output-format", "readonly")]
    return f"[{workload.name}]\n{chr(10).join(mine)}\n".encode()
