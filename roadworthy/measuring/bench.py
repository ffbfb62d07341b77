"""The object that benchmarks use: files on every side, containers, calls and programs in them, and rows of these."""

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
    """One benchmark on one lane: its files and containers, and the rows that it takes."""

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
        self._name = declaration.slug

    def __repr__(self) -> str:
        return f"<bench {self._name}>"

    # --- calls and programs in a container

    def calls(
        self, fs: Process, side: Side, rows: Sequence[Sequence[Any]], each: slice = slice(None), operations: int = 0,
        settled: bool = False, cold: int = 0,
    ) -> Measured:  # fmt: skip
        """Make calls one after another (see Process.timed); measure the mean time, in ns, of those that `each` selects.

        The calls run in the side's directory and name files relative to it, so that paths are equal on every side.
        `operations` is the number of operations, if it is not one a call. With `settled`, counters named `…, settled`
        also count the device's work until nothing is pending. `cold` is how many bytes the device has to read.
        """
        if self.system_calls.counting:
            calls = self.system_calls.of_process(fs, rows, (), self.directory(side))
            return Measured(0.0, operations or len(rows[each]), calls=calls)
        begun = time.monotonic()
        with self.meter.counting() as whole:
            with self.meter.counting() as work:
                timed = fs.timed(rows, 300, self.directory(side))
            seconds = time.monotonic() - begun
            if settled:
                self.settle()
        counters = work.counters()
        if settled:
            counters |= {f"{name}, settled": value for name, value in whole.counters().items()}
        taken = timed.each[each]
        operations = operations or len(taken)
        reached = rules.REACHED, work.device.get("bytes read", 0.0) >= rules.DEVICE_SHARE * cold
        void = rules.first_broken([reached, *rules.environment(work, seconds, timed)])
        return Measured(sum(taken) / operations, operations, 0, counters, void)

    def trace(self, name: str) -> Trace:
        """Load the recorded trace `name`, see workloads/traces. Raises WorkloadError."""
        return load_trace(name)

    def replay(self, fs: Process, side: Side, trace: Trace, place: str) -> Measured:
        """Replay a trace on the tree at `place` in the side's directory; measure the mean time of a call, in ns."""
        return self.calls(fs, side, trace.rows(place, filler(MOST_BYTES).content), settled=True)

    def program(self, fs: Process, side: Side, *argv: str, operations: int = 1) -> Measured:
        """Run a program in the side's directory; measure its time, start included, in ns per one of `operations`."""
        where = self.directory(side)
        if self.system_calls.counting:
            return Measured(0.0, operations, calls=self.system_calls.of_process(fs, (), argv, where))
        begun = time.monotonic()
        with self.meter.counting() as work:
            timed = fs.timed_run(*argv, patience=300, directory=where)
        void = rules.first_broken([*rules.environment(work, time.monotonic() - begun, timed)])
        return Measured(sum(timed.each) / operations, operations, 0, work.counters(), void)

    def null(self, records: Mapping[str, Benchmark]) -> Null:
        """Judge records of work in which the driver plays no part."""
        return null_of(self.stand.lane.id, list(records.values()))

    # --- services

    #: Kinds of services, by what a service does before it answers.
    service_kinds = KINDS

    def service(self, *depths: int) -> list[str]:
        """Make an image of each depth, a service (see services.py) in its lowest layer, and a copy on the volume."""
        tree = service_tree(self.stand.toolbox, filler(32 << 20), filler(8 << 20))
        self.everywhere(tree)
        return [self.containers.image(tree, *({f"layer{at}": b"x"} for at in range(1, depth))) for depth in depths]

    def until_answer(self, side: Side, image: str, kind: str) -> Measured:
        """Measure the time from the start of a container of the image to its service's first answer, in ms.

        The service runs from the side's directory, in the image or on the volume; `kind` is one of `service_kinds`.
        """
        command = service_command(self.stand.toolbox, self.directory(side), self.service_kinds[kind])
        container = self.containers.create(image, command=command, stdin_open=True, stop_signal="SIGKILL")
        measured = self.life.until_answer(container, b"hello\n")
        container.remove()
        self.containers.forget(container)
        return measured
