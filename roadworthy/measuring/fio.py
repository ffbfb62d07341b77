"""fio: run one block of a workload, in a container or on the machine, and read its answer into a typed record."""

from __future__ import annotations

import builtins
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from roadworthy.calls.process import Process
from roadworthy.calls.toolbox import Toolbox
from roadworthy.machines.place import Place, PlacePath
from roadworthy.measuring.workloads import Workload
from roadworthy.reasons import Precondition
from roadworthy.supplies.packages import needs


class FioFailed(Exception):
    """fio failed, or its answer cannot be read; the text has the end of its output."""


@dataclass(frozen=True)
class Block:
    """One block. `latency_ns` is the mean completion latency of an I/O, `sync_ns` that of a flush, or 0 without one.

    `seconds` is how long the jobs ran, flushes included; `bins` counts I/Os by latency in nanoseconds; `levels` is the
    percentage of requests by queue depth; `answer` is fio's own text.
    """

    latency_ns: float
    bytes: int
    operations: int
    seconds: float
    sync_ns: float = 0.0
    bins: Counter[float] = field(default_factory=Counter)
    levels: dict[str, float] = field(default_factory=dict)
    answer: builtins.bytes = b""


def run_block(
    fs: Process, toolbox: Toolbox, workload: Workload, file: str, report: str, directory: str = "/"
) -> Block:  # fmt: skip
    """Run one block on `file`, relative to `directory`, in a container.

    Raises FioFailed, or Precondition if fio is missing.
    """
    refuse_without(toolbox)
    fs.chdir(directory)
    code, output = fs.run(*toolbox.command("fio", *workload.arguments(file, report)))
    if code:
        raise FioFailed(f"fio ended with {code}: {output.strip()[-500:]}")
    return parsed(fs.load(report), workload)


def run_together(
    toolbox: Toolbox, processes: Sequence[Process], workloads: Sequence[Workload], reports: Sequence[str],
    directory: str,
) -> list[Block]:  # fmt: skip
    """Run blocks of several workloads at the same time, each from its own process in a directory of a container.

    Each workload uses the file that has its name. Raises FioFailed, or Precondition if fio is missing.
    """
    refuse_without(toolbox)
    for fs in processes:
        fs.chdir(directory)
    running = [
        fs.begin("run", toolbox.command("fio", *workload.arguments(workload.name, report)), 65536)
        for fs, workload, report in zip(processes, workloads, reports, strict=True)
    ]
    for pending in running:
        code, output = pending.answer(60)
        if code:
            raise FioFailed(f"fio ended with {code}: {output.decode(errors='replace').strip()[-500:]}")
    return [parsed(fs.load(report), workload)
            for fs, report, workload in zip(processes, reports, workloads, strict=True)]  # fmt: skip


def run_beside(place: Place, toolbox: Toolbox, workload: Workload, file: PlacePath, report: PlacePath) -> Block:
    """Run one block on the machine itself, with the same binary and no container, as the host's own baseline.

    Raises FioFailed, ProgramFailed, or Precondition if fio is missing.
    """
    place.run(words_beside(place, toolbox, workload, file, report), 60 + workload.runtime_ms / 1000)
    return parsed(report.read_bytes(), workload)


def words_beside(
    place: Place, toolbox: Toolbox, workload: Workload, file: PlacePath, report: PlacePath
) -> list[str]:  # fmt: skip
    """The argument list that runs a block on the machine itself. Raises Precondition if fio is missing."""
    refuse_without(toolbox)
    tools = place.toolbox(toolbox)
    words = workload.arguments(place.inside(file), place.inside(report))
    loader = [f"{tools}/lib/{toolbox.loader}", "--library-path", f"{tools}/lib"]
    return [*loader, f"{tools}/bin/fio", *words]


def refuse_without(toolbox: Toolbox) -> None:
    if "fio" not in toolbox.programs:
        raise Precondition(needs("fio"))


def parsed(answer: bytes, workload: Workload) -> Block:
    """Parse fio's JSON into a Block; skip notes before the JSON. Raises FioFailed, also for NaN and malformed text."""
    try:
        found = json.loads(answer[answer.index(b"{") :], parse_constant=refuse_constant)
        job: dict[str, Any] = found["jobs"][0]
        sides = [job[side] for side in ("read", "write") if job[side]["total_ios"]]
        operations = sum(side["total_ios"] for side in sides)
        bins: Counter[float] = Counter()
        for side in sides:
            for latency, count in side["clat_ns"].get("bins", {}).items():
                bins[float(latency)] += count
        block = Block(
            latency_ns=sum(side["clat_ns"]["mean"] * side["total_ios"] for side in sides) / max(1, operations),
            bytes=sum(side["io_bytes"] for side in sides),
            operations=operations,
            # For parallel jobs, fio reports the sum of their times.
            seconds=(job["job_runtime"] if workload.jobs == 1 else max(side["runtime"] for side in sides)) / 1000,
            sync_ns=job.get("sync", {}).get("lat_ns", {}).get("mean", 0.0),
            bins=bins,
            levels=dict(job.get("iodepth_level", {})),
            answer=answer,
        )
        numbers = (block.latency_ns, block.bytes, block.operations, block.seconds, block.sync_ns, *bins, *bins.values())
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise ValueError("a number is negative or has no end")
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as reason:
        raise FioFailed(f"fio's answer cannot be read ({type(reason).__name__}: {reason})") from None
    if job.get("error"):
        raise FioFailed(f"fio's job {workload.name} ended with error {job['error']}")
    if not block.operations or not block.seconds:
        raise FioFailed(f"fio's job {workload.name} did nothing")
    return block


def refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no measurement")
