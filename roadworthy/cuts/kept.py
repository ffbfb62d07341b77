"""The log of an operation's disk, kept for another look: the log, and beside it what happened at which position."""

from __future__ import annotations

from pathlib import Path

import msgspec

from roadworthy.machines.write_log import WriteLog
from roadworthy.programs import run
from roadworthy.reports.documents import Form

SCHEMA = "1.0"


class CaptureRefused(Exception):
    """What lies beside a log is no capture; the text names the file and what was expected."""


class Acknowledged(msgspec.Struct, frozen=True):
    """A thing that was acknowledged when the log had so many entries."""

    label: str
    position: int


class Asked(msgspec.Struct, frozen=True):
    """A call that was answered when the log had so many entries."""

    call: str
    answer: str
    position: int


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """What a log is of. The operation lies between the positions `begin` and `end`; the disk has `size` bytes."""

    schema: str
    lane: str
    operation: str
    does: str
    backing: str
    size: int
    begin: int
    end: int
    moments: list[Acknowledged]
    calls: list[Asked]


FORM = Form(Capture, SCHEMA, 4 << 20, "what `pytest --cuts --keep-logs` writes beside a log", CaptureRefused)


def beside(log: Path) -> Path:
    """The file that says what a log is of."""
    return log.with_suffix(".json")


def keep_log(log: WriteLog, path: Path, capture: Capture) -> None:
    """Copy a log that grows no more to a new file, zeroes as holes, and write the capture beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    run(["cp", "--sparse=always", "--reflink=auto", str(log.path), str(path)], 120)
    beside(path).write_bytes(msgspec.json.format(msgspec.json.encode(capture)) + b"\n")


def read_capture(log: Path) -> Capture:
    """What a log is of. Raises CaptureRefused."""

    def confirm(found: Capture) -> None:
        if not 0 <= found.begin <= found.end or not 0 < found.size < 1 << 62:
            raise ValueError(f"the operation begins at {found.begin} and ends at {found.end}, on {found.size} bytes")

    return FORM.read(beside(log), confirm)
