"""Writes the run bundle: a record a line, each on disk before the next check begins."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import msgspec

from reports.records import Benchmark, End, LaneRecord, Record, Result


def now() -> str:
    """This moment, in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class BundleWriter:
    """An open bundle. `directory` is new, or empty: two runs never share one."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.path = directory / "bundle.jsonl"
        self.results: list[Result] = []
        self.benchmarks: list[Benchmark] = []
        self.lanes: list[LaneRecord] = []
        self._encoder = msgspec.json.Encoder()
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)

    def write(self, record: Record) -> None:
        """Append one record, synced."""
        if isinstance(record, Result):
            self.results.append(record)
        if isinstance(record, Benchmark):
            self.benchmarks.append(record)
        if isinstance(record, LaneRecord):
            self.lanes.append(record)
        os.write(self._descriptor, self._encoder.encode(record) + b"\n")
        os.fsync(self._descriptor)

    def end(self, exit_status: int) -> None:
        """The closing record, with how many of each verdict the bundle holds."""
        counts = Counter(result.verdict for result in self.results)
        self.write(
            End(
                finished=now(),
                exit_status=exit_status,
                counts={str(verdict): count for verdict, count in counts.items()},
            )
        )
        os.close(self._descriptor)
