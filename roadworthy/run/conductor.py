"""A run whose lanes are spread over pytest-xdist's workers, joined into one bundle and one page."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roadworthy.clock import running
from roadworthy.deadline import wait_until
from roadworthy.lane.lanes import Lane
from roadworthy.reports.bundle import Bundle, BundleRefused, read_bundle
from roadworthy.reports.made import make_directory, remove_directory
from roadworthy.reports.records import Record
from roadworthy.run.interrupts import Interrupts, why_stopped
from roadworthy.run.keys import BUNDLE, NEEDED, SAID, SEED
from roadworthy.run.results import WORKERS, BundleWriter, open_bundle
from roadworthy.run.session import SESSION, check_deviations, page_beside, write_message
from roadworthy.run.summary import summary
from roadworthy.upkeep import reaper

#: Seconds that workers have to take their lanes down after an interrupt; what is left then is killed, and reaped.
CLEAN_UP = 120.0
#: Seconds after which a worker that goes on is interrupted again: a first signal can be lost while it starts.
AGAIN = 5.0


def conducts(config: pytest.Config) -> bool:
    """Whether this process distributes the tests to workers and runs none itself."""
    return bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")


class Conductor:
    """Joins the sessions of the workers, each with its own ledger and bundle, into one run.

    Each lane goes to one worker as a whole. The workers' bundles lie below this run's own while it lasts, so that a
    killed run loses no result: `roadworthy site DIR/workers/*` makes a page of them.
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
        self.interrupts = Interrupts()
        self._stopped = ""
        #: xdist's ends of the workers.
        self._nodes: list[Any] = []
        self.run = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        check_deviations()
        if not self.config.option.collectonly:
            self.bundle = open_bundle(self.config, self.run)
            make_directory(self._workers)
            self.config.pluginmanager.register(self.interrupts)
            self.interrupts.watch()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Use xdist's scheduler of scopes, with a lane as the scope."""
        from xdist.scheduler import LoadScopeScheduling

        lanes = self.lanes

        class LaneScheduling(LoadScopeScheduling):  # type: ignore[misc]
            def _split_scope(self, nodeid: str) -> str:
                return lane_of(nodeid, lanes)

        return LaneScheduling(config, log)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send a worker the directory of its bundle and the seed of the order."""
        if self.bundle is not None:
            node.workerinput[BUNDLE] = str(self._workers / node.gateway.id)
        seed = self.config.stash[SESSION].order.seed
        if seed is not None:
            node.workerinput[SEED] = str(seed)
        self._nodes.append(node)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """End the workers as this process was ended, and wait until each has cleaned up.

        A terminal interrupts them, too; who interrupts this process alone would leave them at work. A worker that has
        taken a signal takes no second one, so that those that come again disturb no cleaning up.
        """
        self._stopped = str(excinfo.value) or "interrupted"
        end = running() + CLEAN_UP  # whoever is late is killed, and reaped
        while (at_work := [node for node in self._nodes if not has_ended(node)]) and running() < end:
            for node in at_work:
                process_of(node).send_signal(self.interrupts.first or signal.SIGINT)
            with contextlib.suppress(TimeoutError):
                wait_until(lambda: all(map(has_ended, self._nodes)), AGAIN, "the workers to clean up")

    @property
    def _workers(self) -> Path:
        assert self.bundle
        return self.bundle.directory / WORKERS

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print the messages of a worker, which has no terminal."""
        self.interrupts.again()
        told = [(name, value) for name, value in report.user_properties if name in (SAID, NEEDED)]
        report.user_properties = [one for one in report.user_properties if one not in told]
        for name, text in told:
            self._say(str(text), needed=name == NEEDED)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Join the workers' bundles after xdist has ended the workers."""
        if self.bundle is None:
            return
        if exitstatus == pytest.ExitCode.USAGE_ERROR:
            self._discard()  # a run that is refused leaves none
            return
        found: list[Bundle] = []
        for directory in sorted(path for path in self._workers.iterdir() if path.is_dir()):
            try:
                found.append(read_bundle(directory))
            except BundleRefused as reason:
                self._say(f"a worker left no bundle: {reason}", needed=True)
        if not found:
            self._discard()  # the run was ended before a worker had a plan
            return
        self.bundle.write_all(self._joined(found))
        if exitstatus == pytest.ExitCode.OK and (self._fails() or self.config.stash[SESSION].spoilt(self.bundle)):
            exitstatus = session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.interrupts.first is not None:
            exitstatus = session.exitstatus = self.interrupts.status
        said = self._stopped or str(session.shouldfail or session.shouldstop or "") or self._incomplete(found)
        stopped = why_stopped(self.interrupts.first, said, int(exitstatus))
        self.bundle.end(int(exitstatus), stopped, sum(bundle.end.benchmarks for bundle in found if bundle.end))
        gather(self._workers, self.bundle.directory)
        remove_directory(self._workers)
        self.page = page_beside(self.bundle, self._say)
        self.config.hook.pytest_roadworthy_run_end(directory=self.bundle.directory, page=self.page)

    def _joined(self, found: Sequence[Bundle]) -> list[Record]:
        """The records of this run's bundle."""
        return joined(found, self.run)

    def _incomplete(self, found: Sequence[Bundle]) -> str:
        """Why the run is incomplete, or an empty string."""
        lost = [Path(bundle.file).parent.name for bundle in found if bundle.end is None]
        return f"worker {', '.join(lost)} ended without closing its bundle" * bool(lost)

    def _fails(self) -> bool:
        """Whether the run fails although no test of it did."""
        return False

    def _discard(self) -> None:
        """Remove this run's bundle, unless a worker left something in its own that cannot be read."""
        assert self.bundle
        if not any(path.is_dir() for path in self._workers.iterdir()):
            remove_directory(self._workers)
        self.bundle.discard()
        self.bundle = None

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.bundle is not None:
            seen = {result.lane for result in self.bundle.results} | {record.lane for record in self.bundle.lanes}
            lanes = [lane for lane in self.lanes if lane.id in seen]
            summary(terminalreporter, lanes, self.bundle, self.page)
            self.config.stash[SESSION].lacking.tell(terminalreporter, self.bundle.lanes)

    def pytest_unconfigure(self) -> None:
        """Reap what a killed worker left."""
        if os.geteuid() == 0:
            for reaped in reaper.reap():
                self._say(f"reaped {len(reaped.removed)} things that run {reaped.run} had left")
        self.interrupts.release()

    def _say(self, text: str, needed: bool = False) -> None:
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and (needed or self.config.option.verbose >= 0):
            with contextlib.suppress(OSError):
                write_message(reporter, text)


def process_of(node: Any) -> subprocess.Popen[bytes]:
    """The process of a worker."""
    found: subprocess.Popen[bytes] = node.gateway._io.popen
    return found


def has_ended(node: Any) -> bool:
    """Whether a worker's session is over, or its process."""
    return node._down or process_of(node).poll() is not None


def gather(workers: Path, directory: Path) -> None:
    """Move the logs that the workers have kept to the bundle's own directory; a lane goes to one worker as a whole."""
    for log in sorted(workers.glob("*/cuts/*/*")):
        place = directory / log.relative_to(workers.joinpath(log.relative_to(workers).parts[0]))
        place.parent.mkdir(parents=True, exist_ok=True)
        log.rename(place)


def lane_of(nodeid: str, lanes: Sequence[Lane]) -> str:
    """The longest lane id within a test's id, because `6.1` is also within `6.12`; else the test's id itself."""
    return max((lane.id for lane in lanes if lane.id in nodeid), key=len, default=nodeid)


def paths_bound(args: Sequence[str]) -> list[str]:
    """Return the arguments with our paths joined to their options, such as `--bundle=DIR`.

    A worker parses the arguments again. The bundle exists by then, and pytest searches for its configuration where an
    argument of its own names an existing path.
    """
    found: list[str] = []
    for word in args:
        if found and found[-1] in ("--bundle", "--matrix"):
            found[-1] = f"{found[-1]}={word}"
        else:
            found.append(str(word))
    return found


def joined(bundles: Sequence[Bundle], run: str) -> list[Record]:
    """Join the records of the workers' bundles into those of one run: what any has planned, then all other records."""
    if not bundles:
        return []
    plans = [bundle.plan for bundle in bundles]
    found: list[Record] = [
        msgspec.structs.replace(
            plans[0], run=run, argv=sys.argv[1:],
            lanes=list({lane.id: lane for plan in plans for lane in plan.lanes}.values()),
            checks=list({check.id: check for plan in plans for check in plan.checks}.values()),
            cells=list(dict.fromkeys(cell for plan in plans for cell in plan.cells)),
        )
    ]  # fmt: skip
    for bundle in bundles:
        found += [*bundle.lanes, *bundle.results, *bundle.benchmarks, *bundle.trends, *bundle.counts]
    return found
