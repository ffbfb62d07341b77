"""The run bundle's records: what one line of `bundle.jsonl` may hold.

A bundle is a directory with one JSON Lines file, `bundle.jsonl`. The first line is the plan, the last one the end;
between them stand lane, result and benchmark records in the order in which they were finished. The definition lives
with the reader, because a bundle is read on other machines and months later; the writer imports it.

Versions: a reader refuses another major version of `SCHEMA`, and ignores fields that it does not know.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SCHEMA = "1.0"

Verdict = Literal["error", "crash", "hang", "fail", "fixed", "known", "pass", "unsupported", "skipped", "missing"]

#: Worst first. A roll-up of several verdicts is the first of these that occurs.
WORST_FIRST: tuple[Verdict, ...] = (
    "error", "crash", "hang", "fail", "fixed", "known", "pass", "unsupported", "skipped", "missing",
)  # fmt: skip

#: The verdicts by which a run fails.
FAILING: frozenset[Verdict] = frozenset({"error", "crash", "hang", "fail", "fixed"})

#: What each verdict means, in the words of a legend.
MEANING: dict[Verdict, str] = {
    "error": "the suite, the host or the engine was in trouble; nothing is said about the driver",
    "crash": "the kernel reported a bug of its own while the check ran",
    "hang": "a system call did not return before its deadline",
    "fail": "the promise is broken, and no deviation is recorded for it",
    "fixed": "a recorded deviation no longer happens: its entry has to go",
    "known": "the promise is broken as recorded, with condition, reason and source",
    "pass": "the promise holds",
    "unsupported": "the driver declares, or a probe found, that this cannot be asked here",
    "skipped": "a named precondition of this host is not met",
    "missing": "planned, and never reported",
}

#: What a page calls a verdict, where its name alone would sound like less than it is.
SHOWN: dict[Verdict, str] = {"known": "breaks (explained)"}


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One column: where checks ran. `id` uses series; exact versions are facts of the lane record.

    `words` are the options that select this lane alone; bundles of earlier releases have none.
    """

    id: str
    driver: str
    backing: str
    engine: str
    kernel: str
    options: dict[str, str] = {}
    words: list[str] = []


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One row: one promise. `promise` is the check's docstring, `source` where the promise is written down.

    `file` is relative to the directory that holds `conformance` or, for a check from elsewhere, to pytest's root. If a
    `control` does not pass, its run says nothing about drivers.
    """

    id: str
    family: str
    promise: str
    provenance: str
    file: str
    line: int
    source: str = ""
    claim: str = ""
    control: bool = False


class Plan(msgspec.Struct, frozen=True, kw_only=True, tag="plan", tag_field="type"):
    """The first line: everything that this run intends to report. `cells` pairs lane ids with check ids.

    The check of each cell runs `rounds` times. `benchmarks` is how many benchmarks are to be asked, on all lanes.
    """

    schema: str
    run: str
    started: str
    suite: dict[str, Any]
    argv: list[str]
    lanes: list[Lane]
    checks: list[Check]
    cells: list[tuple[str, str]]
    rounds: int = 1
    benchmarks: int = 0


class LaneRecord(msgspec.Struct, frozen=True, kw_only=True, tag="lane", tag_field="type"):
    """A lane came up (`ready`) or did not. `facts` are exact: kernel, mounts, module parameters, engine, tools.

    `seconds` are those of each stage (`backing`, `daemon`, `image`, `container`).
    """

    lane: str
    at: str
    state: Literal["ready", "error", "unsupported", "skipped"]
    reason: str = ""
    facts: dict[str, Any] = {}
    seconds: dict[str, float] = {}


class Observation(msgspec.Struct, frozen=True):
    """What a check saw, as one readable value."""

    name: str
    value: str


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """One system call of one process in a container: `answer` is the value, or the errno's name when it failed.

    `microseconds` is how long the controller waited for the answer, transport included.
    """

    process: str
    call: str
    answer: str
    failed: bool = False
    microseconds: int = 0


#: What a `pass` is called that rests on a recorded difference of the tree.
WITH_DIFFERENCE = "with a recorded difference"


class Deviation(msgspec.Struct, frozen=True, kw_only=True):
    """The recorded deviation that a verdict rests on: `known`, `fixed`, or a `pass` that left another tree.

    `when` is its condition as written, with the releases on which it was seen; `signature` what it is known by.
    `file` is relative to the directory that holds `conformance`: `conformance/deviations/rename.toml`.
    """

    why: str
    source: str
    signature: str
    when: str
    file: str
    line: int


class Left(msgspec.Struct, frozen=True):
    """What a number of cuts have left of one thing, in the words of `reports/states.py`."""

    thing: str
    state: str
    cuts: int


class FirstCut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first cut of an operation that breaks a promise.

    All flushes of the operation up to number `flush` were over; it counts from 0, the moment before the operation.
    `words` says so, and which later writes the disk had, which are drawn with the seed `part` if it is set. `after` are
    the last calls that were answered by then, `before` is the first one that was not. `records` are the engine's and
    the driver's own that are damaged. It is `exact` if at the flush before it the promise is kept.
    """

    flush: int
    words: str
    after: list[str]
    before: str
    records: str = ""
    part: int | None = None
    exact: bool = False


class Cuts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the power cuts in one operation say of one promise.

    `does` is the operation in words, `asked` what --cuts asked for. `looked` cuts were looked at, of `flushes` flushes
    and what may be kept between them. `worst` is the worst state without its counts; the log of the disk lies below the
    bundle's directory if it was `kept`.
    """

    operation: str
    does: str
    looked: int
    flushes: int
    worst: str
    asked: str = ""
    states: list[Left] = []
    first: FirstCut | None = None
    kept: bool = False


class Result(msgspec.Struct, frozen=True, kw_only=True, tag="result", tag_field="type"):
    """The verdict of one check on one lane, with its evidence. `seconds` is the body's duration.

    `cuts` is set by a check of power cuts.
    `round` counts from 1 if checks are repeated. A round with the verdict of an earlier one has no transcript: only the
    first round of each verdict keeps its own.
    """

    lane: str
    check: str
    nodeid: str
    verdict: Verdict
    at: str
    seconds: float
    reason: str = ""
    observations: list[Observation] = []
    transcript: list[Call] = []
    omitted_calls: int = 0
    kernel_log: list[str] = []
    deviation: Deviation | None = None
    round: int = 1
    cuts: Cuts | None = None

    @property
    def with_difference(self) -> bool:
        """Whether it passed, and left another tree than the reference, as recorded."""
        return self.verdict == "pass" and self.deviation is not None


class Arm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One side of a comparison: raw samples, in `unit`, and the interval of their median at 95 %.

    `quantiles` are of single operations, from fio's histograms added up over all blocks (`p50`, `p99`, `p99.9`). For an
    operation that also waits, they are of the samples: the work alone, and how long a user waits on average.
    """

    name: str
    samples: list[float]
    median: float
    low: float
    high: float
    quantiles: dict[str, float] = {}


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measurement of one side. Those of a row are taken one after another, in the random order of `order`.

    `void` says which guard did not hold: a row with a void sample is kept but not analysed. `raw` is the file below the
    bundle's directory from which the numbers come. `place` is the one among the points of a row, or its kinds of calls,
    whose order changes from row to row.
    """

    row: int
    order: int
    place: int = 0
    side: Literal["baseline", "again", "arm"]
    value: float
    operations: int = 0
    bytes: int = 0
    counters: dict[str, float] = {}
    void: str = ""
    raw: str = ""


class Twin(msgspec.Struct, frozen=True, kw_only=True):
    """The A/A arm: the baseline against itself in the same rows. A difference shows how far to trust the others."""

    ratio: float
    low: float
    high: float
    verdict: Literal["slower", "faster", "equivalent", "inconclusive"]


class Added(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The cost that the arm adds to a far smaller baseline, in the metric's unit, with its interval.

    `flushes` is the number of device flushes in it; `flush` is the cost of one, with a write of 4 KiB.
    """

    value: float
    low: float
    high: float
    flushes: float = 0.0
    flush: float = 0.0


class Benchmark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="benchmark", tag_field="type"):
    """One workload on one lane against its baseline, with proof that the work reached what it claims to measure.

    `ratio` is arm/baseline with its 95 % bootstrap interval, a cost: above 1 the driver is slower. `guards` are
    sentences with their outcome over all rows. `point` is the place on the axis of a sweep, in the axis' unit.
    `unpublished` says why the times mean nothing, for instance under emulation; counters are exact there, too. `added`
    is set if the baseline is so small that the difference says more than the ratio.
    """

    lane: str
    benchmark: str
    nodeid: str
    at: str
    metric: str
    unit: str
    baseline: Arm
    arm: Arm
    ratio: float
    ratio_low: float
    ratio_high: float
    verdict: Literal["slower", "faster", "equivalent", "inconclusive", "invalid"]
    reason: str = ""
    counters: dict[str, float] = {}
    guards: dict[str, bool] = {}
    workload: dict[str, Any] = {}
    promise: str = ""
    stratum: str = ""
    tier: str = ""
    point: float | None = None
    twin: Twin | None = None
    samples: list[Sample] = []
    method: dict[str, Any] = {}
    unpublished: str = ""
    added: Added | None = None


class Curve(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One side of a trend: `points` as [x, median], the slope per unit of the axis with its 95 % interval.

    `places` is the factor by which a cost is higher at each place in the row, whichever point has it.
    """

    name: str
    points: list[tuple[float, float]]
    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    places: list[float] = []


class Trend(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="trend", tag_field="type"):
    """How a cost grows along an axis (size, depth, files): Theil-Sen slopes of both sides, per unit of the axis."""

    lane: str
    benchmark: str
    nodeid: str
    at: str
    axis: str
    axis_unit: str
    metric: str
    unit: str
    baseline: Curve
    arm: Curve
    verdict: Literal["grows", "falls", "flat", "inconclusive", "invalid"]
    reason: str = ""
    promise: str = ""
    stratum: str = ""
    tier: str = ""
    unpublished: str = ""


class Count(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="count", tag_field="type"):
    """A number that needs no clock: bytes, inodes, flushes, cached pages, mounts. `baseline` is that of `native`.

    A count that changed between two nights is an alert at once; `tolerance` is the share by which it may differ, as for
    the size of a journal. `parts` are the parts of the value by name, `baseline_parts` those of the baseline.
    """

    lane: str
    benchmark: str
    nodeid: str
    at: str
    metric: str
    unit: str
    value: float
    baseline: float | None = None
    tolerance: float = 0.0
    promise: str = ""
    tier: str = ""
    note: str = ""
    parts: dict[str, float] = {}
    baseline_parts: dict[str, float] = {}


class End(msgspec.Struct, frozen=True, kw_only=True, tag="end", tag_field="type"):
    """The last line. A bundle without it is incomplete, and is never shown as green.

    `stopped` says why the run ended before its plan: a signal, or pytest's own words. `benchmarks` is how many were
    asked, with those that had to be skipped.
    """

    finished: str
    exit_status: int
    counts: dict[str, int]
    stopped: str = ""
    benchmarks: int = 0


Record = Plan | LaneRecord | Result | Benchmark | Trend | Count | End
