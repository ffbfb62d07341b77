"""What a benchmark measures with: files in both places, containers, calls and programs in them, and rows of those."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from roadworthy.calls.process import Process
from roadworthy.declaring.benchmarks import Declaration
from roadworthy.lane.software import Software
from roadworthy.lane.stand import Stand
from roadworthy.measuring import guards as rules
from roadworthy.measuring.clock import VirtualClock
from roadworthy.measuring.design import Measured, Side, budget_of
from roadworthy.measuring.filler import filler
from roadworthy.measuring.fio_rows import FioRows
from roadworthy.measuring.ground import Ground
from roadworthy.measuring.life import ByTar, Life, Stopwatch
from roadworthy.measuring.reporting import Reporter
from roadworthy.measuring.rows import Rows
from roadworthy.measuring.services import KINDS, service_command, service_tree
from roadworthy.measuring.system_calls import SystemCalls
from roadworthy.measuring.traces import MOST_BYTES, Trace, load_trace
from roadworthy.reports.null import Null, null_of
from roadworthy.reports.records import Benchmark
from roadworthy.run.results import BundleWriter
from roadworthy.stage import Stage


class Bench(Rows, Ground):
    """One benchmark on one lane: what it measures on, and the rows that it takes there."""

    def __init__(
        self, stand: Stand, declaration: Declaration, nodeid: str, bundle: BundleWriter | None, benchmark: Any,
        clock: VirtualClock, stage: Stage, seconds: float | None = None,
        software: Callable[[], Software] | None = None,
    ) -> None:  # fmt: skip
        Ground.__init__(self, stand, declaration.slug, software or (lambda: stand.software(False, stage)))
        withheld = stand.machine.times_withheld
        Rows.__init__(
            self,
            Reporter(stand.lane, declaration, nodeid, bundle, benchmark, clock, withheld, self.flush_takes),
            SystemCalls(
                stand.home, stand.toolbox, f"{self.volume}/calls", stand.engine.daemon_pid, stand.lane.driver.server,
                timed=not withheld,
            ),
            budget_of(declaration.tier, seconds, timed=not withheld), stage,
        )  # fmt: skip
        #: Timed requests to the engine.
        self.life = Life(stand.engine, self.containers, Stopwatch(self.meter, self.system_calls))
        self.by_tar = ByTar(stand.home, self.outside, Stopwatch(self.meter))
        self.fio = FioRows(self, self, seconds)
        #: Reports a number that needs no clock.
        self.count = self.reporter.count

    # --- calls and programs in a container

    def calls(
        self, fs: Process, side: Side, rows: Sequence[Sequence[Any]], each: slice = slice(None), operations: int = 0,
        settled: bool = False, cold: int = 0,
    ) -> Measured:  # fmt: skip
        """Calls one after another (see Process.timed): what one of those in `each` took, as seen in the container.

        They are made in the side's directory and name its files from there, so that they name the same on every side.
        `operations` is how many they amount to, where that is not one each. With `settled` the device's work until
        nothing is pending is counted, too, under a name of its own. `cold` are the bytes that the device has to read.
        """
        if self.system_calls.counting:
            calls = self.system_calls.of_process(fs, rows, (), self.directory(side))
            return Measured(0.0, operations or len(rows[each]), calls=calls)
        begun = time.monotonic()
        with self.meter.counting() as whole:
            with self.meter.counting() as work:
                taken = fs.timed(rows, 300, self.directory(side))[each]
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

    def replay(self, fs: Process, side: Side, trace: Trace, place: str) -> Measured:
        """What one of a trace's calls took on the tree at `place`, in the side's directory."""
        return self.calls(fs, side, trace.rows(place, filler(MOST_BYTES).content), settled=True)

    def program(self, fs: Process, side: Side, *argv: str, operations: int = 1) -> Measured:
        """A program run to its end in the side's directory: what one of its `operations` took, its start included."""
        where = self.directory(side)
        if self.system_calls.counting:
            return Measured(0.0, operations, calls=self.system_calls.of_process(fs, (), argv, where))
        begun = time.monotonic()
        with self.meter.counting() as work:
            taken = fs.timed_run(*argv, patience=300, directory=where)
        void = rules.first_broken([*rules.environment(work, time.monotonic() - begun)])
        return Measured(taken / operations, operations, 0, work.counters(), void)

    def null(self, records: Mapping[str, Benchmark]) -> Null:
        """What cells show in which no driver has a hand."""
        return null_of(self.stand.lane.id, list(records.values()))

    # --- services

    #: What a service does before it answers.
    service_kinds = KINDS

    def service(self, *depths: int) -> list[str]:
        """Images with a service (see services.py) in the lowest of so many layers, and the same one on the volume."""
        tree = service_tree(self.stand.toolbox, filler(32 << 20), filler(8 << 20))
        self.everywhere(tree)
        return [self.containers.image(tree, *({f"layer{at}": b"x"} for at in range(1, depth))) for depth in depths]

    def until_answer(self, side: Side, image: str, kind: str) -> Measured:
        """What a container of the image takes from its start to its service's first answer.

        The service lies in the image, or on the volume; `kind` is what it does first, one of `service_kinds`.
        """
        command = service_command(self.stand.toolbox, self.directory(side), self.service_kinds[kind])
        container = self.containers.create(image, command=command, stdin_open=True, stop_signal="SIGKILL")
        measured = self.life.until_answer(container, b"hello\n")
        container.remove()
        self.containers.forget(container)
        return measured
