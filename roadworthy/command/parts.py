"""The parts of a weekly run: each a pytest of its own, and what its report says of how it ended."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree import ElementTree

from roadworthy.lane.lanes import Lane
from roadworthy.programs import tied
from roadworthy.reports.bundle import BundleRefused, read_bundle
from roadworthy.reports.records import FAILING
from roadworthy.run.recorder import INTERRUPTED
from roadworthy.supplies.apt import ACCEPT_EXPIRED

#: The part of the suite's own tests, and the marks of those that other runs leave out.
TESTS, MARKS = "tests", "guest or builds"
#: Seconds that a part may take; under emulation a lane takes an hour or two.
DEADLINE = 8 * 3600.0
#: Seconds that a part has to clean up after it was told to end.
CLEAN_UP = 300.0
#: Signals that end this process.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: The most names of failed tests or checks that the result keeps of one part.
NAMED = 20


@dataclass(frozen=True)
class Ended:
    """How a pytest ended: its exit status, None if it had to be killed, and what ended it before it was over."""

    status: int | None
    interrupted: bool = False
    late: bool = False

    @property
    def reason(self) -> str:
        if self.interrupted:
            return "it was interrupted"
        return f"it was not over after {DEADLINE / 3600:g} hours" if self.late else f"pytest ended with {self.status}"


class OwnTests:
    """The suite's own tests of guests and engine roots, reported as JUnit's XML."""

    name = TESTS

    def __init__(self, work: Path) -> None:
        self.place = work / "tests.xml"
        self.words = ["tests", "-v", "-m", MARKS, f"--junitxml={self.place}"]

    def outcome(self, ended: Ended) -> dict[str, Any]:
        """State, counts, reason and failed tests, for a Part."""
        try:
            found = ElementTree.parse(self.place).getroot().iter("testcase")
        except (OSError, ElementTree.ParseError):
            return {"state": state(ended, "failed"), "reason": f"{ended.reason} and left no report"}
        cases = [case for case in found if case.get("name")]  # one that was interrupted has no name, and no outcome
        marks = {case: {child.tag: child.get("message", "") for child in case} for case in cases}
        words = {"failure": "failed", "error": "failed", "skipped": "skipped"}
        each = {case: next((words[mark] for mark in words if mark in marks[case]), "passed") for case in cases}
        counts = Counter(each.values())
        failed = [f"{case.get('classname')}::{case.get('name')}" for case in cases if each[case] == "failed"]
        so = state(ended, "passed" if counts["passed"] or not counts["skipped"] else "skipped")
        why = next((marks[case]["skipped"] for case in cases if each[case] == "skipped"), "")
        reason = ended.reason if so in ("failed", "interrupted") else why
        return {"state": so, "counts": dict(counts), "reason": reason, "failed": failed[:NAMED]}


class OnLane:
    """All checks on one lane, reported as a bundle with its page."""

    def __init__(self, lane: Lane, work: Path, accept_expired: bool) -> None:
        self.name = lane.id
        self.place = work / re.sub("[:/]", "-", lane.id)
        # A lane that cannot start here is no failed part: the result says so with its reason.
        self.words = [*lane.words(), "--allow-missing", *[ACCEPT_EXPIRED] * accept_expired, f"--bundle={self.place}"]

    def outcome(self, ended: Ended) -> dict[str, Any]:
        """State, counts of verdicts, reason and broken checks, for a Part."""
        try:
            bundle = read_bundle(self.place)
        except BundleRefused as reason:
            return {"state": state(ended, "failed"), "reason": f"{ended.reason} and left no bundle: {reason}"}
        counts = Counter(str(result.verdict) for result in bundle.results)
        counts["missing"] = len(bundle.plan.cells) - len(bundle.results)
        # The check during which a run was interrupted is an error, and says so; it has not failed.
        broken = [result.check for result in bundle.results
                  if result.verdict in FAILING and result.reason != INTERRUPTED]  # fmt: skip
        record = bundle.lanes[-1] if bundle.lanes else None
        came = record.state if record else "missing"
        so = state(ended, came if came in ("unsupported", "skipped") else "passed" if came == "ready" else "failed")
        why = record.reason if record and record.reason else ended.reason
        return {
            "state": so, "counts": {name: count for name, count in counts.items() if count},
            "reason": "" if so == "passed" else why, "failed": broken[:NAMED],
        }  # fmt: skip


def state(ended: Ended, found: str) -> str:
    """The state of a part whose report says `found`: only a pytest that ended well vouches for it."""
    if ended.interrupted:
        return "interrupted"
    return found if ended.status == 0 else "failed"


def run_pytest(words: Sequence[str], output: BinaryIO | None = None, directory: Path | None = None) -> Ended:
    """Run pytest with these words, with the terminal for its output unless a file is given, and wait for its end.

    It runs in the working directory unless another one is given.

    It has a process group of its own, so that an interrupt from the keyboard reaches this process alone, which passes
    it on once and waits until the part has cleaned up. If this process is killed, the part ends in order, too.
    """
    # A shell's background jobs ignore the interrupt, and so would all below them.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "pytest", *words]
    running = subprocess.Popen(
        tied(command, "TERM"), stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=directory, process_group=0
    )  # fmt: skip
    try:
        return Ended(running.wait(DEADLINE))
    except subprocess.TimeoutExpired:
        return Ended(end(running), late=True)
    except KeyboardInterrupt:
        return Ended(end(running), interrupted=True)


def end(running: subprocess.Popen[bytes]) -> int | None:
    """Interrupt a pytest, wait until it has cleaned up, and kill it if it does not; its exit status."""
    # Another signal to this process would leave the pytest at work, and the part without a result.
    patient = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    running.send_signal(signal.SIGINT)
    try:
        return running.wait(CLEAN_UP)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait(CLEAN_UP)
        return None
    finally:
        for number, handler in patient.items():
            signal.signal(number, handler)
