"""What a site says beside its bundles, taken from the rooms that know it: questions, knobs, documents, source code."""

from __future__ import annotations

from pathlib import Path

from roadworthy.reports.cases import base
from roadworthy.reports.site.known import Known, Message, Question
from roadworthy.verdict import deviations, messages, questions
from roadworthy.verdict.knobs import concerned, knobs

PACKAGE = Path(__file__).parents[1]
CONFORMANCE = PACKAGE / "conformance"
#: The documents that pages are made from. A package has none, and its sites do without.
DOCUMENTS = PACKAGE.resolve().parent / "docs"
NAMES = ("findings.md", "repro.md", "method.md", "durability.md", "weekly.md")


def known() -> Known:
    """All that this release of the suite knows."""
    asked = questions.load(CONFORMANCE / "questions.toml")
    return Known(
        questions=tuple(Question(one.asks, one.checks, one.benchmarks) for one in asked),
        knobs=recorded_knobs(),
        code=PACKAGE,
        documents={name: (DOCUMENTS / name).read_text() for name in NAMES if (DOCUMENTS / name).is_file()},
        messages=tuple(
            Message(one.text, one.means, one.do, one.source, one.checks)
            for one in messages.load(CONFORMANCE / "messages.toml")
        ),
    )


def recorded_knobs() -> dict[tuple[str, str, str], list[str]]:
    """What helps against each recorded deviation on each driver, by check function, condition and driver."""
    entries = deviations.load(CONFORMANCE / "deviations").entries
    by_check: dict[str, list[deviations.Deviation]] = {}
    for entry in entries:
        by_check.setdefault(entry.check, []).append(entry)
    return {
        (base(entry.check), entry.record().when, driver.name): found
        for entry in entries
        for driver in concerned(entry)
        if (found := knobs(entry, by_check[entry.check], driver.name))
    }
