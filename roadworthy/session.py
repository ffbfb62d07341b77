"""One pytest run: its lanes, its bundle, the stands that it brings up, and the verdicts that it records."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.bundle import read_bundle
from reports.page import write_page
from reports.records import SCHEMA, Check, LaneRecord, Plan, Result
from roadworthy import reaper
from roadworthy.checks import Declared, declared
from roadworthy.deviations import DeviationError, Deviations, load
from roadworthy.engines.dockerd import Dockerd, installed_series
from roadworthy.evidence import Evidence
from roadworthy.exchange import AgentFault, CallHung
from roadworthy.kernel_log import KernelLog
from roadworthy.lanes import Lane, expand
from roadworthy.ledger import Ledger
from roadworthy.ledger import read as read_ledger
from roadworthy.machines.host import Host
from roadworthy.plugin import EVIDENCE
from roadworthy.results import BundleWriter, now
from roadworthy.stand import Site, Stand, bring_up, daemon
from roadworthy.summary import header, summary
from roadworthy.toolbox import fio_version
from roadworthy.verdicts import Judgement, Precondition, Unsupported, first_line, judge

CONFORMANCE = Path(__file__).parents[1] / "conformance"


class Session:
    """State of one run. Hooks that need it are methods here."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.machine = Host()
        self.engine = f"docker{installed_series()}" if config.getoption("driver") else ""
        self.lanes: list[Lane] = expand(
            config.getoption("driver"), config.getoption("backing"), config.getoption("driver_opt"),
            self.engine, self.machine.kernel,
        )  # fmt: skip
        self.deviations = Deviations(())
        self.bundle: BundleWriter | None = None
        self.page: Path | None = None
        self._items: list[tuple[Lane, Declared, pytest.Item]] = []
        self._site: Site | None = None
        self._ledger: Ledger | None = None
        self._down: dict[str, BaseException] = {}
        self._told: set[str] = set()
        self._current: pytest.Item | None = None
        self._kernel_log = KernelLog()
        self._stands: dict[str, Stand] = {}

    # --- collection and plan

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        known = {found.identity for item in items if (found := declared(item))}
        asked = [item for item in items if "lane" in getattr(item, "fixturenames", ())]
        if asked and not self.lanes:
            raise pytest.UsageError("roadworthy: name a storage driver, as in --driver=overlay2 (see --help)")
        if known:
            try:
                self.deviations = load(CONFORMANCE / "deviations")
            except DeviationError as reason:
                raise pytest.UsageError(f"roadworthy: {reason}") from None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._items = []
        for item in session.items:
            found = declared(item)
            if found is not None and "lane" in item.callspec.params:  # type: ignore[attr-defined]
                self._items.append((item.callspec.params["lane"], found, item))  # type: ignore[attr-defined]
        repeated = {(lane.id, check.identity): 0 for lane, check, _ in self._items}
        if len(repeated) < len(self._items):
            seen: set[tuple[str, str]] = set()
            for lane, check, item in self._items:
                if (lane.id, check.identity) in seen:
                    raise pytest.UsageError(f"roadworthy: {item.nodeid}: a second check with the id {check.identity}")
                seen.add((lane.id, check.identity))
        measured = any("lane" in getattr(item, "fixturenames", ()) for item in session.items)
        if measured and not self.config.option.collectonly:
            self._begin()

    def _begin(self) -> None:
        """Open the bundle, write the plan, and reap what dead runs left."""
        run = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        if os.geteuid() == 0:
            for reaped in reaper.reap():
                self._say(f"reaped {len(reaped.removed)} things that run {reaped.run} had left")
            self._ledger = Ledger()
            run = self._ledger.run
            if self.config.getoption("keep"):
                self._ledger.keep()
        directory = Path(self.config.getoption("bundle") or self.config.rootpath / "bundles" / run)
        try:
            self.bundle = BundleWriter(directory)
        except FileExistsError:
            raise pytest.UsageError(
                f"roadworthy: --bundle: {directory} holds a bundle already; name a new directory"
            ) from None
        except OSError as reason:
            raise pytest.UsageError(f"roadworthy: --bundle: {directory} cannot be written: {reason.strerror}") from None
        checks = {check.identity: self._describe(check, item) for _, check, item in self._items}
        self.bundle.write(
            Plan(
                schema=SCHEMA, run=run, started=now(), suite=suite_version(self.config.rootpath), argv=sys.argv[1:],
                lanes=[lane.record() for lane in self.lanes], checks=list(checks.values()),
                cells=[(lane.id, check.identity) for lane, check, _ in self._items],
            )
        )  # fmt: skip

    def _describe(self, check: Declared, item: pytest.Item) -> Check:
        path, line, _ = item.location
        return Check(
            id=check.identity, family=check.family, promise=check.promise, provenance=check.provenance, file=path,
            line=(line or 0) + 1, source=check.source, claim=check.claim,
        )  # fmt: skip

    # --- stands

    def stand(self, lane: Lane) -> Iterator[Stand]:
        """Bring the lane up for as long as its checks run; a lane that failed once is not tried again."""
        if lane.id in self._down:
            raise self._down[lane.id]
        checks = [check for other, check, _ in self._items if other.id == lane.id]
        with contextlib.ExitStack() as stack:
            try:
                stand = stack.enter_context(bring_up(lane, checks, self.machine, self.site(), self.stage))
                facts = stand.facts()
            except BaseException as reason:
                self._down[lane.id] = reason
                self._record_lane(lane, reason)
                raise
            self._stands[lane.id] = stand
            self._say(ready_line(lane, facts))
            try:
                yield stand
            finally:
                self._stands.pop(lane.id, None)
                self._record_lane(lane, None, facts, stand.seconds)
                if stand.keep:
                    self._say(
                        f"kept: docker --host unix://{stand.engine.socket} ps -a; roadworthy reap --kept removes it"
                    )

    def second_stand(self, stand: Stand, check: Declared) -> Iterator[Stand]:
        with bring_up(stand.lane, [check], self.machine, self.site(), self.stage) as own:
            yield own

    def daemons(self, stand: Stand) -> Callable[..., contextlib.AbstractContextManager[Dockerd]]:
        @contextlib.contextmanager
        def started(driver_name: str, backing_name: str, **settings: Any) -> Iterator[Dockerd]:
            with daemon(self.site(), driver_name, backing_name, size=1 << 30, **settings) as (_, _, engine):
                yield engine

        return started

    def site(self) -> Site:
        """This run's directories. Made at the first lane that gets as far as making anything."""
        if self._site is None:
            if self._ledger is None:
                raise Precondition("needs root to mount and to start a daemon: run it as root, or with sudo")
            self._site = Site(self._ledger, self.config.getoption("keep"))
        return self._site

    def _record_lane(
        self, lane: Lane, reason: BaseException | None, facts: dict[str, Any] | None = None,
        seconds: dict[str, float] | None = None,
    ) -> None:  # fmt: skip
        states = {Unsupported: "unsupported", Precondition: "skipped", type(None): "ready"}
        state = states.get(type(reason), "error")
        said = "" if reason is None else first_line(reason)
        if self.bundle:
            rounded = {name: round(value, 3) for name, value in (seconds or {}).items()}
            self.bundle.write(
                LaneRecord(lane=lane.id, at=now(), state=state, reason=said, facts=facts or {}, seconds=rounded)  # type: ignore[arg-type]
            )

    # --- verdicts

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._kernel_log.lines()

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._current = item

    def report(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> pytest.TestReport:
        """Turn what happened in one phase of a check into its verdict, and the verdict into pytest's outcome."""
        check = declared(item)
        assert check is not None
        lane: Lane = item.callspec.params["lane"]  # type: ignore[attr-defined]
        broken = call.excinfo.value if call.excinfo else None
        if call.when == "teardown" and broken is None:
            return report
        if call.when == "setup" and broken is None:
            return report
        if (
            broken is not None
            and broken is self._down.get(lane.id)
            and not isinstance(broken, Unsupported | Precondition)
        ):
            # The lane's first check carries the cause; the others were never asked, and their cells are `missing`.
            if lane.id in self._told:
                return skipped(report, item, f"[missing] the lane did not come up: {first_line(broken)}")
            self._told.add(lane.id)
        evidence = item.stash.get(EVIDENCE, Evidence())
        log = self._kernel_log.lines()
        stand = self._stands.get(lane.id)
        recorded = self.deviations.find(check.identity, stand.deviation_facts(check.provenance)) if stand else None
        judgement = judge(broken, recorded if call.when == "call" else None, log)
        if call.when == "teardown":
            judgement = Judgement("error", f"while cleaning up: {judgement.reason}")
        if stand and isinstance(broken, AgentFault | CallHung):
            stand.replace_container(check.capabilities)
        self._record(lane, check, item, judgement, evidence, log, call.duration)
        return shaped(report, item, judgement)

    def _record(
        self, lane: Lane, check: Declared, item: pytest.Item, judgement: Judgement, evidence: Evidence,
        log: list[str], seconds: float,
    ) -> None:  # fmt: skip
        item.user_properties[:] = [("lane", lane.id), ("check", check.identity), ("verdict", judgement.verdict)]
        item.user_properties += [(f"observed: {seen.name}", seen.value) for seen in evidence.observations]
        if self.bundle is None:
            return
        deviation = judgement.deviation.record() if judgement.deviation else None
        self.bundle.write(
            Result(
                lane=lane.id, check=check.identity, nodeid=item.nodeid, verdict=judgement.verdict, at=now(),
                seconds=round(seconds, 4), reason=judgement.reason, observations=list(evidence.observations),
                transcript=list(evidence.transcript), omitted_calls=evidence.omitted, kernel_log=log,
                deviation=deviation,
            )
        )  # fmt: skip

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """A check that was interrupted is an error, and in the bundle."""
        item = self._current
        check = declared(item) if item else None
        if item is not None and check is not None and "lane" in item.callspec.params:  # type: ignore[attr-defined]
            evidence = item.stash.get(EVIDENCE, Evidence())
            lane = item.callspec.params["lane"]  # type: ignore[attr-defined]
            self._record(lane, check, item, Judgement("error", "interrupted"), evidence, [], 0.0)

    # --- the end

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self._kernel_log.close()
        if self.bundle is not None:
            self.bundle.end(int(exitstatus))
            self.page = self.bundle.directory / "index.html"
            write_page([read_bundle(self.bundle.directory)], self.page)

    def pytest_unconfigure(self) -> None:
        if self._ledger is None:
            return
        path, kept = self._ledger.path, self.config.getoption("keep")
        self._ledger.close()
        if kept:
            return
        with reaper.owned(path) as ours:
            if ours:
                for sentence in reaper.undo(read_ledger(path)).left:
                    self._say(f"left behind, `roadworthy reap` tries again: {sentence}")

    # --- what a person sees

    def pytest_report_header(self) -> list[str]:
        return header(self.lanes, self.engine, self.machine, fio_version())

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.bundle is not None:
            summary(terminalreporter, self.lanes, self.bundle, self.page)

    def _say(self, text: str) -> None:
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        capture = self.config.pluginmanager.get_plugin("capturemanager")
        if reporter is None or self.config.option.verbose < 0:
            return
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            reporter.ensure_newline()
            reporter.write_line(f"  {text}")

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Say what is going on once it takes longer than two seconds."""
        timer = threading.Timer(2.0, self._say, [f"{name} …"])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def ready_line(lane: Lane, facts: dict[str, Any]) -> str:
    engine, driver = facts["engine"], facts["driver"]
    backing = driver["status"].get("Backing Filesystem", lane.backing)
    return f"{lane.id}: docker {engine['version']}, API {engine['api']}, {driver['name']} on {backing}"


def shaped(report: pytest.TestReport, item: pytest.Item, judgement: Judgement) -> pytest.TestReport:
    """pytest's outcome for a verdict: known is xfailed, fixed fails, unsupported and skipped skip."""
    report.user_properties = list(item.user_properties)
    match judgement.verdict:
        case "known":
            assert judgement.deviation
            report.outcome = "skipped"
            report.wasxfail = f"{judgement.deviation.why} [{judgement.deviation.source}]"
        case "fixed":
            report.outcome = "failed"
            assert judgement.deviation
            place = f"{judgement.deviation.file}:{judgement.deviation.line}"
            report.longrepr = f"[fixed] {judgement.reason}; remove {place}"
        case "unsupported" | "skipped":
            return skipped(report, item, f"[{judgement.verdict}] {judgement.reason}")
        case "crash" | "hang":
            report.outcome = "failed"
            report.longrepr = f"[{judgement.verdict}] {judgement.reason}\n\n{report.longrepr or ''}"
        case "error":
            # pytest tells an error from a failure by the phase: a check that could not be asked is an error.
            report.outcome = "failed"
            if report.when == "call":
                report.when = "setup"
    return report


def skipped(report: pytest.TestReport, item: pytest.Item, reason: str) -> pytest.TestReport:
    path, line, _domain = item.location
    report.user_properties = list(item.user_properties)
    report.outcome = "skipped"
    report.longrepr = (path, (line or 0) + 1, f"Skipped: {reason}")
    return report


def suite_version(root: Path) -> dict[str, Any]:
    """The suite's version, and its commit where it runs from a checkout."""
    from importlib.metadata import version

    found: dict[str, Any] = {"version": version("roadworthy")}
    for name, argv in {"commit": ["rev-parse", "HEAD"], "changes": ["status", "--porcelain"]}.items():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            said = subprocess.run(
                ["git", "-C", str(root), *argv], capture_output=True, text=True, timeout=10, check=True
            )
            found[name] = said.stdout.strip() if name == "commit" else bool(said.stdout.strip())
    return found
