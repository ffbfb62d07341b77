"""What Allure shows of a run besides pytest's outcomes: steps, attachments, labels, links, categories, environment.

allure-pytest makes the results. They are completed here before they are written, so that nothing of this file runs
without --alluredir.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import allure_commons
import pytest
from allure_commons.model2 import Attachment, Label, Link, Status, StatusDetails, TestResult, TestStepResult

from roadworthy.declaring.benchmarks import declared_benchmark
from roadworthy.declaring.checks import Declared, declared
from roadworthy.lane.lanes import Lane
from roadworthy.reports.account import account
from roadworthy.reports.environment import of_facts
from roadworthy.reports.families import title
from roadworthy.reports.records import MEANING, Call, Check, LaneRecord, Result, Verdict
from roadworthy.reports.sources import linked
from roadworthy.reports.text import counted, visible
from roadworthy.reports.transcript import FIRST_CALLS, bounded, came_back, line, lines
from roadworthy.run.recorder import without_round
from roadworthy.run.results import BundleWriter
from roadworthy.run.session import CONFORMANCE, SESSION, lane_of, on_lane, suite_version

#: Allure's status of each verdict. It has none for a break that is known: that one is told by its category.
STATUS: dict[Verdict, str] = {
    "error": Status.BROKEN, "crash": Status.FAILED, "hang": Status.FAILED, "fail": Status.FAILED,
    "fixed": Status.FAILED, "known": Status.SKIPPED, "pass": Status.PASSED, "unsupported": Status.SKIPPED,
    "skipped": Status.SKIPPED, "missing": Status.SKIPPED,
}  # fmt: skip
#: The name of each verdict's category; passes have none.
NAMES: dict[Verdict, str] = {
    "crash": "Crashes of the kernel", "hang": "Calls that did not return", "fail": "Broken promises",
    "fixed": "Recorded breaks that no longer happen", "error": "Trouble of the suite, the host or the engine",
    "known": "Recorded breaks", "unsupported": "Unsupported", "skipped": "Skipped", "missing": "Missing",
}  # fmt: skip
#: The files that describe a run.
CATEGORIES, CONFIGURATION, ENVIRONMENT = "categories.json", "allurerc.json", "environment.properties"


class AllureResults:
    """Completes the results of this process, and describes the run unless this process is one of xdist's workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._session = config.stash[SESSION]
        #: The item whose result is written next, what its failures told, and why it was skipped.
        self._item: pytest.Item | None = None
        self._told: list[str] = []
        self._skipped = ""
        allure_commons.plugin_manager.register(self)
        config.add_cleanup(lambda: allure_commons.plugin_manager.unregister(self))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._item, self._told, self._skipped = item, [], ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._told.append(report.longreprtext)
        elif isinstance(report.longrepr, tuple):
            self._skipped = report.longrepr[2].removeprefix("Skipped: ")

    @allure_commons.hookimpl(tryfirst=True)
    def report_result(self, result: TestResult) -> None:
        """Complete a result that is about to be written."""
        item, self._item = self._item, None
        if item is None or not on_lane(item):
            return
        lane, check = lane_of(item), declared(item)
        result.labels += labels(lane, item, check)
        found = self._result_of(item, lane)
        if check is not None:
            result.name = check.identity
            result.description = check.promise + (f"\n\nPromised by: {check.source}" if check.source else "")
        if check is not None and found is not None:
            self._complete(result, found, lane, self._session.describe(check, item))
        elif self._skipped:  # a benchmark, or a check whose lane did not come up
            result.statusDetails = StatusDetails(message=visible(self._skipped))

    def _result_of(self, item: pytest.Item, lane: Lane) -> Result | None:
        """What the bundle has of the check that has just ended."""
        bundle = self._session.bundle
        latest = bundle.results[-1] if bundle is not None and bundle.results else None
        same = latest is not None and (latest.lane, latest.nodeid) == (lane.id, without_round(item))
        return latest if same else None

    def _complete(self, result: TestResult, found: Result, lane: Lane, check: Check) -> None:
        result.status = STATUS[found.verdict]
        result.labels.append(Label("verdict", found.verdict))
        if found.verdict != "pass":
            told = account(found, lane.record(), check)
            result.statusDetails = StatusDetails(
                known=found.verdict == "known" or None, message=visible(f"[{found.verdict}] {found.reason}"),
                trace="\n\n".join(self._told or [f"{name}:\n{text}" for name, text in told]),
            )  # fmt: skip
        result.steps += steps(found.transcript, found.omitted_calls, result.start)
        if found.transcript:
            text = "\n".join(lines(found.transcript, found.omitted_calls, whole=True))
            result.attachments.append(attached("system calls", text))
        if found.kernel_log:
            result.attachments.append(attached("kernel log", "\n".join(map(visible, found.kernel_log))))
        if lane.id in self._session.stands.facts:  # each result needs a file of its own
            facts = of_facts(lane.record(), self._session.stands.facts[lane.id])
            # The command line of a kernel is about its machine, and may hold what is nobody's business.
            kept = [f"{key}: {value}" for key, value in facts.items() if key != "kernel.command line"]
            result.attachments.append(attached("facts of the lane", "\n".join(map(visible, kept))))
        if found.deviation is not None:
            result.links += [
                Link(type="link", url=address, name=text)
                for text, address in linked(found.deviation.source) if address
            ]  # fmt: skip

    def pytest_unconfigure(self) -> None:
        """Describe the run beside its results."""
        conductor = self._config.pluginmanager.get_plugin("roadworthy-conductor")
        bundle: BundleWriter | None = (conductor or self._session).bundle
        if bundle is None or self._session.worker:
            return
        suite = suite_version(CONFORMANCE.resolve().parent)
        directory = Path(self._config.option.allure_report_dir)
        directory.mkdir(parents=True, exist_ok=True)
        describe(directory, environment(bundle.lanes, f"{suite['version']} {suite.get('commit', '')[:12]}".strip()))


def labels(lane: Lane, item: pytest.Item, check: Declared | None) -> Iterator[Label]:
    """Yield what results are grouped and filtered by: epic, feature and story are the driver, the family, the check."""
    bench = declared_benchmark(item)
    identity = check.identity if check else bench.identity if bench else item.name
    family = title(check.family) if check else f"benchmarks: {identity.partition('/')[0]}"
    yield Label("epic", lane.driver.name)
    yield Label("feature", family)
    yield Label("story", identity.partition("[")[0])
    yield Label("driver", lane.driver.name)
    yield Label("backing", lane.backing)
    yield Label("engine", str(lane.engine))
    yield Label("kernel", lane.kernel)
    yield Label("lane", lane.id)


def steps(transcript: Sequence[Call], omitted: int, start: int | None) -> Iterator[TestStepResult]:
    """Yield the system calls as steps, one after another.

    A step is as long as the call took. It is broken if the call did not return; a refusal may be what the check wants.
    """
    calls, left_out = bounded(transcript)
    begun = float(start or 0)
    for number, call in enumerate(calls):
        if number == FIRST_CALLS and left_out:
            yield step(f"… {counted(left_out, 'call')} left out, see the attachment", begun, begun)
        ended = begun + call.microseconds / 1000
        yield step(line(call), begun, ended, Status.PASSED if came_back(call) else Status.BROKEN)
        begun = ended
    if omitted:
        yield step(f"… {counted(omitted, 'more call')}, not recorded", begun, begun)


def step(name: str, start: float, stop: float, status: str = Status.PASSED) -> TestStepResult:
    return TestStepResult(name=name, status=status, start=round(start), stop=round(stop))


def attached(name: str, text: str) -> Attachment:
    """Write a text as a file of its own, and return the attachment."""
    file = f"{uuid4()}-attachment.txt"
    body = f"{text}\n".encode("utf-8", "backslashreplace")
    allure_commons.plugin_manager.hook.report_attached_data(body=body, file_name=file)
    return Attachment(name=name, source=file, type="text/plain")


def categories() -> list[dict[str, Any]]:
    """Allure's categories: one for each verdict but `pass`, told by the beginning of a result's message."""
    return [
        {
            "name": name, "description": MEANING[verdict], "matchedStatuses": [STATUS[verdict]],
            "messageRegex": rf"^\[{verdict}\].*",
        }
        for verdict, name in NAMES.items()
    ]  # fmt: skip


def environment(lanes: Iterable[LaneRecord], suite: str) -> dict[str, str]:
    """What the run ran on: a line for the suite, and one for each lane."""
    return {"roadworthy": suite, **{record.lane: on_what(record) for record in lanes}}


def on_what(record: LaneRecord) -> str:
    """What a lane really ran on, or why it did not come up."""
    if record.state != "ready":
        return f"{record.state}: {record.reason}"
    named = {"driver": "name", "engine": "version", "kernel": "release"}
    return ", ".join(f"{of} {record.facts[of][name]}" for of, name in named.items() if of in record.facts)


def describe(directory: Path, found: dict[str, str]) -> None:
    """Write the categories, a configuration for Allure 3, and the environment.

    The first two are kept as they are if they are there, and so are the environment's lines that are not of this run.
    """
    rules = categories()
    for name, content in {CATEGORIES: rules, CONFIGURATION: configuration(rules)}.items():
        if not (directory / name).exists():
            (directory / name).write_text(json.dumps(content, indent=1) + "\n")
    path = directory / ENVIRONMENT
    ours = {escaped(name, ":= #!"): escaped(value) for name, value in found.items()}
    kept = path.read_text().splitlines() if path.exists() else []
    kept = [one for one in kept if not any(one.startswith(f"{name} = ") for name in ours)]
    path.write_text("\n".join([*kept, *(f"{name} = {value}" for name, value in ours.items())]) + "\n")


def configuration(rules: list[dict[str, Any]]) -> dict[str, Any]:
    """A configuration for Allure 3, whose own page takes categories from there and groups by what it says."""
    plain = [{key: value for key, value in rule.items() if key != "description"} for rule in rules]
    own = {"singleFile": True, "groupBy": ["epic", "feature", "story"]}
    return {"name": "Roadworthy", "categories": {"rules": plain}, "plugins": {"awesome": {"options": own}}}


def escaped(text: str, more: str = "") -> str:
    """A key or a value of a file of properties, in ASCII on one line."""
    found = visible(text).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    for character in more:
        found = found.replace(character, f"\\{character}")
    return found.encode("ascii", "replace").decode()
