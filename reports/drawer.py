"""The evidence behind the cells, as one JSON value that the page carries and its drawer shows.

Evidence is bounded per cell: a page with every call of a stress check could not be opened; the bundle keeps them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roadworthy.reports.again import rerun_command, where
from roadworthy.reports.matrix import Cell, Matrix
from roadworthy.reports.records import MEANING, SHOWN, WITH_DIFFERENCE, Call, Check, Deviation, Lane, Result
from roadworthy.reports.shows import Shown
from roadworthy.reports.sources import linked
from roadworthy.reports.strace import CALL_LIMIT
from roadworthy.reports.text import anchor, visible
from roadworthy.reports.transcript import FIRST_CALLS, bounded, shown

KERNEL_LINES = 80
OBSERVATIONS = 40


def evidence(matrix: Matrix) -> dict[str, Any]:
    """Return lanes, checks and cells as JSON values, every text in them made visible; cells are keyed `lane.check`."""
    rows = matrix.rows
    return {
        "meaning": MEANING,
        "shown_as": SHOWN,
        "with_difference": WITH_DIFFERENCE,
        "lanes": [_lane(column.lane) for column in matrix.columns],
        "checks": [of_check(row.check) for row in rows],
        "cells": {
            f"{lane}.{check}": of_cell(cell, row.check, row.shown[lane], matrix.columns[lane].lane)
            for check, row in enumerate(rows)
            for lane, cell in enumerate(row.cells)
            if cell
        },
    }


def _lane(lane: Lane) -> dict[str, Any]:
    return {
        "id": visible(lane.id), "driver": visible(lane.driver), "anchor": anchor("facts", lane.id),
        "again": visible(where(lane)),
    }  # fmt: skip


def of_check(check: Check) -> dict[str, Any]:
    """What a page's script is told of a check."""
    return {
        "id": visible(check.id),
        "family": visible(check.family),
        "promise": visible(check.promise),
        "provenance": visible(check.provenance),
        "source": linked(check.source),
        "claim": visible(check.claim),
        "place": visible(f"{check.file}:{check.line}"),
    }


def of_cell(cell: Cell, check: Check, shown: Shown, lane: Lane) -> dict[str, Any]:
    """What a page's script is told of a cell."""
    found: dict[str, Any] = {"verdict": cell.verdict, "run": visible(cell.run)}
    if shown.value:
        found["shown"] = [visible(shown.value), visible(shown.expected)]
    if cell.with_difference:
        found["meaning"] = f"{MEANING['pass']}, {WITH_DIFFERENCE}"
    if cell.reason:
        found["reason"] = visible(cell.reason)
    if cell.result:
        found.update(_result(cell.result, check, lane))
    if cell.planned > 1:
        found["rounds"] = [["verdicts", str(cell.tally)], ["flake rate", cell.tally.sentence()]]
        if cell.cut_short:
            found["rounds"].append(["not reported", f"{cell.planned - cell.tally.rounds} of {cell.planned} rounds"])
    return found


def _result(result: Result, check: Check, lane: Lane) -> dict[str, Any]:
    calls, cut = _transcript(result.transcript)
    found = {
        "observations": [[visible(o.name), visible(o.value)] for o in result.observations[:OBSERVATIONS]],
        "calls": calls,
        # Calls that the run left out, then calls that only this page leaves out, and before which row they belong.
        "omitted": result.omitted_calls,
        "cut": cut,
        "log": [visible(line, CALL_LIMIT) for line in result.kernel_log[-KERNEL_LINES:]],
        "log_cut": max(0, len(result.kernel_log) - KERNEL_LINES),
        "deviation": _deviation(result.deviation) if result.deviation else None,
    }
    return {name: value for name, value in found.items() if value} | {
        "nodeid": visible(result.nodeid),
        "rerun": visible(rerun_command(lane, check, result.nodeid)),
        "seconds": round(result.seconds, 4),
        "at": visible(result.at),
    }


def _transcript(transcript: Sequence[Call]) -> tuple[list[list[Any]], list[int]]:
    """Return the calls to show, and [how many are cut, before which row] when some are."""
    calls, cut = bounded(transcript)
    return [_call(call) for call in calls], [cut, FIRST_CALLS] if cut else []


def _call(call: Call) -> list[Any]:
    made, returned, steps = shown(call)
    return [visible(call.process, CALL_LIMIT), made, returned, int(call.failed), *([steps] if steps else [])]


def _deviation(deviation: Deviation) -> dict[str, Any]:
    return {
        "why": visible(deviation.why),
        "source": linked(deviation.source),
        "when": visible(deviation.when),
        "signature": visible(deviation.signature),
        "place": visible(f"{deviation.file}:{deviation.line}"),
    }
