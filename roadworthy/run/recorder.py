"""The verdicts of a run's checks: made of what happened in a check's phases, one result each, and shown to pytest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from roadworthy.calls.evidence import Evidence
from roadworthy.declaring.checks import Declared, declared, round_name, round_of
from roadworthy.engines.engine import EngineFailed
from roadworthy.lane.lanes import Lane
from roadworthy.reasons import Precondition, Unsupported, first_line
from roadworthy.reports.records import Result, Verdict
from roadworthy.run.keys import EVIDENCE
from roadworthy.run.outcomes import shaped, skipped
from roadworthy.run.results import now
from roadworthy.run.stands import Aftermath
from roadworthy.verdict.deviations import DeviationError, Deviations
from roadworthy.verdict.judge import Judgement, judge
from roadworthy.verdict.reference import TreeDiffers, judge_tree

#: Of what a tree has otherwise than the reference, so much is an observation.
DIFFERENCES = 5


class Recorder:
    """Judges one check after the other. A result is written when its check has been cleaned up."""

    def __init__(self, rounds: int, write: Callable[[Result], None]) -> None:
        #: What is known of drivers, once it has been read.
        self.deviations = Deviations(())
        #: What is being asked.
        self.current: pytest.Item | None = None
        self._rounds = rounds
        self._write = write
        #: Lanes of which a check has told why they are down.
        self._told: set[str] = set()
        self._pending: Result | None = None
        #: Verdicts of which a round has left its transcript in the bundle.
        self._transcribed: set[tuple[str, str, Verdict]] = set()

    def report(
        self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport, found: Aftermath
    ) -> pytest.TestReport:
        """Turn what came of one phase of a check into its verdict, and the verdict into pytest's outcome."""
        check = declared(item)
        assert check is not None
        lane: Lane = item.callspec.params["lane"]  # type: ignore[attr-defined]
        if call.when == "teardown":
            return self._report_teardown(lane, check, item, report, found)
        broken = found.broken
        if found.never_up and not isinstance(broken, Unsupported | Precondition):
            # The lane's first check carries the cause; the others were never asked, and their cells are `missing`.
            if lane.id in self._told:
                assert broken is not None
                item.user_properties[:] = [("lane", lane.id), ("check", check.identity), ("verdict", "missing")]
                return skipped(report, item, f"[missing] the lane did not come up: {first_line(broken)}")
            self._told.add(lane.id)
        if found.lost:
            self._told.add(lane.id)
        evidence = item.stash.get(EVIDENCE, Evidence())
        recorded, of_tree = None, []
        if found.facts is not None:
            try:
                recorded = self.deviations.find(check.identity, found.facts)
                of_tree = self.deviations.of_tree(check.identity, found.facts)
            except DeviationError as reason:
                broken = reason
        if isinstance(broken, TreeDiffers):
            evidence.observe("reference", "; ".join(broken.differences[:DIFFERENCES]))
        judgement = judge(broken, recorded if call.when == "call" else None, found.log, evidence.observations)
        if evidence.compared:
            judgement = judge_tree(judgement, broken, of_tree)
        if isinstance(broken, EngineFailed):
            report.longrepr = f"[error] {broken}"  # the engine's own words; where we asked it is of no use
        if found.unbelievable:
            judgement = Judgement("error", found.unbelievable)
            report.longrepr = f"[error] {judgement.reason}"
        seconds = max(0.0, call.duration - sum(evidence.seconds.values()))
        self._record(lane, check, item, judgement, evidence, found.log, seconds)
        return shaped(report, item, judgement)

    def _report_teardown(
        self, lane: Lane, check: Declared, item: pytest.Item, report: pytest.TestReport, found: Aftermath
    ) -> pytest.TestReport:
        """Write the check's one result. Trouble while cleaning up spoils a good verdict, and is added to a bad one."""
        log = found.log
        judgement = judge(found.broken, None, log)
        before = self._pending
        if judgement.verdict != "pass":
            reason = f"while cleaning up: {judgement.reason}"
            verdict: Verdict = judgement.verdict if judgement.verdict == "crash" else "error"
            if before is not None and before.verdict in ("error", "crash", "hang", "fail"):
                verdict, reason = before.verdict, f"{before.reason}; {reason}"
            judgement = Judgement(verdict, reason)
            log = [*(before.kernel_log if before else []), *log]
            evidence = item.stash.get(EVIDENCE, Evidence())
            self._record(lane, check, item, judgement, evidence, log, before.seconds if before else 0.0)
            report = shaped(report, item, judgement)
        self._conclude()
        if EVIDENCE in item.stash:
            del item.stash[EVIDENCE]  # it is in the bundle; many rounds would fill the memory
        return report

    def _record(
        self, lane: Lane, check: Declared, item: pytest.Item, judgement: Judgement, evidence: Evidence,
        log: list[str], seconds: float,
    ) -> None:  # fmt: skip
        item.user_properties[:] = [("lane", lane.id), ("check", check.identity), ("verdict", judgement.verdict)]
        item.user_properties += [(f"observed: {seen.name}", seen.value) for seen in evidence.observations]
        deviation = judgement.deviation.record() if judgement.deviation else None
        told = (lane.id, check.identity, judgement.verdict) in self._transcribed
        self._pending = Result(
            lane=lane.id, check=check.identity, nodeid=without_round(item),
            verdict=judgement.verdict, at=now(), seconds=round(seconds, 4), reason=judgement.reason,
            observations=list(evidence.observations), transcript=[] if told else list(evidence.transcript),
            omitted_calls=0 if told else evidence.omitted, kernel_log=log, deviation=deviation, round=round_of(item),
        )  # fmt: skip

    def _conclude(self) -> None:
        """Write the result of the check that has ended; a check has one."""
        if self._pending is not None:
            self._write(self._pending)
            if self._rounds > 1:
                self._transcribed.add((self._pending.lane, self._pending.check, self._pending.verdict))
        self._pending = self.current = None

    def interrupted(self) -> None:
        """A check that was interrupted is an error, and in the bundle; one that had its verdict keeps it."""
        item = self.current
        check = declared(item) if item else None
        if item is not None and check is not None and self._pending is None:
            evidence = item.stash.get(EVIDENCE, Evidence())
            lane = item.callspec.params["lane"]  # type: ignore[attr-defined]
            self._record(lane, check, item, Judgement("error", "interrupted"), evidence, [], 0.0)
        self._conclude()


def without_round(item: pytest.Item) -> str:
    """The id by which pytest finds the check in a run without --repeat."""
    name = round_name(item)
    return item.nodeid.replace(f"-{name}", "", 1) if name else item.nodeid
