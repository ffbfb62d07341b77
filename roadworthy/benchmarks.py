"""One benchmark on one lane: runs both sides of a workload, checks the guards, and reports to every reader."""

from __future__ import annotations

import os
from typing import Any

from reports.records import Benchmark
from roadworthy.engines.containers import VOLUME
from roadworthy.evidence import Evidence
from roadworthy.fio import Block, run_block
from roadworthy.paired import alternate, compare
from roadworthy.process import Process
from roadworthy.results import BundleWriter, now
from roadworthy.stand import Stage, Stand
from roadworthy.workloads import Workload, load

#: The share of the requested bytes that the device has to have seen, for a job that goes past the page cache.
DEVICE_SHARE = 0.9


class VirtualClock:
    """A clock for pytest-benchmark that moves only by what fio measured, so that its table shows fio's times."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def __call__(self) -> float:
        return self._seconds

    def advance(self, seconds: float) -> None:
        self._seconds += seconds


class Paired:
    """`paired("randread-4k").report()`: measure, then write the result to the bundle and to pytest-benchmark."""

    def __init__(
        self, stand: Stand, nodeid: str, bundle: BundleWriter | None, benchmark: Any, clock: VirtualClock, stage: Stage
    ) -> None:
        self._stage = stage
        self._stand = stand
        self._nodeid = nodeid
        self._bundle = bundle
        self._benchmark = benchmark
        self._clock = clock
        self._result: Benchmark | None = None

    def __call__(self, name: str) -> Paired:
        """Measure a workload in a file of the container's writable layer against one on the volume."""
        workload = load(name)
        fs = self._stand.container().process("/", Evidence())
        places = {"native": f"{VOLUME}/{name}", "upper": f"{VOLUME if self._stand.native else '/tmp'}/{name}-upper"}
        for place in places.values():
            fill(fs, place, workload.size)
        before = self._stand.backing.device_counters()
        blocks: list[Block] = []

        def measure(place: str) -> float:
            blocks.append(run_block(fs, self._stand.toolbox, workload, place))
            return blocks[-1].latency_ns

        with self._stage(f"measuring {name}"):
            samples = alternate(lambda: measure(places["native"]), lambda: measure(places["upper"]))
        after = self._stand.backing.device_counters()
        fs.leave()
        counters = {key: float(after[key] - before[key]) for key in after}
        guards = guarded(workload, blocks, counters)
        compared = compare(("native", self._stand.lane.driver.name), *samples)
        broken = [sentence for sentence, holds in guards.items() if not holds]
        self._result = Benchmark(
            lane=self._stand.lane.id, benchmark=f"{name}/upper", nodeid=self._nodeid, at=now(),
            metric="mean completion latency of an I/O", unit="ns", baseline=compared.baseline, arm=compared.arm,
            ratio=compared.ratio, ratio_low=compared.low, ratio_high=compared.high, verdict=compared.verdict(guards),
            reason="; ".join(f"not true: {sentence}" for sentence in broken), counters=counters, guards=guards,
            workload={"promise": workload.promise, "arguments": workload.arguments("FILE", "REPORT")},
        )  # fmt: skip
        return self

    def report(self) -> None:
        """Hand the result on. Raises AssertionError where nothing was measured."""
        assert self._result is not None, "nothing was measured: call paired(workload) first"
        if self._bundle is not None:
            self._bundle.write(self._result)
        rounds = iter(self._result.arm.samples)
        self._benchmark.extra_info.update(
            lane=self._result.lane, ratio=self._result.ratio, verdict=self._result.verdict,
            interval=[self._result.ratio_low, self._result.ratio_high], native=self._result.baseline.median,
        )  # fmt: skip
        self._benchmark.pedantic(
            lambda: self._clock.advance(next(rounds) / 1e9), rounds=len(self._result.arm.samples), iterations=1
        )


def fill(fs: Process, path: str, size: int) -> None:
    """A file of `size` bytes that no file system stores as a hole, on the device before anything is measured."""
    piece = bytes(range(256)) * 4096
    fs.store(path, b"")
    descriptor = fs.open(path, os.O_WRONLY)
    for offset in range(0, size, len(piece)):
        fs.pwrite(descriptor, piece, offset)
    fs.fsync(descriptor)
    fs.close(descriptor)


def guarded(workload: Workload, blocks: list[Block], counters: dict[str, float]) -> dict[str, bool]:
    """What has to be true for the numbers to mean anything, as sentences."""
    asked = sum(block.bytes for block in blocks)
    guards = {"the data root lies on a block device that counts": bool(counters)}
    if workload.direct and counters:
        seen = counters["bytes read"] if workload.reads else counters["bytes written"]
        guards["the device saw the bytes that the workload asked for"] = seen >= DEVICE_SHARE * asked
    return guards
