"""The series of nights for each benchmark, lane and metric, with the facts of each night."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from roadworthy.reports.bundle import FILE_NAME, Bundle, BundleRefused
from roadworthy.reports.environment import Environment, of_lane, of_record
from roadworthy.reports.records import Benchmark, Count

Kind = Literal["time", "count"]
#: Kind, benchmark, lane, metric and unit of a series.
Key = tuple[Kind, str, str, str, str]
#: Half of a 95 % interval in standard errors.
NORMAL = 1.959964


@dataclass(frozen=True)
class Night:
    """One number of one run. Times are ratios to the baseline with their interval, counts have none.

    `withheld` says why the number may not be used: invalid, or not published.
    """

    run: str
    started: str
    value: float
    low: float
    high: float
    environment: Environment
    withheld: str = ""

    @property
    def log(self) -> float:
        return math.log(self.value)

    @property
    def error(self) -> float:
        """The standard error of the ratio's logarithm, derived from its interval."""
        return (math.log(self.high) - math.log(self.low)) / (2 * NORMAL)


@dataclass(frozen=True)
class Series:
    """The nights of one number, the oldest first."""

    kind: Kind
    benchmark: str
    lane: str
    metric: str
    unit: str
    tolerance: float
    nights: tuple[Night, ...]

    @property
    def name(self) -> str:
        return f"{self.benchmark}, {self.metric}, on {self.lane}"

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.kind, self.benchmark, self.lane, self.metric, self.unit

    @property
    def usable(self) -> tuple[Night, ...]:
        return tuple(night for night in self.nights if not night.withheld)


def bundle_paths(places: Iterable[Path]) -> list[Path]:
    """Return the paths of bundles among the places and directly in them, each once.

    Raises `BundleRefused` for a place without a bundle.
    """
    found: dict[Path, Path] = {}
    for place in places:
        inside = [place] if place.is_file() or (place / FILE_NAME).is_file() else []
        if not inside and place.is_dir():
            inside = sorted(path for path in place.iterdir() if (path / FILE_NAME).is_file())
        if not inside:
            raise BundleRefused(str(place), 0, f"expected a run bundle ({FILE_NAME}), or a directory of some")
        found.update({path.resolve(): path for path in inside})
    return list(found.values())


def series(bundles: Sequence[Bundle]) -> tuple[Series, ...]:
    """Return every series of the bundles, in the order of names; bundles are ordered by the time of their plan."""
    nights: dict[Key, list[Night]] = {}
    tolerances: dict[Key, float] = {}
    for bundle in sorted(bundles, key=lambda bundle: (bundle.started, bundle.plan.run, bundle.file)):
        facts = {lane.id: of_lane(bundle, lane) for lane in bundle.plan.lanes}
        records: list[Benchmark | Count] = [*bundle.benchmarks, *bundle.counts]
        for record in records:
            kind: Kind = "time" if isinstance(record, Benchmark) else "count"
            key = (kind, record.benchmark, record.lane, record.metric, record.unit)
            night = _night(bundle, record, {**facts[record.lane], **of_record(record)})
            nights.setdefault(key, []).append(night)
            if isinstance(record, Count):
                tolerances[key] = record.tolerance
    return tuple(Series(*key, tolerances.get(key, 0.0), tuple(nights[key])) for key in sorted(nights))


def _night(bundle: Bundle, record: Benchmark | Count, environment: Environment) -> Night:
    run, started = bundle.plan.run, bundle.plan.started
    if isinstance(record, Count):
        return Night(run, started, record.value, record.value, record.value, environment)
    numbers = (record.ratio, record.ratio_low, record.ratio_high)
    withheld = record.unpublished
    if record.verdict == "invalid":
        withheld = record.reason or "a guard does not hold"
    elif not all(math.isfinite(number) and number > 0 for number in numbers):
        withheld = "the ratio is no positive number"
    return Night(run, started, *numbers, environment, withheld)
