"""The run bundle's records: what one line of `bundle.jsonl` may hold.

A bundle is a directory with one JSON Lines file, `bundle.jsonl`. The first line is the plan, the last one the end;
between them stand lane, result and benchmark records in the order in which they were finished. The definition lives
with the reader, because a bundle is read on other machines and months later; the writer imports it.

Versions: a reader refuses another major version of `SCHEMA`, and keeps going over fields that it does not know.
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


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One column: where checks ran. `id` uses series; exact versions are facts of the lane record."""

    id: str
    driver: str
    backing: str
    engine: str
    kernel: str
    options: dict[str, str] = {}


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One row: one promise. `promise` is the check's docstring, `source` where the promise is written down."""

    id: str
    family: str
    promise: str
    provenance: str
    file: str
    line: int
    source: str = ""
    claim: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True, tag="plan", tag_field="type"):
    """The first line: everything that this run intends to report. `cells` pairs lane ids with check ids."""

    schema: str
    run: str
    started: str
    suite: dict[str, Any]
    argv: list[str]
    lanes: list[Lane]
    checks: list[Check]
    cells: list[tuple[str, str]]


class LaneRecord(msgspec.Struct, frozen=True, kw_only=True, tag="lane", tag_field="type"):
    """A lane came up (`ready`) or did not. `facts` are exact: kernel, mounts, module parameters, engine, tools.

    `seconds` says where the time went, by stage (`backing`, `daemon`, `image`, `container`).
    """

    lane: str
    at: str
    state: Literal["ready", "error", "unsupported", "skipped"]
    reason: str = ""
    facts: dict[str, Any] = {}
    seconds: dict[str, float] = {}


class Observation(msgspec.Struct, frozen=True):
    """What a check saw, in one value that a person can read."""

    name: str
    value: str


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """One system call of one process in a container: `answer` is the value, or the errno's name when it failed.

    `microseconds` is what the controller waited for the answer, transport included.
    """

    process: str
    call: str
    answer: str
    failed: bool = False
    microseconds: int = 0


class Deviation(msgspec.Struct, frozen=True, kw_only=True):
    """The recorded deviation that a `known` or `fixed` verdict rests on. `when` is its condition as written."""

    why: str
    source: str
    signature: str
    when: str
    file: str
    line: int


class Result(msgspec.Struct, frozen=True, kw_only=True, tag="result", tag_field="type"):
    """The verdict of one check on one lane, with its evidence. `seconds` is the body's duration."""

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


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a comparison: raw samples, in `unit`, and the interval of their median at 95 %."""

    name: str
    samples: list[float]
    median: float
    low: float
    high: float


class Benchmark(msgspec.Struct, frozen=True, kw_only=True, tag="benchmark", tag_field="type"):
    """One workload on one lane against its baseline, with proof that the work reached the device.

    `ratio` is arm/baseline of the medians with its bootstrap interval; `guards` are sentences with their outcome.
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


class End(msgspec.Struct, frozen=True, kw_only=True, tag="end", tag_field="type"):
    """The last line. A bundle without it is incomplete, and is never shown as green."""

    finished: str
    exit_status: int
    counts: dict[str, int]


Record = Plan | LaneRecord | Result | Benchmark | End
