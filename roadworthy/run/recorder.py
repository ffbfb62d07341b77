"""The verdicts of a run's checks: made from the phases of each check, written as one result, and shown to pytest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from roadworthy.calls.evidence import Evidence
from roadworthy.declaring.checks import Declared, declared, round_name, round_of
from roadworthy.engines.engine import EngineFailed
from roadworthy.lane.lanes import Lane
from roadworthy.reasons import Precondition, Unsupported, first_line
from roadworthy.reports import records
from roadworthy.reports.account import account
from roadworthy.reports.records import Result, Verdict
from roadworthy.run.keys import EVIDENCE
from roadworthy.run.outcomes import shaped, skipped
from roadworthy.run.results import now
from roadworthy.run.stands import Aftermath
from roadworthy.verdict.deviations import DeviationError, Deviations
from roadworthy.verdict.judge import Judgement, judge
from roadworthy.verdict.reference import TreeDiffers, judge_tree

#: The observation of how a check's tree differs from the reference's.
REFERENCE = "reference"
#: How many differences between a tree and the reference's the observation lists.
DIFFERENCES = 5
#: Verdicts that say nothing about the driver if the run, or a process of it, was in trouble meanwhile.
EXPLAINED = frozenset({"error", "hang", "fail"})
#: The reason of a check during which its run was interrupted.
INTERRUPTED = "interrupted"


class Recorder:
    """Judges one check after another. A result is written once its check has been cleaned up."""

    def __init__(
        self, rounds: int, write: Callable[[Result], None], describe: Callable[[Declared, pytest.Item], records.Check]
    ) -> None:  # fmt: skip
        #: The recorded deviations, once they have been read.
        self.deviations = Deviations(())
        #: The check that is running.
        self.current: pytest.Item | None = None
        self._rounds = rounds
        self._write = write
        self._describe = describe
        #: Lanes for which a result says why they are down.
        self._told: set[str] = set()
        self._pending: Result | None = None
        #: Verdicts whose transcript is in the bundle, from an earlier round.
        self._transcribed: set[tuple[str, str, Verdict]] = set()

    def report(
        self, item: pytest.Item, call: pytest.CallInfo[None], check: Declared, found: Aftermath
    ) -> pytest.TestReport:
        """Turn the outcome of one phase of a check into its verdict, and the verdict into pytest's outcome."""
        lane: Lane = item.callspec.params["lane"]  # type: ignore[attr-defined]
        if call.when == "teardown":
            return self._report_teardown(lane, check, item, call, found)
        broken = found.broken
        if found.never_up and not isinstance(broken, Unsupported | Precondition):
            # The lane's first check carries the cause; the others do not run, and their cells are `missing`.
            if lane.id in self._told:
                assert broken is not None
                item.user_properties[:] = [("lane", lane.id), ("check", check.identity), ("verdict", "missing")]
                return skipped(item, call, f"[missing] the lane did not come up: {first_line(broken)}")
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
            evidence.observe(REFERENCE, "; ".join(broken.differences[:DIFFERENCES]))
        judgement = judge(broken, recorded if call.when == "call" else None, found.log, evidence.observations)
        if evidence.compared:
            judgement = judge_tree(judgement, broken, of_tree)
        # Show the engine's own words; our traceback is of no use.
        words = f"[error] {broken}" if isinstance(broken, EngineFailed) else ""
        if judgement.verdict in EXPLAINED and found.host and not isinstance(broken, EngineFailed):
            judgement = Judgement("error", f"{found.host}; {judgement.reason}")
            words = f"[error] {judgement.reason}"
        if judgement.verdict == "hang":
            said = filter(None, (judgement.reason, found.asleep, found.stacks))
            judgement = replace(judgement, reason="; ".join(said))
        if found.unbelievable:
            judgement, words = Judgement("error", found.unbelievable), f"[error] {found.unbelievable}"
        if found.lost:  # the cells that follow are `missing`, and this is the only place that says why
            judgement = replace(judgement, reason="; ".join(filter(None, (judgement.reason, found.lost))))
        seconds = max(0.0, call.duration - sum(evidence.seconds.values()))
        result = self._record(lane, check, item, judgement, evidence, found.log, seconds)
        # Many rounds that pass would fill the memory with accounts that nobody reads.
        again = judgement.verdict == "pass" and (lane.id, check.identity, judgement.verdict) in self._transcribed
        return shaped(item, call, judgement, words, [] if again else self._account(result, item, check))

    def _report_teardown(
        self, lane: Lane, check: Declared, item: pytest.Item, call: pytest.CallInfo[None], found: Aftermath
    ) -> pytest.TestReport:
        """Write the check's only result. An error in clean-up replaces a good verdict, and is appended to a bad one."""
        log = found.log
        judgement = judge(found.broken, None, log)
        before = self._pending
        if judgement.verdict in EXPLAINED and found.host and not isinstance(found.broken, EngineFailed):
            judgement = Judgement("error", f"{found.host}; {judgement.reason}")
        if judgement.verdict == "pass":
            report = pytest.TestReport.from_item_and_call(item, call)
        else:
            reason = "; ".join(filter(None, (f"while cleaning up: {judgement.reason}", found.asleep)))
            verdict: Verdict = judgement.verdict if judgement.verdict == "crash" else "error"
            if before is not None and before.verdict in ("error", "crash", "hang", "fail"):
                verdict, reason = before.verdict, f"{before.reason}; {reason}"
            judgement = Judgement(verdict, reason)
            log = [*(before.kernel_log if before else []), *log]
            evidence = item.stash.get(EVIDENCE, Evidence())
            spent = before.seconds if before else 0.0
            result = self._record(lane, check, item, judgement, evidence, log, spent)
            report = shaped(item, call, judgement, account=self._account(result, item, check))
        self._conclude()
        if EVIDENCE in item.stash:
            del item.stash[EVIDENCE]  # the bundle has it; many rounds would fill the memory
        return report

    def _record(
        self, lane: Lane, check: Declared, item: pytest.Item, judgement: Judgement, evidence: Evidence,
        log: list[str], seconds: float,
    ) -> Result:  # fmt: skip
        item.user_properties[:] = [("lane", lane.id), ("check", check.identity), ("verdict", judgement.verdict)]
        item.user_properties += [(f"observed: {seen.name}", seen.value) for seen in evidence.observations]
        deviation = judgement.deviation.record() if judgement.deviation else None
        again = (lane.id, check.identity, judgement.verdict) in self._transcribed
        self._pending = Result(
            lane=lane.id, check=check.identity, nodeid=without_round(item),
            verdict=judgement.verdict, at=now(), seconds=round(seconds, 4), reason=judgement.reason,
            observations=list(evidence.observations), transcript=[] if again else list(evidence.transcript),
            omitted_calls=0 if again else evidence.omitted, kernel_log=log, deviation=deviation, round=round_of(item),
            cuts=evidence.cuts,
        )  # fmt: skip
        return self._pending

    def _account(self, result: Result, item: pytest.Item, check: Declared) -> list[tuple[str, str]]:
        lane: Lane = item.callspec.params["lane"]  # type: ignore[attr-defined]
        return account(result, lane.record(), self._describe(check, item))

    def _conclude(self) -> None:
        """Write the result of the check that has ended."""
        if self._pending is not None:
            self._write(self._pending)
            if self._rounds > 1:
                self._transcribed.add((self._pending.lane, self._pending.check, self._pending.verdict))
        self._pending = self.current = None

    def interrupted(self) -> None:
        """Write an interrupted check as an error; a check that has its verdict keeps it."""
        item = self.current
        check = declared(item) if item else None
        if item is not None and check is not None and self._pending is None:
            evidence = item.stash.get(EVIDENCE, Evidence())
            lane = item.callspec.params["lane"]  # type: ignore[attr-defined]
            self._record(lane, check, item, Judgement("error", INTERRUPTED), evidence, [], 0.0)
        self._conclude()


def without_round(item: pytest.Item) -> str:
    """The id by which pytest finds the check in a run without --repeat."""
    name = round_name(item)
    return item.nodeid.replace(f"-{name}", "", 1) if name else item.nodeid
