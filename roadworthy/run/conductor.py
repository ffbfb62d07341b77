"""A run whose lanes are spread over pytest-xdist's workers: one bundle and one page come of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roadworthy.lane.lanes import Lane
from roadworthy.reports.bundle import Bundle, BundleRefused, read_bundle
from roadworthy.reports.page import write_page
from roadworthy.reports.records import Record
from roadworthy.run.keys import BUNDLE, SAID, SEED
from roadworthy.run.results import BundleWriter, open_bundle
from roadworthy.run.session import SESSION, check_deviations, terminated
from roadworthy.run.summary import summary
from roadworthy.upkeep import reaper


def conducts(config: pytest.Config) -> bool:
    """Whether this process hands the tests out to workers, and runs none."""
    return bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")


class Conductor:
    """Beside the workers' sessions, each of which has its own ledger and bundle: the run as one.

    A lane goes to one worker as a whole. The workers' bundles lie below this run's own while it goes on, so that a
    run that is killed has lost nothing: `roadworthy site DIR/workers/*` makes a page of them.
    """

    def __init__(self, config: pytest.Config, lanes: Sequence[Lane]) -> None:
        if config.option.dist not in ("no", "load"):
            said = f"a lane goes to one worker as a whole: leave out --dist={config.option.dist}"
            raise pytest.UsageError(f"roadworthy: {said}")
        given = config.invocation_params
        config.invocation_params = pytest.Config.InvocationParams(
            args=paths_bound(given.args), plugins=given.plugins, dir=given.dir
        )
        self.config = config
        self.lanes = lanes
        self.bundle: BundleWriter | None = None
        self.page: Path | None = None
        self.run = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        check_deviations()
        if not self.config.option.collectonly:
            self.bundle = open_bundle(self.config, self.run)
            signal.signal(signal.SIGTERM, terminated)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """xdist's scheduler of whole scopes, of which a lane is one."""
        from xdist.scheduler import LoadScopeScheduling

        lanes = self.lanes

        class LaneScheduling(LoadScopeScheduling):  # type: ignore[misc]
            def _split_scope(self, nodeid: str) -> str:
                return lane_of(nodeid, lanes)

        return LaneScheduling(config, log)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where its bundle goes."""
        if self.bundle is not None:
            node.workerinput[BUNDLE] = str(self._workers / node.gateway.id)
        seed = self.config.stash[SESSION].order.seed
        if seed is not None:
            node.workerinput[SEED] = str(seed)

    @property
    def _workers(self) -> Path:
        assert self.bundle
        return self.bundle.directory / "workers"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Say what a worker has to say; it has no terminal."""
        told = [value for name, value in report.user_properties if name == SAID]
        report.user_properties = [(name, value) for name, value in report.user_properties if name != SAID]
        for text in told:
            self._say(str(text))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Join the workers' bundles, after xdist has let the workers go."""
        if self.bundle is None:
            return
        found: list[Bundle] = []
        for directory in sorted(self._workers.glob("*")):
            try:
                found.append(read_bundle(directory))
            except BundleRefused as reason:
                self._say(f"a worker left no bundle: {reason}")
        for record in joined(found, self.run):
            self.bundle.write(record)
        if exitstatus == pytest.ExitCode.OK and self.bundle.spoilt():
            exitstatus = session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self.bundle.end(int(exitstatus))
        if found:
            shutil.rmtree(self._workers)
            self.page = self.bundle.directory / "index.html"
            write_page([read_bundle(self.bundle.directory)], self.page)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.bundle is not None and self.page is not None:
            seen = {result.lane for result in self.bundle.results} | {record.lane for record in self.bundle.lanes}
            summary(terminalreporter, [lane for lane in self.lanes if lane.id in seen], self.bundle, self.page)

    def pytest_unconfigure(self) -> None:
        """What a worker left that had to be killed."""
        if os.geteuid() == 0:
            for reaped in reaper.reap():
                self._say(f"reaped {len(reaped.removed)} things that run {reaped.run} had left")

    def _say(self, text: str) -> None:
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and self.config.option.verbose >= 0:
            with contextlib.suppress(OSError):
                reporter.ensure_newline()
                reporter.write_line(f"  {text}")


def lane_of(nodeid: str, lanes: Sequence[Lane]) -> str:
    """The id of the lane that a test's id names, or the test's own: the longest, as 6.1 is in 6.12 too."""
    return max((lane.id for lane in lanes if lane.id in nodeid), key=len, default=nodeid)


def paths_bound(args: Sequence[str]) -> list[str]:
    """The words of a command line with our paths bound to their options, as `--bundle=DIR`.

    A worker parses the words again, and pytest takes a free-standing word that names an existing path for one that
    tells where its configuration lies; the bundle exists by then.
    """
    found: list[str] = []
    for word in args:
        if found and found[-1] in ("--bundle", "--matrix"):
            found[-1] = f"{found[-1]}={word}"
        else:
            found.append(str(word))
    return found


def joined(bundles: Sequence[Bundle], run: str) -> list[Record]:
    """The records of several workers' bundles as one run's: the plan, the same for all, and what each found."""
    if not bundles:
        return []
    plan = msgspec.structs.replace(bundles[0].plan, run=run, argv=sys.argv[1:])
    found: list[Record] = [plan]
    for bundle in bundles:
        found += [*bundle.lanes, *bundle.results, *bundle.benchmarks, *bundle.trends, *bundle.counts]
    return found
