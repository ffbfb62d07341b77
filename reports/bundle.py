"""Read one run bundle as hostile input: it may come from a contributor, another job, or a disk that filled up.

A bundle is refused as a whole, with the file, the line and what was expected, or it is returned complete or marked
incomplete. Nothing in it is opened, followed or executed.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

from roadworthy.reports.completeness import cut_short, expected, missing
from roadworthy.reports.records import SCHEMA, Benchmark, Count, End, LaneRecord, Plan, Record, Result, Trend
from roadworthy.reports.text import visible

FILE_NAME = "bundle.jsonl"

#: The longest integer that a fact may hold; 20 digits are a 64-bit counter.
_DIGITS = 40
_LONG = b"0" * (_DIGITS + 1)
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)

_RESULTS, _PLANS, _ENCODER = msgspec.json.Decoder(Result), msgspec.json.Decoder(Plan), msgspec.json.Encoder()
#: How the lines of a result and of a plan begin that msgspec wrote.
_RESULT, _PLAN = b'{"type":"result",', b'{"type":"plan",'

Written = TypeVar("Written", Result, Plan)

# The closing quote is optional so that each byte is looked at once, whatever the line holds.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class BundleRefused(Exception):
    """A bundle that is not a record of a run; the text names the file, the line and what was expected."""

    def __init__(self, file: str, line: int, problem: str) -> None:
        """`line` counts from 1; 0 stands for the file as a whole."""
        where = f"{file}, line {line}" if line else file
        super().__init__(f"{visible(where, 400)}: {visible(problem, 400)}")


@dataclass(frozen=True)
class Limits:
    """What a reader accepts at most: bytes of the file, bytes of one line, nesting of one record."""

    size: int = 256 * 1024 * 1024
    line: int = 8 * 1024 * 1024
    depth: int = 32


@dataclass(frozen=True)
class Bundle:
    """One run as it was recorded. `troubles` says in sentences why the bundle is incomplete; none means it is whole.

    `places` has for each result the byte at which its line begins, for `read_results`.
    """

    file: str
    plan: Plan
    started: datetime
    lanes: tuple[LaneRecord, ...]
    results: tuple[Result, ...]
    benchmarks: tuple[Benchmark, ...]
    end: End | None
    troubles: tuple[str, ...]
    trends: tuple[Trend, ...] = ()
    counts: tuple[Count, ...] = ()
    places: tuple[int, ...] = ()

    @property
    def lacking(self) -> tuple[str, ...]:
        """All that the run was to report and did not, in sentences: its troubles, and lanes with missing cells."""
        return (*self.troubles, *missing(self.plan, self.lanes, self.results))


def read_bundle(path: Path, limits: Limits | None = None) -> Bundle:
    """Return the bundle in a directory, or in one file. Raises `BundleRefused`, also for what cannot be opened."""
    limits = limits or Limits()
    file = path / FILE_NAME if path.is_dir() else path
    # The file in a directory may be a hostile link to a file of the reader's; a file that the reader names is not.
    with _opened(file, limits, follow=file == path) as stream:
        reading = _Reading(str(file))
        place = 0
        for number, line in _lines(stream, str(file), limits):
            result = _canonical(line)
            plan = _canonical_plan(line, limits) if number == 1 else None
            if result is not None:
                reading.take_result(number, place, result)
            elif plan is not None:
                reading.take_plan(number, plan)
            elif not line.endswith(b"\n") and not _is_json(line):
                reading.troubles.append(f"its last line, {number}, is torn and was dropped")
                break
            else:
                reading.take(number, _parsed(line, str(file), number, limits), place)
            place += len(line)
    return reading.bundle()


def read_results(file: Path, places: Sequence[int], limits: Limits | None = None) -> list[Result]:
    """Return the results whose lines begin at these bytes of a file that was read before.

    Raises `BundleRefused` if there is no result, which means that the file has changed since.
    """
    limits = limits or Limits()
    found = []
    with _opened(file, limits, follow=False) as stream:
        for place in places:
            stream.seek(place)
            line = stream.readline(limits.line + 1)
            result = _canonical(line)
            if result is None:
                try:
                    result = msgspec.convert(_parsed(line[: limits.line], str(file), 0, limits), type=Result)
                except (msgspec.ValidationError, OverflowError, RecursionError) as error:
                    raise BundleRefused(str(file), 0, f"expected a result at byte {place:,}: {error}") from None
            found.append(result)
    return found


def _opened(file: Path, limits: Limits, follow: bool) -> BinaryIO:
    """Open a regular file for reading, or refuse it. A link is followed only if the reader named it."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    except OSError as error:
        raise BundleRefused(str(file), 0, f"expected a readable run bundle: {error.strerror}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)  # os.fdopen() refuses a directory
        raise BundleRefused(str(file), 0, "expected a regular file")
    if status.st_size > limits.size:
        os.close(descriptor)
        raise BundleRefused(str(file), 0, f"expected at most {limits.size:,} bytes, found {status.st_size:,}")
    return os.fdopen(descriptor, "rb")


def _canonical(line: bytes) -> Result | None:
    """Return the result on a line that is what the suite would write for it, byte by byte; None for any other line.

    Such a line has no unknown or double key, no number that is none, and no more nesting than a result has, so that the
    slow rules hold for it. Most lines of a bundle are such lines.
    """
    return _written(line, _RESULTS) if line.startswith(_RESULT) else None


def _canonical_plan(line: bytes, limits: Limits) -> Plan | None:
    """Return the plan on a line that is what the suite would write for it; None for any other line.

    Only what it says of the suite may nest as deep as it likes. msgspec writes long integers, which are no fact.
    """
    short = line.startswith(_PLAN) and _LONG not in line.translate(_DIGITS_ALIKE)
    plan = _written(line, _PLANS) if short else None
    return plan if plan and _depth(_ENCODER.encode(plan.suite)) < limits.depth else None


def _written(line: bytes, decoder: msgspec.json.Decoder[Written]) -> Written | None:
    try:
        record = decoder.decode(line)
        written = _ENCODER.encode(record)
    except (msgspec.DecodeError, OverflowError, RecursionError, UnicodeError):
        return None
    return record if line.startswith(written) and line[len(written) :] == b"\n" else None


@dataclass
class _Reading:
    """What has been read so far, and the rules that one record alone cannot show."""

    file: str
    plan: Plan | None = None
    started: datetime = datetime.min
    cells: set[tuple[str, str]] = field(default_factory=set)
    lanes: set[str] = field(default_factory=set)
    lane_records: list[LaneRecord] = field(default_factory=list)
    results: dict[tuple[str, str, int], Result] = field(default_factory=dict)
    benchmarks: dict[tuple[str, str, str], Benchmark] = field(default_factory=dict)
    trends: dict[tuple[str, str, str], Trend] = field(default_factory=dict)
    counts: dict[tuple[str, str, str], Count] = field(default_factory=dict)
    end: End | None = None
    troubles: list[str] = field(default_factory=list)
    places: dict[tuple[str, str, int], int] = field(default_factory=dict)
    line: int = 0
    rounds: int = 1

    def take(self, line: int, found: dict[str, Any], place: int) -> None:
        """Accept the record on `line`, which begins at byte `place`, or raise `BundleRefused`."""
        self.line = line
        if self.plan is None:
            self._expect(found.get("type") == "plan", "the first record must be the plan")
            self._expect_schema(found.get("schema"))
        self._expect(self.end is None, "expected nothing after the closing record")
        try:
            record: Record = msgspec.convert(found, type=Record)
        except (msgspec.ValidationError, OverflowError, RecursionError) as error:
            raise self._refused(f"expected a record of schema {SCHEMA}: {error}") from None
        if isinstance(record, Result):
            self.take_result(line, place, record)
        elif isinstance(record, Plan):
            self._take_plan(record)
        elif isinstance(record, End):
            self.end = record
        else:
            self._expect(record.lane in self.lanes, f"lane {record.lane!r} is not in the plan")
            if isinstance(record, LaneRecord):
                self.lane_records.append(record)
            else:
                self._take_measured(record)

    def take_plan(self, line: int, plan: Plan) -> None:
        """Accept the plan, or raise `BundleRefused`."""
        self.line = line
        self._expect_schema(plan.schema)
        self._take_plan(plan)

    def take_result(self, line: int, place: int, record: Result) -> None:
        """Accept a result, or raise `BundleRefused`."""
        self.line = line
        self._expect(self.plan is not None, "the first record must be the plan")
        self._expect(self.end is None, "expected nothing after the closing record")
        key = (record.lane, record.check, record.round)
        if key[:2] not in self.cells:  # the sentences take longer to make than all else
            self._expect(record.lane in self.lanes, f"lane {record.lane!r} is not in the plan")
            raise self._refused(f"check {record.check!r} on lane {record.lane!r} is not in the plan")
        if not 1 <= record.round <= self.rounds:
            raise self._refused(f"round {record.round} is not in the plan")
        if key in self.results:
            raise self._refused(f"a second result for {record.check!r} on {record.lane!r}")
        self.results[key] = record
        self.places[key] = place

    def _take_measured(self, record: Benchmark | Trend | Count) -> None:
        """Accept a measured record; a lane has one of each kind for each benchmark and metric."""
        key = (record.lane, record.benchmark, record.metric)
        kinds: dict[type, dict[Any, Any]] = {Benchmark: self.benchmarks, Trend: self.trends, Count: self.counts}
        kind = kinds[type(record)]
        self._expect(key not in kind, f"a second {type(record).__name__.lower()} record for {', '.join(key)}")
        kind[key] = record

    def bundle(self) -> Bundle:
        """Return what was read; without a closing record it is incomplete."""
        if self.plan is None:
            raise BundleRefused(self.file, 1, "the first record must be the plan, and there is no whole record")
        if self.end is None:
            left, planned = expected(self.plan) - len(self.results), expected(self.plan)
            lacks = f", and {left:,} of {planned:,} cells have no result" if left else ""
            self.troubles.append(f"it has no closing record: the run was interrupted, or is still going{lacks}")
        elif sentence := cut_short(self.plan, [*self.results.values()], self.end):
            self.troubles.append(sentence)
        return Bundle(
            file=self.file,
            plan=self.plan,
            started=self.started,
            lanes=tuple(self.lane_records),
            results=tuple(self.results.values()),
            benchmarks=tuple(self.benchmarks.values()),
            trends=tuple(self.trends.values()),
            counts=tuple(self.counts.values()),
            places=tuple(self.places.values()),
            end=self.end,
            troubles=tuple(self.troubles),
        )

    def _take_plan(self, plan: Plan) -> None:
        self._expect(self.plan is None, "expected one plan, found a second")
        self.lanes = {lane.id for lane in plan.lanes}
        checks = {check.id for check in plan.checks}
        self.cells = set(plan.cells)
        self.rounds = plan.rounds
        self._expect(len(self.lanes) == len(plan.lanes), "a lane id occurs twice in the plan")
        self._expect(len(checks) == len(plan.checks), "a check id occurs twice in the plan")
        self._expect(len(self.cells) == len(plan.cells), "a cell occurs twice in the plan")
        self._expect(plan.rounds >= 1, "expected at least one round")
        for lane, check in plan.cells:
            self._expect(lane in self.lanes and check in checks, f"cell ({lane}, {check}) names no lane and check")
        try:
            started = datetime.fromisoformat(plan.started)
        except ValueError:
            raise self._refused(f"started: expected an ISO 8601 time, found {plan.started[:40]!r}") from None
        self.started = started if started.tzinfo else started.replace(tzinfo=UTC)
        self.plan = plan

    def _expect_schema(self, found: Any) -> None:
        major = SCHEMA.partition(".")[0]
        same = isinstance(found, str) and found.partition(".")[0] == major
        self._expect(same, f"expected schema {major}.x, found {str(found)[:40]!r}")

    def _expect(self, holds: bool, problem: str) -> None:
        if not holds:
            raise self._refused(problem)

    def _refused(self, problem: str) -> BundleRefused:
        return BundleRefused(self.file, self.line, problem)


def _lines(stream: BinaryIO, file: str, limits: Limits) -> Iterator[tuple[int, bytes]]:
    """Yield (number, line with its newline); never hold more than one line, never read past the size limit."""
    total = 0
    for number, line in enumerate(iter(lambda: stream.readline(limits.line + 1), b""), start=1):
        total += len(line)
        if len(line) > limits.line:
            raise BundleRefused(file, number, f"expected a line of at most {limits.line:,} bytes")
        if total > limits.size:
            raise BundleRefused(file, number, f"expected at most {limits.size:,} bytes, and the file is growing")
        yield number, line


def _is_json(line: bytes) -> bool:
    """Return whether a line without its newline is whole; the beginning of an object never is."""
    try:
        json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    return True


def _parsed(line: bytes, file: str, number: int, limits: Limits) -> dict[str, Any]:
    """Return the object on one line. Raises `BundleRefused` for anything that JSON readers disagree about."""
    if _depth(line) > limits.depth:
        raise BundleRefused(file, number, f"expected at most {limits.depth} levels of nesting")
    try:
        found = json.loads(
            line.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_finite,
            parse_float=_finite,
            parse_int=_bounded,
        )
    except (ValueError, RecursionError) as error:
        raise BundleRefused(file, number, f"expected one JSON object: {error}") from None
    if not isinstance(found, dict):
        raise BundleRefused(file, number, f"expected one JSON object, found {type(found).__name__}")
    return found


def _depth(line: bytes) -> int:
    """Return how deep brackets nest outside strings, without recursion."""
    deepest = level = 0
    for bracket in _STRING.sub(b"", line).translate(None, _NOT_BRACKETS):
        level += 1 if bracket in b"[{" else -1
        deepest = max(deepest, level)
    return deepest


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"duplicate key {next(key for key in keys if keys.count(key) > 1)!r}")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is not a number")
    return number


def _bounded(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"an integer of {len(text)} digits")
    return int(text)
