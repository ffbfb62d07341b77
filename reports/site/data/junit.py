"""JUnit's report of one lane: what a CI system shows that knows nothing of verdicts.

A break that is recorded is skipped with its reason, as pytest reports an expected failure; a check that was planned
and never reported is an error, because nothing says that it is fine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from xml.etree import ElementTree

from roadworthy.reports.matrix import Cell
from roadworthy.reports.records import Check, Verdict
from roadworthy.reports.site.data.table import shown
from roadworthy.reports.site.values import Site

Element = Literal["failure", "error", "skipped", ""]
#: The element that says each verdict; a test case without one has passed.
ELEMENTS: Mapping[Verdict, Element] = {
    "error": "error", "missing": "error", "crash": "failure", "hang": "failure", "fail": "failure",
    "fixed": "failure", "known": "skipped", "unsupported": "skipped", "skipped": "skipped", "pass": "",
}  # fmt: skip


def junit_text(site: Site, lane: str) -> str:
    """The report of a lane: one suite whose cases are its checks, with class names as families."""
    at = [column.lane.id for column in site.matrix.columns].index(lane)
    cells = [(row.check, cell) for row in site.matrix.rows if (cell := row.cells[at])]
    suite = ElementTree.Element("testsuite", name=shown(lane))
    seconds = 0.0
    for check, cell in cells:
        suite.append(_case(check, cell))
        seconds += cell.result.seconds if cell.result else 0.0
    said = [ELEMENTS[cell.verdict] for _, cell in cells]
    for name, value in (
        ("tests", len(said)), ("failures", said.count("failure")), ("errors", said.count("error")),
        ("skipped", said.count("skipped")),
    ):  # fmt: skip
        suite.set(name, str(value))
    suite.set("time", f"{seconds:.3f}")
    if cells and (record := next((cell.result for _, cell in cells if cell.result), None)):
        suite.set("timestamp", shown(record.at))
    whole = ElementTree.Element("testsuites")
    whole.append(suite)
    ElementTree.indent(whole)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(whole, encoding="unicode")}\n'


def _case(check: Check, cell: Cell) -> ElementTree.Element:
    result = cell.result
    case = ElementTree.Element(
        "testcase", classname=f"conformance.{shown(check.family)}", name=shown(check.id),
        time=f"{result.seconds if result else 0.0:.3f}",
    )  # fmt: skip
    if kind := ELEMENTS[cell.verdict]:
        told = result.deviation if result else None
        line = shown(cell.reason).partition("\n")[0]
        found = ElementTree.SubElement(case, kind, message=f"{cell.verdict}: {line}" if line else cell.verdict)
        found.set("type", f"roadworthy.{cell.verdict}")
        said = [check.promise, told.why, told.source] if told else [check.promise]
        found.text = "\n".join(shown(text) for text in said if text)
    return case
