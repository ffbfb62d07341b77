"""Writes the run bundle: one record a line, each on disk before the next check begins."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roadworthy.reports.bundle import FILE_NAME
from roadworthy.reports.null import nulls
from roadworthy.reports.records import Benchmark, Count, End, LaneRecord, Plan, Record, Result, Trend
from roadworthy.reports.repeats import flaky

#: What a run writes into its bundle's directory: records, their page, the raw files of benchmarks, workers' bundles.
PAGE, RAW, WORKERS = "index.html", "raw", "workers"
OWN = (FILE_NAME, PAGE, RAW, WORKERS)


def now() -> str:
    """The current time in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def as_text(value: Any) -> Any:
    """Return `value` with every string in it made encodable in UTF-8."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case list() | tuple():
            return [as_text(part) for part in value]
        case dict():
            return {as_text(key): as_text(part) for key, part in value.items()}
    return value


def below(config: pytest.Config) -> Path:
    """The directory for results: pytest's root if the user stands in it, or the one in which the user stands.

    With --pyargs pytest's root is where the suite is installed, which is no place for results.
    """
    here = config.invocation_params.dir
    return config.rootpath if here.is_relative_to(config.rootpath) else here


def open_bundle(config: pytest.Config, run: str) -> BundleWriter:
    """Open this run's bundle in the directory of --bundle, or in bundles/RUN. Raises UsageError."""
    directory = Path(config.getoption("bundle") or below(config) / "bundles" / run)
    try:
        return BundleWriter(directory)
    except OSError as reason:
        held = Path(reason.filename or "").name if isinstance(reason, FileExistsError) else ""
        said = f"cannot be written: {reason.strerror}"
        if held in OWN and directory.is_dir():
            said = f"holds {'a bundle' if held == FILE_NAME else held} already; name a new directory"
        raise pytest.UsageError(f"roadworthy: --bundle: {directory} {said}") from None


class BundleWriter:
    """An open bundle. `directory` is new, or has nothing of the names that a run writes: two runs never share one."""

    def __init__(self, directory: Path, also: Callable[[bytes], None] = lambda line: None) -> None:
        """`also` gets each line that is written, without its end.

        Raises OSError: FileExistsError with the path of what is there already.
        """
        self._also = also
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.path = directory / FILE_NAME
        for name in OWN:
            if os.path.lexists(directory / name):
                raise FileExistsError(errno.EEXIST, "it is there already", str(directory / name))
        self.results: list[Result] = []
        self.benchmarks: list[Benchmark] = []
        self.trends: list[Trend] = []
        self.counts: list[Count] = []
        self.lanes: list[LaneRecord] = []
        self.planned = False
        self.controls: set[str] = set()
        self._encoder = msgspec.json.Encoder()
        self.torn: OSError | None = None
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)

    def write_all(self, records: Iterable[Record]) -> None:
        """Append records that are on the disk elsewhere, and sync them together. Raises OSError."""
        for record in records:
            self._append(record)
        os.fsync(self._descriptor)

    def write(self, record: Record) -> None:
        """Append one record and sync it. Raises OSError."""
        self._append(record)
        try:
            os.fsync(self._descriptor)
        except OSError as reason:
            self.torn = reason
            raise

    def _append(self, record: Record) -> None:
        """Append one record, which is then on its way to the disk. Raises OSError."""
        if isinstance(record, Result):
            self.results.append(record)
        if isinstance(record, Benchmark):
            self.benchmarks.append(record)
        if isinstance(record, Trend):
            self.trends.append(record)
        if isinstance(record, Count):
            self.counts.append(record)
        if isinstance(record, LaneRecord):
            self.lanes.append(record)
        if isinstance(record, Plan):
            self.planned = True
            self.controls |= {check.id for check in record.checks if check.control}
        whole = self._encoded(record)
        line = whole + b"\n"
        if self.torn is not None:
            raise self.torn
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
        except OSError as reason:
            self.torn = reason  # write nothing after a torn line, so that the bundle stays readable up to it
            raise
        self._also(whole)

    def void(self) -> list[str]:
        """Why this run says nothing about drivers: a sentence for each control and null driver that did not hold."""
        uneven = [f"{null.lane}: {null.sentence}" for null in nulls(self.benchmarks) if null.holds is False]
        return uneven + [
            f"{found.lane}: {found.check} is {found.verdict}, which no driver can cause: {found.reason}"
            for found in self.results
            if found.check in self.controls and found.verdict in ("fail", "known", "fixed")
        ]

    def spoilt(self) -> bool:
        """Whether the run fails although each check alone may be as recorded: a control or a flaky check."""
        return bool(self.void() or flaky(self.results))

    def _encoded(self, record: Record) -> bytes:
        try:
            return self._encoder.encode(record)
        except UnicodeEncodeError:  # a file name may hold bytes that are not text
            return self._encoder.encode(as_text(msgspec.to_builtins(record)))

    def discard(self) -> None:
        """Close and remove the file, and its directory if nothing else is in it."""
        os.close(self._descriptor)
        self.path.unlink()
        with contextlib.suppress(OSError):
            self.directory.rmdir()

    def end(self, exit_status: int, stopped: str = "", benchmarks: int = 0) -> None:
        """Write the closing record, with the number of results of each verdict, and close the file.

        `stopped` says why the run ended early; `benchmarks` is how many were asked.
        """
        counts = Counter(result.verdict for result in self.results)
        if self.torn is None:
            self.write(
                End(
                    finished=now(),
                    exit_status=exit_status,
                    counts={str(verdict): count for verdict, count in counts.items()},
                    stopped=stopped,
                    benchmarks=benchmarks,
                )
            )
        os.close(self._descriptor)
