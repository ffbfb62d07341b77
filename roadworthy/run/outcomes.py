"""pytest's outcome of each verdict: known is xfailed, fixed fails, unsupported and skipped are skipped."""

from __future__ import annotations

import pytest

from roadworthy.reasons import Precondition, Unsupported
from roadworthy.verdict.judge import Judgement


def shaped(report: pytest.TestReport, item: pytest.Item, judgement: Judgement) -> pytest.TestReport:
    """Give the report of a check pytest's outcome for its verdict."""
    report.user_properties = list(item.user_properties)
    match judgement.verdict:
        case "pass":
            # The test may have raised, because its tree differs from the reference's as recorded.
            report.outcome, report.longrepr = "passed", None
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
            # pytest distinguishes an error from a failure by the phase; a check that could not run is an error.
            report.outcome = "failed"
            if report.when == "call":
                report.when = "setup"
    return report


def skipped(report: pytest.TestReport, item: pytest.Item, reason: str) -> pytest.TestReport:
    """Give the report of a test that did not run the outcome skipped, with the reason."""
    path, line, _domain = item.location
    report.user_properties = list(item.user_properties)
    report.outcome = "skipped"
    report.longrepr = (path, (line or 0) + 1, f"Skipped: {reason}")
    return report


def reported_benchmark(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> pytest.TestReport:
    """Skip a benchmark that the driver or this host does not support; fail one that measured nothing."""
    broken = call.excinfo.value if call.excinfo else None
    if isinstance(broken, Unsupported | Precondition):
        word = "unsupported" if isinstance(broken, Unsupported) else "skipped"
        return skipped(report, item, f"[{word}] {broken}")
    if report.when == "call" and report.passed and not item.funcargs["bench"].reporter.reported:  # type: ignore[attr-defined]
        report.outcome, report.longrepr = "failed", f"{item.nodeid} measured nothing"
    return report
