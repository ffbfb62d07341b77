"""What a run was asked for and did not do: lanes that did not start, and benchmarks that this host lacks something for.

A run of which nothing was tested has no failure either, so that this fails it, unless --allow-missing says that holes
are planned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from roadworthy.reports.records import LaneRecord
from roadworthy.reports.text import counted

#: The name of a user property of a benchmark's report: what it lacks of this host.
LACKS = "roadworthy lacks"


class Lacking:
    """Collects what benchmarks lack, from their reports; the records of a run's lanes are in its bundle.

    It is `allowed` with --allow-missing.
    """

    def __init__(self, allowed: bool) -> None:
        self._allowed = allowed
        self._benchmarks: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._benchmarks.update(str(value) for name, value in report.user_properties if name == LACKS)

    def fails(self, lanes: Sequence[LaneRecord]) -> bool:
        """Whether the run fails by what it lacks."""
        return bool(self.sentences(lanes)) and not self._allowed

    def tell(self, reporter: Any, lanes: Sequence[LaneRecord]) -> None:
        """Write what the run lacks at its end, one thing a line."""
        found = self.sentences(lanes)
        for sentence in found:
            reporter.write_line(f"not run: {sentence}", **{"yellow" if self._allowed else "red": True})
        if found and not self._allowed:
            reporter.write_line("This fails the run. With --allow-missing, lanes may be missing.", red=True)

    def sentences(self, lanes: Sequence[LaneRecord]) -> list[str]:
        """One for each lane that did not start, and for each thing that benchmarks lack on lanes that did."""
        return [*not_started(lanes), *self._not_measured({record.reason for record in lanes})]

    def _not_measured(self, told: set[str]) -> Iterator[str]:
        for reason, number in self._benchmarks.items():
            if reason not in told:
                yield f"{counted(number, 'benchmark')}: {reason}"


def not_started(lanes: Sequence[LaneRecord]) -> Iterator[str]:
    """Yield a sentence for each lane that did not start for want of something; an error of a lane is a failed check."""
    started = {record.lane for record in lanes if record.state == "ready"}
    for record in {record.lane: record for record in lanes if record.lane not in started}.values():
        if record.state == "unsupported":
            yield f"{record.lane}: {record.reason}; leave this lane out here"
        if record.state == "skipped":
            yield f"{record.lane}: {record.reason}"
