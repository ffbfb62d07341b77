"""pytest's outcome of each verdict: known is xfailed, fixed fails, unsupported and skipped are skipped."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest
from _pytest._code.code import ExceptionChainRepr, ReprFileLocation, ReprTracebackNative

from roadworthy.reasons import Precondition, Unsupported, first_line
from roadworthy.run.lacking import LACKS
from roadworthy.verdict.judge import Judgement

#: Verdicts behind which nobody looks for a traceback. A check that passes may have raised: then its tree differs from
#: the reference's as recorded.
QUIET = frozenset({"pass", "known", "fixed", "unsupported", "skipped", "missing"})


def unformatted(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
    """pytest's report of a phase, without what was raised: to format that takes pytest a tenth of a second."""
    quiet = copy.copy(call)
    quiet.excinfo = None
    return pytest.TestReport.from_item_and_call(item, quiet)


def shaped(
    item: pytest.Item, call: pytest.CallInfo[None], judgement: Judgement, words: str = "",
    account: Sequence[tuple[str, str]] = (),
) -> pytest.TestReport:  # fmt: skip
    """The report of a check with pytest's outcome for its verdict, and the account of it, whose sections have titles.

    `words` are shown in place of a traceback.
    """
    if judgement.verdict in ("unsupported", "skipped"):
        return skipped(item, call, f"[{judgement.verdict}] {judgement.reason}")
    if words or judgement.verdict in QUIET:
        report = unformatted(item, call)
        report.longrepr = said(item, words) if words else None
    else:
        report = pytest.TestReport.from_item_and_call(item, call)
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
            report.longrepr = said(item, f"[fixed] {judgement.reason}; remove {place}")
        case "crash" | "hang":
            report.outcome = "failed"
            report.longrepr = said(item, f"[{judgement.verdict}] {judgement.reason}", report.longrepr)
        case "error":
            # pytest distinguishes an error from a failure by the phase; a check that could not run is an error.
            report.outcome = "failed"
            if report.when == "call":
                report.when = "setup"
    tell(report, account)
    return report


def said(item: pytest.Item, words: str, above: object = None) -> ExceptionChainRepr:
    """Words that pytest shows like something that was raised, also in its short summary; `above` is a traceback."""
    path, line, _domain = item.location
    crash = ReprFileLocation(path, (line or 0) + 1, words)
    raised = [(trace, place, description or "") for trace, place, description in getattr(above, "chain", ())]
    return ExceptionChainRepr([*raised, (ReprTracebackNative([f"{words}\n"]), crash, None)])


def tell(report: pytest.TestReport, account: Sequence[tuple[str, str]]) -> None:
    """Show the account below the traceback of a failure, or as sections of a report that has none.

    pytest's terminal shows both; JUnit's report and Allure's have what is shown below a traceback only.
    """
    if isinstance(report.longrepr, ExceptionChainRepr):
        for title, text in account:
            report.longrepr.addsection(title, text, "-")
    else:
        report.sections += account


def skipped(item: pytest.Item, call: pytest.CallInfo[None], reason: str) -> pytest.TestReport:
    """Make the report of a test that did not run, with the reason."""
    report = unformatted(item, call)
    path, line, _domain = item.location
    report.user_properties = list(item.user_properties)
    report.outcome = "skipped"
    report.longrepr = (path, (line or 0) + 1, f"Skipped: {reason}")
    return report


def reported_benchmark(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
    """Skip a benchmark that the driver or this host does not support; fail one that measured nothing."""
    broken = call.excinfo.value if call.excinfo else None
    if isinstance(broken, Unsupported | Precondition):
        word = "unsupported" if isinstance(broken, Unsupported) else "skipped"
        report = skipped(item, call, f"[{word}] {broken}")
        if isinstance(broken, Precondition):
            report.user_properties.append((LACKS, first_line(broken)))
        return report
    report = pytest.TestReport.from_item_and_call(item, call)
    if report.when == "call" and report.passed and not item.funcargs["bench"].reporter.reported:  # type: ignore[attr-defined]
        report.outcome, report.longrepr = "failed", f"{item.nodeid} measured nothing"
    return report
