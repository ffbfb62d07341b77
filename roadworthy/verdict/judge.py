"""The verdict on a check, from its outcome. Only a broken assertion says something about the driver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roadworthy.calls.answers import Refused
from roadworthy.calls.exchange import CallHung
from roadworthy.machines.kernel_log import bug, device_trouble, memory_trouble, policy_trouble
from roadworthy.reasons import MachineLost, Precondition, Unsupported, first_line, is_unanswered
from roadworthy.reports.records import Observation, Verdict
from roadworthy.verdict.deviations import Deviation

PACKAGE = Path(__file__).parents[1]
#: What is linked into the package and asserts what drivers promise.
ASKING = ("conformance", "bench")


@dataclass(frozen=True)
class Judgement:
    """A verdict, its reason in one line, and the recorded deviation that it rests on."""

    verdict: Verdict
    reason: str = ""
    deviation: Deviation | None = None


def judge(
    outcome: BaseException | None, recorded: Deviation | None, kernel_log: list[str],
    observations: Sequence[Observation] = (),
) -> Judgement:  # fmt: skip
    """The verdict on a check that saw `observations` and ended with `outcome`, of which `recorded` was expected."""
    found = bug(kernel_log)
    if found:
        return Judgement("crash", f"the kernel reported: {found}")
    if outcome is not None and (failing := device_trouble(kernel_log)):
        return Judgement("error", f"a device of this host failed: {failing}")
    match outcome:
        case None if recorded is not None and recorded.race:
            return Judgement("known", f"a race, and this time the promise was kept: {recorded.why}", recorded)
        case None if recorded is not None and recorded.forestalled:
            return Judgement("pass")
        case None if recorded is not None:
            return Judgement("fixed", f"the recorded deviation did not happen: {recorded.why}", recorded)
        case None:
            return Judgement("pass")
        case MachineLost():
            return Judgement(outcome.outcome, first_line(outcome))
        case CallHung():
            return Judgement("hang", first_line(outcome))
        case Exception() if is_unanswered(outcome):
            return Judgement("hang", f"the daemon did not answer: {first_line(outcome)}")
        case Unsupported():
            return Judgement("unsupported", first_line(outcome))
        case Precondition():
            return Judgement("skipped", first_line(outcome))
        case AssertionError() if own := own_assertion(outcome):
            return Judgement("error", f"an assertion of the suite itself failed, {own}: {first_line(outcome)}")
        case AssertionError() if recorded is not None and recorded.matches(first_line(outcome), observations):
            return Judgement("known", first_line(outcome), recorded)
        case Refused(code="EACCES" | "EPERM") if denied := policy_trouble(kernel_log):
            return Judgement("error", f"{first_line(outcome)}, and this host's security policy says: {denied}")
        case AssertionError() if recorded is not None:
            other = f"{first_line(outcome)} (the recorded deviation has another signature: {recorded.tells})"
            return Judgement("fail", other)
        case AssertionError():
            return Judgement("fail", first_line(outcome))
    reasons = (f"{type(outcome).__name__}: {first_line(outcome)}", memory_trouble(kernel_log))
    return Judgement("error", "; ".join(filter(None, reasons)))


def own_assertion(broken: AssertionError) -> str:
    """Where in the suite's own code a plain assertion failed, or an empty string if a check made it."""
    at = broken.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    if at is None or type(broken) is not AssertionError:
        return ""
    path = Path(at.tb_frame.f_code.co_filename)
    if not path.is_relative_to(PACKAGE) or path.relative_to(PACKAGE).parts[0] in ASKING:
        return ""
    return f"{path.relative_to(PACKAGE)}:{at.tb_lineno}"
