"""Benchmarks of xdist's workers in pytest-benchmark's table, JSON and histogram.

pytest-benchmark disables itself below xdist, because two processes that measure disturb each other. The suite's
benchmarks measure one at a time, whatever else runs (see lock.py), and their records reach the conductor.
"""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace
from typing import Any

import pytest

from roadworthy.measuring.clock import VirtualClock
from roadworthy.reports.records import Benchmark
from roadworthy.run.conductor import Conductor

#: What draws pytest-benchmark's histogram.
DRAWING = ("pygal", "pygaljs")


class SideBySide:
    """Hands the records of all workers to the conductor's pytest-benchmark once the conductor has joined them."""

    def __init__(self, config: pytest.Config, conductor: Conductor) -> None:
        self._config = config
        self._conductor = conductor

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        records = self._conductor.bundle.benchmarks if self._conductor.bundle else []
        session: Any = getattr(self._config, "_benchmarksession", None)
        if session is None or not records:
            return
        from roadworthy.measuring.reporting import hand_on_sides  # with numpy and scipy, which are large

        for record in records:
            if record.verdict != "invalid":
                clock = VirtualClock()
                hand_on_sides(record, fixture(session, record, clock), clock)
        session.disabled = False  # nothing measures any more; if no record was valid, it says that it saves nothing
        session.finish()


class InWorker:
    """Keeps pytest-benchmark in a worker from saying that it has disabled the suite's benchmarks."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        session: Any = getattr(config, "_benchmarksession", None)
        if session is not None:
            others = [item for item in items if item.get_closest_marker("measured") is None]
            names = {name for item in others for name in getattr(item, "fixturenames", ())}
            session.xdist_benchmark_found = session.xdist_benchmark_found and "benchmark" in names


def fixture(session: Any, record: Benchmark, clock: VirtualClock) -> Any:
    """pytest-benchmark's fixture as the test of this record would have had it without workers."""
    from pytest_benchmark.fixture import BenchmarkFixture
    from pytest_benchmark.utils import NameWrapper

    _, _, name = record.nodeid.rpartition("::")
    node = SimpleNamespace(name=name, nodeid=record.nodeid)
    if "[" in name:
        param = name.partition("[")[2].removesuffix("]")
        asked = bool(record.stratum) and param.startswith(f"{record.stratum}-")  # one that it chose is no parameter
        params = {"lane": record.lane, **({"stratum": record.stratum} if asked else {})}
        node.callspec = SimpleNamespace(id=param, params=params)
    return BenchmarkFixture(  # type: ignore[no-untyped-call]
        node, add_stats=session.benchmarks.append, logger=session.logger, warner=session.logger.warning,
        disabled=False, **{**session.options, "timer": NameWrapper(clock)},  # type: ignore[no-untyped-call]
    )  # fmt: skip


def refuse_histogram() -> None:
    """Raise UsageError if a histogram cannot be drawn: pytest-benchmark would say so when the run is over."""
    missing = [name for name in DRAWING if importlib.util.find_spec(name) is None]
    if missing:
        said = f"--benchmark-histogram needs {' and '.join(missing)}: pip install 'roadworthy[histogram]'"
        raise pytest.UsageError(f"roadworthy: {said}")
