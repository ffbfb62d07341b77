"""Simulated nights: series of ratios with a known truth, and bundles that hold them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sample

from roadworthy.reports.bundle import Bundle
from roadworthy.reports.records import Benchmark, Count, LaneRecord
from roadworthy.reports.series import Night, Series

LANE = sample.LANES[1]
BEGIN = datetime(2026, 1, 1, 2, tzinfo=UTC)


def time_series(
    logs: Sequence[float], error: float = 0.02, environments: Sequence[str] = (), name: str = "data/randread-4k"
) -> Series:
    """A series of times of these log-ratios; `environments` are kernel releases, one a night."""
    nights = tuple(
        Night(
            run=f"night-{at}", started=(BEGIN + timedelta(days=at)).isoformat(), value=math.exp(log),
            low=math.exp(log - 1.96 * error), high=math.exp(log + 1.96 * error),
            environment={"kernel.release": environments[at] if environments else "6.1.0"},
        )
        for at, log in enumerate(logs)
    )  # fmt: skip
    return Series("time", name, LANE.id, "latency", "ns", 0.0, nights)


def count_series(values: Sequence[float], tolerance: float = 0.0, name: str = "space/inodes") -> Series:
    nights = tuple(Night(f"night-{at}", "", value, value, value, {}) for at, value in enumerate(values))
    return Series("count", name, LANE.id, "inodes", "inodes", tolerance, nights)


def noisy(nights: int, dice: random.Random, spread: float = 0.03, heavy: bool = False) -> list[float]:
    """Log-ratios without a change; heavy ones have odd nights now and then."""
    return [dice.gauss(0, spread) * (4 if heavy and dice.random() < 0.1 else 1) for _ in range(nights)]


def stepped(logs: Sequence[float], at: int, factor: float) -> list[float]:
    """The same with everything from a night on slower by `factor`."""
    return [log + (math.log(factor) if number >= at else 0) for number, log in enumerate(logs)]


def bundle(day: int, ratio: float = 1.0, inodes: float = 100.0, kernel: str = "6.1.0", **more: Any) -> Bundle:
    """One night's bundle with one time and one count."""
    started = BEGIN + timedelta(days=day)
    some = sample.benchmark(LANE, "data/randread-4k", "latency", "ns", random.Random(1))
    numbers = {"ratio": ratio, "ratio_low": ratio * 0.97, "ratio_high": ratio * 1.03, "verdict": "inconclusive"}
    time = msgspec.structs.replace(some, **{"guards": {}, "reason": "", **numbers, **more})
    facts = {"kernel": {"release": kernel, "tainted": str(day)}, "backing": {"device": f"/dev/loop{day}"}}
    return Bundle(
        file=f"/nights/{day}/bundle.jsonl",
        plan=msgspec.structs.replace(sample.plan(f"night-{day}", started.isoformat(), [LANE]), cells=[], checks=[]),
        started=started,
        lanes=(LaneRecord(lane=LANE.id, at="", state="ready", facts=facts),),
        results=(),
        benchmarks=(time,),
        trends=(),
        counts=(sample.count(LANE, "space/inodes", "inodes per layer", "inodes", inodes),),
        end=None,
        troubles=(),
    )


def lines(of: Bundle) -> list[Any]:
    """The records of a bundle, to be written to a file."""
    records: list[Benchmark | Count] = [*of.benchmarks, *of.counts]
    return [of.plan, *of.lanes, *records, sample.records()[-1]]
