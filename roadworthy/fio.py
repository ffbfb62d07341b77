"""fio inside a container: one block of a workload, run and read back into a typed record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from roadworthy.process import Process
from roadworthy.reasons import Precondition
from roadworthy.toolbox import Toolbox
from roadworthy.workloads import Workload


class FioFailed(Exception):
    """fio did not end well, or its answer cannot be read; the text carries its last words. No number comes of it."""


@dataclass(frozen=True)
class Block:
    """One block. Latency is the mean completion latency of an I/O in nanoseconds; `bytes` is what was transferred."""

    latency_ns: float
    bytes: int
    operations: int


def run_block(fs: Process, toolbox: Toolbox, workload: Workload, file: str) -> Block:
    """Run one block on `file`, as a path in the container. Raises FioFailed, or Precondition where fio is missing."""
    if "fio" not in toolbox.programs:
        raise Precondition("needs fio: apt-get install fio")
    report = f"{file}.json"
    code, output = fs.run(*toolbox.command("fio", *workload.arguments(file, report)))
    if code:
        raise FioFailed(f"fio ended with {code}: {output.strip()[-500:]}")
    return parsed(fs.load(report), workload)


def parsed(answer: bytes, workload: Workload) -> Block:
    """fio's JSON as a Block. Notes that fio writes before the JSON are skipped; NaN and nonsense are refused."""
    try:
        found = json.loads(answer[answer.index(b"{") :], parse_constant=refuse_constant)
        job: dict[str, Any] = found["jobs"][0]
        sides = [job[side] for side in ("read", "write") if job[side]["total_ios"]]
        block = Block(
            latency_ns=sum(side["clat_ns"]["mean"] * side["total_ios"] for side in sides)
            / max(1, sum(side["total_ios"] for side in sides)),
            bytes=sum(side["io_bytes"] for side in sides),
            operations=sum(side["total_ios"] for side in sides),
        )
    except (ValueError, LookupError, TypeError) as reason:
        raise FioFailed(f"fio's answer cannot be read ({type(reason).__name__}: {reason})") from None
    if job.get("error"):
        raise FioFailed(f"fio's job {workload.name} ended with error {job['error']}")
    if not block.operations or block.latency_ns <= 0:
        raise FioFailed(f"fio's job {workload.name} did nothing")
    return block


def refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no measurement")
