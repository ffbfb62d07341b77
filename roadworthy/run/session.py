"""One pytest run: its lanes, its bundle, the stands that it brings up, and the verdicts that it records."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roadworthy.calls.toolbox import fio_version
from roadworthy.declaring.checks import Declared, declared, round_of
from roadworthy.declaring.redefined import redefined
from roadworthy.declaring.vacuous import asks_nothing
from roadworthy.engines.dockerd import installed_engine
from roadworthy.extending.distributions import ExtensionError, by_distribution
from roadworthy.lane.bring_up import lane_up
from roadworthy.lane.faults import NO_FAULTS, Faults
from roadworthy.lane.lanes import Lane
from roadworthy.lane.stand import Stand
from roadworthy.machines.host import Host
from roadworthy.machines.watchdog import Watchdog
from roadworthy.programs import tied
from roadworthy.reasons import Precondition, Unsupported, first_line
from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.claims import Claim, asking
from roadworthy.reports.claims import load as load_claims
from roadworthy.reports.page import write_page
from roadworthy.reports.records import SCHEMA, Check, LaneRecord, Plan, Record
from roadworthy.reports.redaction import of_this_machine
from roadworthy.run.hunt import drawn_seed
from roadworthy.run.interrupts import Interrupts, why_stopped
from roadworthy.run.keys import BUNDLE, EVIDENCE, LANES, NEEDED, NODE, REFUSED, SAID, SEED, TOLD
from roadworthy.run.lacking import Lacking
from roadworthy.run.options import DRIVERS_NAMED, SHUFFLED, attaches, lanes_of, only_looks
from roadworthy.run.order import Group, OrderError, order
from roadworthy.run.recorder import Recorder
from roadworthy.run.repeats import RepeatError, repeats
from roadworthy.run.results import PAGE, BundleWriter, now, open_bundle
from roadworthy.run.stands import Stands
from roadworthy.run.summary import header, summary
from roadworthy.stage import timed
from roadworthy.upkeep import reaper
from roadworthy.upkeep.ledger import Ledger
from roadworthy.upkeep.ledger import read as read_ledger
from roadworthy.upkeep.site import Site
from roadworthy.verdict.deviations import DeviationError, Deviations, load_all

CONFORMANCE = Path(__file__).parents[1] / "conformance"
SESSION = pytest.StashKey["Session"]()


class Session:
    """The state of one run. Hooks that need it are methods here."""

    def __init__(self, config: pytest.Config, lanes: Sequence[Lane] | None = None) -> None:
        """`lanes` are those of the run if its options do not say all of them, as with an inventory.

        Raises LaneError.
        """
        self.config = config
        self.machine = Host()
        asked = config.getoption(DRIVERS_NAMED) or config.getoption("matrix") or attaches(config)
        self.engine = installed_engine() if asked else None
        #: xdist's input if this process is one of its workers; `_unsaid` are messages to send with its reports.
        self.worker: dict[str, Any] = getattr(config, "workerinput", {})
        self._unsaid: list[tuple[str, str]] = []
        self.lanes: list[Lane] = []
        if lanes is not None:
            self.lanes = list(lanes)
        elif LANES in self.worker:
            self.lanes = [Lane.from_values(values) for values in self.worker[LANES]]
        elif self.engine:
            self.lanes = lanes_of(config, self.engine, self.machine.kernel)
        try:
            self.repeats = repeats(config.getoption("repeat"))
            self.order = order(getattr(config, "workerinput", {}).get(SEED) or config.getoption(SHUFFLED))
        except (RepeatError, OrderError) as reason:
            raise pytest.UsageError(f"roadworthy: {reason}") from None
        # Workers get the options as they are now, and with them one seed.
        config.option.hunt_seed = drawn_seed(config.getoption("minutes"), config.getoption("hunt_seed"))
        self.bundle: BundleWriter | None = None
        self.page: Path | None = None
        self._items: list[tuple[Lane, Declared, pytest.Item]] = []
        #: The modules that have checks or benchmarks, also such as were deselected, and how a person calls them.
        self._modules: dict[Path, str] = {}
        #: The ids of the planned benchmarks, and how many of them were asked.
        self._benchmarks: set[str] = set()
        self._measured = 0
        #: The signals that end the run, and what ended it otherwise.
        self.interrupts = Interrupts(told=not self.worker)
        self._stopped = ""
        self._site: Site | None = None
        self._ledger: Ledger | None = None
        #: Faults on purpose; a plugin that brings some sets them here.
        self.faults: Faults = NO_FAULTS
        #: What is asked for and cannot be had.
        self.lacking = Lacking(config.getoption("allow_missing"))
        config.pluginmanager.register(self.lacking)
        self.watchdog = Watchdog()
        self.stands = Stands(self)
        self.recorder = Recorder(self.repeats.rounds, self._write, self.describe)

    # --- collection and plan

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        if item.path in self._modules:
            return
        if item.get_closest_marker("check") or item.get_closest_marker("measured"):
            self._modules[item.path] = item.location[0]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what --cuts asks for, and keep the items of a lane together, however others have ordered them."""
        if self.config.getoption("cuts") is None and (
            left := [item for item in items if item.get_closest_marker("flushes")]
        ):
            items[:] = [item for item in items if item not in left]
            self.config.hook.pytest_deselected(items=left)
        if self.lanes:
            places = {lane.id: place for place, lane in enumerate(self.lanes)}
            items[:] = self.order.arranged(items, lambda item: group(item, places))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Refuse what cannot run. All refusals are here, as pytest calls this hook even if an earlier one refused."""
        try:
            self._take(session.items)
        except pytest.UsageError as reason:
            if self.worker:
                self.config.workeroutput[REFUSED] = str(reason)  # type: ignore[attr-defined]
            raise
        if TOLD in self.worker:
            self._tell(self._cells(session.items))

    def _take(self, items: Sequence[pytest.Item]) -> None:
        """Take the collected items for the plan. Raises UsageError for what cannot run."""
        measured = any(on_lane(item) for item in items)
        refuse_redefined(self._modules)
        if measured and not self.lanes and only_looks(self.config):
            return
        if measured and not self.lanes:
            said = "name a storage driver, as in --driver=overlay2, or a file with --matrix (see --help)"
            also = "--storage-driver is the option's name where another plugin has --driver"
            raise pytest.UsageError(f"roadworthy: {said}; {also}")
        self._items = []
        for item in items:
            found = declared(item)
            if found is None:
                continue
            if not on_lane(item):
                said = "a check runs on a lane; use the fixture fs, containers, storage or engine"
                raise pytest.UsageError(f"roadworthy: {item.nodeid}: {said}")
            self._items.append((lane_of(item), found, item))
        refuse_vacuous(item for _, _, item in self._items)
        seen: set[tuple[str, str, int]] = set()
        for lane, check, item in self._items:
            key = lane.id, check.identity, round_of(item)
            if key in seen:
                raise pytest.UsageError(f"roadworthy: {item.nodeid}: a second check with the id {check.identity}")
            seen.add(key)
        if self._items:
            self.recorder.deviations = check_deviations()
        self._benchmarks = {item.nodeid for item in items if item.get_closest_marker("measured") and on_lane(item)}
        if measured:
            asked = {lane_of(item).id for item in items if on_lane(item)}
            self.lanes = [lane for lane in self.lanes if lane.id in asked]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Begin after the collection, so that a run that pytest refuses leaves no bundle."""
        given = self.config.option
        if any(on_lane(item) for item in session.items) and not given.collectonly and not given.setupplan:
            self._begin()
        try:
            return (yield)
        finally:
            self._stand_somewhere()

    def _stand_somewhere(self) -> None:
        """Where the working directory was deleted meanwhile, let pytest return to another before it cleans up."""
        given = self.config.invocation_params
        if not given.dir.is_dir():
            self.config.invocation_params = pytest.Config.InvocationParams(
                args=given.args, plugins=given.plugins, dir=Path("/")
            )
            self.say(f"{given.dir} was deleted while the run used it as its working directory", needed=True)

    def _begin(self) -> None:
        """Open the bundle, write the plan, and reap what dead runs left."""
        run = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        self.config.pluginmanager.register(self.interrupts)
        self.interrupts.watch()
        if os.geteuid() == 0:
            try:
                self._ledger = Ledger()
            except OSError as reason:
                said = f"no ledger can be written, without which a killed run would leave things: {reason}"
                raise pytest.UsageError(f"roadworthy: {said}") from None
            run = self._ledger.run
        if self.worker:
            self.bundle = BundleWriter(Path(self.worker[BUNDLE]), self._tell)
        else:
            self.bundle = open_bundle(self.config, run)
        if self._ledger is not None:
            for reaped in reaper.reap():
                self.say(f"reaped {len(reaped.removed)} things that run {reaped.run} had left")
                for sentence in reaped.left:
                    self.say(f"still left, `roadworthy reap` tries again: {sentence}", needed=True)
        self._write(self._plan(run, self._items))

    def _tell(self, line: bytes) -> None:
        """Send what belongs into the bundle to who conducts the run, if that is on another host."""
        if (told := self.worker.get(TOLD)) is not None:
            told.send(line.decode())

    def _cells(self, items: Sequence[pytest.Item]) -> bytes:
        """The lane, check and round of each test, and which are benchmarks.

        Who conducts the run knows tests by their names only, also one that is lost with its node.
        """
        cells = {item.nodeid: [lane_of(item).id, "", 1] for item in items if on_lane(item)}
        cells |= {item.nodeid: [lane.id, check.identity, round_of(item)] for lane, check, item in self._items}
        return msgspec.json.encode({"type": "cells", "cells": cells, "benchmarks": sorted(self._benchmarks)})

    def _plan(self, run: str, items: Sequence[tuple[Lane, Declared, pytest.Item]]) -> Plan:
        checks = {check.identity: self.describe(check, item) for _, check, item in items}
        suite = suite_version(CONFORMANCE.resolve().parent) | extensions()
        return Plan(
            schema=SCHEMA, run=run, started=now(), suite=suite, argv=sys.argv[1:],
            lanes=[lane.record() for lane in self.lanes], checks=list(checks.values()),
            cells=list(dict.fromkeys((lane.id, check.identity) for lane, check, _ in items)),
            rounds=self.repeats.rounds, benchmarks=len(self._benchmarks),
        )  # fmt: skip

    @functools.cached_property
    def _claims(self) -> tuple[Claim, ...]:
        """The claims, read for the first plan: a session without checks has no use for them."""
        return load_claims()

    def describe(self, check: Declared, item: pytest.Item) -> Check:
        """The check as the bundle's plan has it."""
        path, line, _ = item.location
        # The location is relative to pytest's root, which may lie anywhere; the suite's own files have fixed names.
        suite, place = CONFORMANCE.resolve().parent, (self.config.rootpath / path).resolve()
        file = str(place.relative_to(suite)) if place.is_relative_to(suite) else path
        return Check(
            id=check.identity, family=check.family, promise=check.promise, provenance=check.provenance, file=file,
            line=(line or 0) + 1, source=check.source, claim=", ".join(asking(self._claims, check.identity)),
            control=check.control and not self.faults.any,  # a fault may be its cause
        )  # fmt: skip

    # --- what lanes need, see stands.Run

    def checks(self, lane: Lane) -> list[Declared]:
        """The checks of a lane whose trees can be made, each once, however many rounds run."""
        mine = {check.identity: check for other, check, _ in self._items if other.id == lane.id}
        return [check for check in mine.values() if not check.mistake]

    def option(self, name: str) -> Any:
        return self.config.getoption(name)

    def facts(self) -> dict[str, Any]:
        """Options that change how checks run, for the facts of a lane; empty if none is given."""
        found: dict[str, Any] = {}
        if self.repeats.rounds > 1:
            found["repeat"] = self.repeats.facts()
        if self.order.seed is not None:
            found["random order"] = {"seed": self.order.seed}
        if self.config.getoption("isolate"):
            found["isolate"] = True
        if (minutes := self.config.getoption("minutes")) is not None:
            found["hunt"] = {"minutes": minutes, "seed": self.config.getoption("hunt_seed")}
        if NODE in self.worker:
            found["node"] = self.worker[NODE]
        return found

    def facts_added(self, stand: Stand) -> dict[str, Any]:
        """What plugins tell of a lane that came up, each under a name of its own."""
        found: dict[str, Any] = {}
        for told in self.config.hook.pytest_roadworthy_lane_facts(lane=stand.lane, stand=stand):
            found |= told
        return found

    def site(self) -> Site:
        """This run's directories, made when the first lane needs them. Raises Precondition without root."""
        if self._site is None:
            if self._ledger is None:
                raise Precondition("needs root to mount and to start a daemon: run it as root, or with sudo")
            keep = self.config.getoption("keep")
            if keep:
                self._ledger.keep()
            self._site = Site(self._ledger, keep)
        return self._site

    def bring_up(self, lane: Lane, held: contextlib.ExitStack) -> Stand:
        found: Stand = self.config.hook.pytest_roadworthy_lane_up(run=self, lane=lane, held=held)
        return found

    @pytest.hookimpl(trylast=True)
    def pytest_roadworthy_lane_up(self, lane: Lane, held: contextlib.ExitStack) -> Stand:
        accept = self.config.getoption("accept_expired_suites")
        return held.enter_context(lane_up(lane, self.checks(lane), self.site, self.stage, accept, self.faults))

    def record_lane(
        self, lane: Lane, reason: BaseException | None, facts: Mapping[str, Any], seconds: Mapping[str, float]
    ) -> None:
        states = {Unsupported: "unsupported", Precondition: "skipped", type(None): "ready"}
        state = states.get(type(reason), "error")
        said = "" if reason is None else first_line(reason)
        if self.bundle:
            rounded = {name: round(value, 3) for name, value in seconds.items()}
            self._write(
                LaneRecord(lane=lane.id, at=now(), state=state, reason=said, facts=dict(facts), seconds=rounded)  # type: ignore[arg-type]
            )

    @contextlib.contextmanager
    def turn(self, name: str, directory: Path, asked: Sequence[pytest.Item]) -> Iterator[None]:
        """While the block runs, write the results of the checks `asked` to a bundle of their own in `directory`."""
        self.stands.forget_tries()
        whole, self.bundle = self.bundle, BundleWriter(directory)
        self._write(self._plan(name, [found for found in self._items if found[2] in asked]))
        stopped = "interrupted"
        try:
            yield
            stopped = ""
        finally:
            for lane in self.lanes:
                self.record_lane(lane, self.stands.down.get(lane.id), self.faults.facts(), {})
            self.bundle.end(self.interrupts.status if stopped else 0, stopped)
            self.bundle = whole

    # --- verdicts

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.stands.skip_logged()

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.interrupts.again()
        self.recorder.current = item
        if (check := declared(item)) is not None:
            self.faults.begin(check.slug)
        stand = self.stands.of(lane_of(item)) if on_lane(item) else None
        if stand is not None and stand.lost is None:
            self.stands.before(stand)
        if stand is not None and stand.lost is None and stand.round != round_of(item):
            self.stands.begin_round(stand, round_of(item))
        if stand is not None and stand.lost is not None:
            raise stand.lost

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """After a check has passed, compare its tree with what its calls leave on a file system without layers."""
        done = yield
        check = declared(item)
        stand = self.stands.of(lane_of(item)) if check and on_lane(item) else None
        evidence = item.stash.get(EVIDENCE, None)
        if check is None or stand is None or stand.reference is None or evidence is None:
            return done
        names = item.fixturenames  # type: ignore[attr-defined]
        if "fs" in names:
            with timed(stand.seconds, "reference"), timed(evidence.seconds, "reference"):
                stand.reference.compare(check, names, stand.container(check.capabilities), evidence)
        return done

    def report(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
        """Make the lane usable after one phase of a check, judge the check, and return the report for pytest."""
        check, broken = declared(item), call.excinfo.value if call.excinfo else None
        if check is None or (call.when == "setup" and broken is None):
            return pytest.TestReport.from_item_and_call(item, call)
        return self.recorder.report(item, call, check, self.stands.after(lane_of(item), check, call.when, broken))

    def _write(self, record: Record) -> None:
        """Append to the bundle. If that fails, end the run; what is on disk stays readable."""
        if self.bundle is None or self.bundle.torn is not None:
            return
        try:
            self.bundle.write(record)
        except OSError as reason:
            said = f"roadworthy: {self.bundle.path} cannot be written: {reason.strerror}; the bundle is incomplete"
            pytest.exit(said, returncode=os.EX_IOERR)
        self.config.hook.pytest_roadworthy_record(record=record)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._measured += nodeid in self._benchmarks

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._stopped = str(excinfo.value) or "interrupted"
        self.recorder.interrupted()

    # --- the end

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._site is not None and self.faults.conclusion():
            exitstatus = session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        if self.bundle is not None and exitstatus == pytest.ExitCode.OK and self.spoilt(self.bundle):
            exitstatus = session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.bundle is not None and not self.bundle.planned and self.bundle.torn is None:
            self.bundle.discard()  # the run was ended before it had a plan
            self.bundle = None
        if self.bundle is not None:
            if self.interrupts.first is not None:
                exitstatus = session.exitstatus = self.interrupts.status
            said = self._stopped or str(session.shouldfail or session.shouldstop or "")
            stopped = why_stopped(self.interrupts.first, said, int(exitstatus))
            self.bundle.end(int(exitstatus), stopped, self._measured)
        if self.bundle is not None and not self.worker:
            self.page = page_beside(self.bundle, self.say)
            self.config.hook.pytest_roadworthy_run_end(directory=self.bundle.directory, page=self.page)

    def spoilt(self, bundle: BundleWriter) -> bool:
        """Whether the run fails although no check of it did."""
        return bundle.spoilt() or self.lacking.fails(bundle.lanes)

    def pytest_unconfigure(self) -> None:
        try:
            with contextlib.suppress(OSError):  # it ends with this process at the latest
                self.watchdog.close()
            self._leave()
        finally:
            self.interrupts.release()

    def _leave(self) -> None:
        """Undo what is still in the ledger, unless it is to be kept."""
        if self._ledger is None:
            return
        path, kept = self._ledger.path, self._site is not None and self._site.keep
        self._ledger.close()
        if kept:
            return
        try:
            with reaper.owned(path) as ours:
                left = reaper.undo(read_ledger(path)).left if ours else ()
        except OSError as reason:
            left = (f"all that {path} names: {reason}",)
        for sentence in left:
            self.say(f"left behind, `roadworthy reap` tries again: {sentence}", needed=True)

    # --- the terminal

    def pytest_report_header(self) -> list[str]:
        if self.engine is None:
            return []
        lines = [*header(self.lanes, self.engine, self.machine, fio_version()), *self.order.header()]
        if (minutes := self.config.getoption("minutes")) is not None:
            seed = self.config.getoption("hunt_seed")
            lines.append(f"  hunts of {minutes:g} minutes, again with --minutes={minutes:g} --hunt-seed={seed}")
        return [*lines, *self.faults.header()]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.bundle is not None:
            summary(terminalreporter, self.lanes, self.bundle, self.page)
            self.lacking.tell(terminalreporter, self.bundle.lanes)
        if self._site is not None:
            self.faults.summary(terminalreporter)

    def unsaid(self) -> list[tuple[str, str]]:
        """Return the pending messages of a worker as user properties of a report, and forget them."""
        told, self._unsaid = self._unsaid, []
        return told

    def say(self, text: str, needed: bool = False) -> None:
        """Print a message; with -q only one that is `needed`."""
        if self.worker:
            self._unsaid.append((NEEDED if needed else SAID, text))
            return
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        capture = self.config.pluginmanager.get_plugin("capturemanager")
        if reporter is None or (self.config.option.verbose < 0 and not needed):
            return
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            write_message(reporter, text)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Print the name of the stage once its block takes longer than two seconds."""
        timer = threading.Timer(2.0, self.say, [f"{name} …"])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def page_beside(bundle: BundleWriter, say: Callable[..., None]) -> Path | None:
    """Write the page of a closed bundle beside it, and return its path; None after `say` has told why there is none."""
    page = bundle.directory / PAGE
    try:
        read = read_bundle(bundle.directory)
        ids = [*(lane.id for lane in read.plan.lanes), *(check.id for check in read.plan.checks)]
        hide = of_this_machine(ids)
        write_page([read], page, hide=hide)
    except OSError as reason:
        said = f"{page} cannot be written: {reason.strerror}; `roadworthy site` makes one from the bundle"
        say(said, needed=True)
        return None
    return page


def write_message(reporter: Any, text: str) -> None:
    """Write a message on a line of its own."""
    reporter.ensure_newline()
    if reporter._tw.width_of_current_line:  # dots on a line that does not begin with their file's name
        reporter.write_line("")
    reporter.write_line(f"  {text}")


def refuse_redefined(modules: Mapping[Path, str]) -> None:
    """Raise UsageError where a check or a benchmark was replaced by a later function: it would never be asked."""
    for path, shown in modules.items():
        for found in redefined(path.read_bytes()):
            raise pytest.UsageError(
                f"roadworthy: {shown}:{found.second}: {found.name} replaces the function of that name on line "
                f"{found.first}, which is not asked any more: give one of the two another name"
            )


def refuse_vacuous(items: Iterable[pytest.Item]) -> None:
    """Raise UsageError for a check that does nothing: it would pass on any driver."""
    for function, item in {item.function: item for item in items}.items():  # type: ignore[attr-defined]
        if asks_nothing(function):
            said = "a check that makes no call and no assertion proves nothing; give it a body"
            raise pytest.UsageError(f"roadworthy: {item.nodeid}: {said}")


def check_deviations() -> Deviations:
    """Load the recorded deviations. Raises UsageError for an invalid one."""
    try:
        return load_all(CONFORMANCE / "deviations")
    except (DeviationError, ExtensionError) as reason:
        raise pytest.UsageError(f"roadworthy: {reason}") from None


def group(item: pytest.Item, places: dict[str, int]) -> Group | None:
    """The group of an item: its lane and its round. None if it has no lane."""
    if not on_lane(item):
        return None
    lane = lane_of(item)
    return places[lane.id], lane.id, round_of(item)


def on_lane(item: pytest.Item) -> bool:
    """Whether the item runs on a lane."""
    return "lane" in getattr(item, "fixturenames", ())


def lane_of(item: pytest.Item) -> Lane:
    """The lane on which the item runs."""
    found: Lane = item.callspec.params["lane"]  # type: ignore[attr-defined]
    return found


def extensions() -> dict[str, Any]:
    """The installed distributions that add to the suite, as a plan records them; empty if there is none."""
    found = [name.rpartition(" ") for name in by_distribution()]
    return {"extensions": {name: version for name, _, version in found}} if found else {}


@functools.cache
def suite_version(root: Path) -> dict[str, Any]:
    """The suite's version; from a checkout in `root` also its commit, and whether it has uncommitted changes.

    An installed suite has none, though it may lie in the checkout of another project.
    """
    from importlib.metadata import version

    found: dict[str, Any] = {"version": version("roadworthy")}
    if not (root / ".git").exists():
        return found
    for name, argv in {"commit": ["rev-parse", "HEAD"], "changes": ["status", "--porcelain"]}.items():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            said = subprocess.run(
                tied(["git", "-C", str(root), *argv]), capture_output=True, text=True, timeout=10, check=True
            )
            found[name] = said.stdout.strip() if name == "commit" else bool(said.stdout.strip())
    return found
