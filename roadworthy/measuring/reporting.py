"""Makes records of samples, and writes them to the bundle and to pytest-benchmark's table."""

from __future__ import annotations

import gzip
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from roadworthy.declaring.benchmarks import Declaration
from roadworthy.lane.lanes import Lane
from roadworthy.measuring.clock import VirtualClock, hand_on
from roadworthy.measuring.design import Measured, Side
from roadworthy.measuring.guards import Guards
from roadworthy.measuring.statistics import (
    METHOD,
    SEED,
    answer,
    curve,
    of_samples,
    quantiles,
    trend_verdict,
    unvoided,
    whole_rows,
)
from roadworthy.measuring.system_calls import ENGINE, metric_of, total
from roadworthy.reports.records import Added, Benchmark, Count, Sample, Trend
from roadworthy.run.results import RAW, BundleWriter, now

#: Units of time in seconds.
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
#: The share by which a count of system calls may differ: of a program, of a daemon that also does other work, and of a
#: driver's server, which releases files asynchronously.
TOLERANCES, SERVED = {"": 0.02, ENGINE: 0.1}, 0.5
#: Quantiles of single operations; p99.9 needs ten thousand operations.
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


class Reporter:
    """Makes the records of one benchmark on one lane, and writes them."""

    def __init__(
        self, lane: Lane, declaration: Declaration, nodeid: str, bundle: BundleWriter | None, benchmark: Any,
        clock: VirtualClock, unpublished: str = "", flush: Callable[[], float] = lambda: 0.0,
    ) -> None:  # fmt: skip
        """`flush` measures a write and its flush on the lane's device, in nanoseconds.

        `unpublished` is the reason why times of this machine mean nothing, or an empty string.
        """
        self.declaration = declaration
        #: Why times of this machine mean nothing to others, or an empty string.
        self.unpublished = unpublished
        #: How many records were written.
        self.reported = 0
        self._lane = lane
        self._nodeid = nodeid
        self._bundle = bundle
        self._benchmark = benchmark
        self._clock = clock
        self._raws = 0
        self._flush = flush
        self._flush_takes: float | None = None

    def cost(
        self, samples: Sequence[Sample], metric: str, unit: str, stratum: str, point: float | None, axis_unit: str,
        holding: Guards, names: tuple[str, str] | None, workload: Mapping[str, Any] | None,
        bins: Mapping[Side, Counter[float]] | None = None, waits: bool = False,
    ) -> Benchmark:  # fmt: skip
        """Analyse the rows of one metric, and write the record."""
        names = names or ("native", self._lane.driver.name)
        whole = whole_rows(samples)
        analysis = of_samples(names, samples) if whole else None
        # A record has numbers even if they show nothing; its verdict is then `invalid`.
        shown = analysis or of_samples(names, [unvoided(sample) for sample in samples])
        voids = Counter(sample.void for sample in samples if sample.void)
        all_guards = {**holding, **{sentence: bool(whole) for sentence in voids}}
        verdict, reason = answer(all_guards, analysis, next(iter(voids), ""))
        record = Benchmark(
            lane=self._lane.id, benchmark=named(self.declaration.identity, stratum, point, axis_unit),
            nodeid=self._nodeid, at=now(), metric=metric, unit=unit, baseline=shown.baseline, arm=shown.arm,
            ratio=shown.ratio.ratio, ratio_low=shown.ratio.low, ratio_high=shown.ratio.high, verdict=verdict,
            reason=reason, counters=per_operation(samples), guards=all_guards, workload=dict(workload or {}),
            promise=self.declaration.promise, stratum=stratum, tier=self.declaration.tier, point=point,
            twin=shown.twin_record(), samples=list(samples), unpublished=self.unpublished,
            added=self._with_flush(shown.added, unit),
            method={"version": METHOD, "seed": SEED, "rows": len(whole), "void rows": len(samples) // 3 - len(whole)},
        )  # fmt: skip
        if bins is not None:
            record = with_quantiles(record, bins)
        if waits:
            record = with_work_and_wait(record)
        self._write(record)
        if verdict != "invalid":  # the table would rank invalid numbers
            hand_on_sides(record, self._benchmark, self._clock)
        return record

    def _with_flush(self, found: Added | None, unit: str) -> Added | None:
        """Add the cost of one flush, in the record's unit, if the arm adds flushes; the cost is measured once."""
        if found is None or found.flushes < 0.5 or self.unpublished:
            return found
        if self._flush_takes is None:
            self._flush_takes = self._flush()
        return msgspec.structs.replace(found, flush=self._flush_takes * 1e-9 / SECONDS[unit])

    def trend(self, records: Mapping[float, Benchmark], axis: str, axis_unit: str) -> Trend | None:
        """Report how a cost grows along an axis, from the records of its points; None if fewer than two are valid."""
        valid = {point: record for point, record in records.items() if record.verdict != "invalid"}
        if len(valid) < 2:
            return None
        some = next(iter(valid.values()))
        rows = {point: whole_rows(record.samples) for point, record in valid.items()}
        baseline, arm = (
            curve(name, {point: [row[side] for row in mine for side in sides] for point, mine in rows.items()})
            for name, sides in ((some.baseline.name, ("baseline", "again")), (some.arm.name, ("arm",)))
        )
        trend = Trend(
            lane=some.lane, benchmark=some.benchmark.partition("@")[0], nodeid=self._nodeid, at=now(), axis=axis,
            axis_unit=axis_unit, metric=some.metric, unit=some.unit, baseline=baseline, arm=arm,
            verdict=trend_verdict(baseline, arm), promise=some.promise, stratum=some.stratum,
            tier=self.declaration.tier,
            reason="" if len(valid) == len(records) else f"{len(records) - len(valid)} points are invalid",
            unpublished=self.unpublished,
        )  # fmt: skip
        self._write(trend)
        return trend

    def calls(
        self, metric: str, found: Mapping[str, Measured], stratum: str, point: float | None = None, axis_unit: str = ""
    ) -> None:
        """Report the system calls of the counted row, per operation, for each group of processes."""
        baseline, arm = found["baseline"], found["arm"]
        for whose, calls in arm.calls.items():
            plain = baseline.calls.get(whose)
            self.count(
                metric_of(metric, whose), total(calls) / max(1, arm.operations), "calls",
                None if plain is None else total(plain) / max(1, baseline.operations),
                TOLERANCES.get(whose, SERVED), f"of {max(1, arm.operations)} once more, untimed", stratum, point,
                axis_unit, calls, plain or {},
            )  # fmt: skip

    def count(
        self, metric: str, value: float, unit: str, baseline: float | None = None, tolerance: float = 0.0,
        note: str = "", stratum: str = "", point: float | None = None, axis_unit: str = "",
        parts: Mapping[str, float] | None = None, baseline_parts: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        """Report a number that needs no clock."""
        self._write(
            Count(
                lane=self._lane.id, benchmark=named(self.declaration.identity, stratum, point, axis_unit),
                nodeid=self._nodeid, at=now(), metric=metric, unit=unit, value=float(value),
                baseline=None if baseline is None else float(baseline), tolerance=tolerance,
                promise=self.declaration.promise, tier=self.declaration.tier, note=note, parts=dict(parts or {}),
                baseline_parts=dict(baseline_parts or {}),
            )
        )  # fmt: skip

    def keep(self, answer: bytes) -> str:
        """Store a program's answer beside the bundle; return its path relative to the bundle's directory."""
        if self._bundle is None or not answer:
            return ""
        self._raws += 1
        lane = self._lane.id.replace("/", "_").replace(":", "_")
        path = f"{RAW}/{lane}/{self.declaration.slug}-{self._raws:04}.json.gz"
        target = self._bundle.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(answer, 6, mtime=0))
        return path

    def _write(self, record: Benchmark | Trend | Count) -> None:
        self.reported += 1
        if self._bundle is not None:
            self._bundle.write(record)


def hand_on_sides(record: Benchmark, benchmark: Any, clock: VirtualClock) -> None:
    """Add both sides to pytest-benchmark's table."""
    identity = "/".join(record.benchmark.partition("@")[0].split("/")[:2])
    scale = SECONDS[record.unit]
    extra = {"lane": record.lane, "benchmark": record.benchmark, "metric": record.metric, "verdict": record.verdict,
             "ratio": record.ratio, "interval": [record.ratio_low, record.ratio_high]}  # fmt: skip
    label = f"{record.benchmark.removeprefix(identity).strip('/@')} {record.metric}"
    for arm in (record.baseline, record.arm):
        name = " ".join(f"{arm.name} {label}".split())
        group = f"{identity}: {record.metric}"
        hand_on(benchmark, clock, name, group, [value * scale for value in arm.samples], extra)


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
    """The arm's counters over all valid rows, divided by the number of operations if there are any."""
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
    """Add quantiles for an operation that works and then waits, for instance for the next full second.

    The 5th percentile is the work alone, the mean is how long a user waits.
    """
    sides = {
        name: msgspec.structs.replace(side, quantiles={
            "work (p5)": statistics.quantiles(side.samples, n=20, method="inclusive")[0],
            "wait (mean)": statistics.fmean(side.samples),
        })
        for name, side in (("baseline", record.baseline), ("arm", record.arm))
    }  # fmt: skip
    return msgspec.structs.replace(record, **sides)


def wanted(bins: Mapping[float, int]) -> dict[str, float]:
    """The quantiles that a histogram of so many operations can resolve."""
    total = sum(bins.values())
    return {name: share for name, share in QUANTILES.items() if total * (1 - share) >= 10}
