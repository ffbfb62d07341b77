"""The site's results in the form of KCIDB, the database of kernel test results: https://github.com/kernelci/kcidb-io.

A kernel release is a checkout with one build, each check on a lane a test of that build, a time or a count a test with
a number. A recorded deviation is an issue, and each check that rests on it an incident. The release that a distributor
built is not a commit, so that a checkout has none.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from roadworthy.reports.comparisons import Source
from roadworthy.reports.matrix import Cell, Column
from roadworthy.reports.records import Benchmark, Check, Count, Deviation, Lane, Verdict
from roadworthy.reports.site.data.reasons import reason_id
from roadworthy.reports.site.data.table import plain, shown
from roadworthy.reports.site.data.verdicts import facts
from roadworthy.reports.site.values import Site
from roadworthy.reports.sources import addresses

ORIGIN = "roadworthy"
#: The version of the schema that this is written for.
VERSION = {"major": 5, "minor": 3}
STATUS: Mapping[Verdict, str] = {
    "pass": "PASS", "known": "FAIL", "fail": "FAIL", "crash": "FAIL", "hang": "FAIL", "fixed": "PASS",
    "error": "ERROR", "missing": "MISS", "unsupported": "SKIP", "skipped": "SKIP",
}  # fmt: skip


def kcidb_text(site: Site) -> str:
    """The report, with an object a line."""
    found = report(site)
    lists = ",\n".join(
        f'"{name}": [\n' + ",\n".join(json.dumps(one, ensure_ascii=False) for one in objects) + "\n]"
        for name, objects in found.items()
    )
    return f'{{"version": {json.dumps(VERSION)},\n{lists}}}\n'


def report(site: Site) -> dict[str, list[dict[str, Any]]]:
    """Checkouts, builds, tests, issues and incidents, with every text as others may read it."""
    releases = {column.lane.id: _release(column) for column in site.matrix.columns}
    kernels = {_release(column): column for column in site.matrix.columns}
    places = {column.lane.id: _place(column.lane, releases[column.lane.id]) for column in site.matrix.columns}
    issues: dict[str, dict[str, Any]] = {}
    incidents: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    for row in site.matrix.rows:
        what = {"path": _path(row.check.id), "misc": {"check": shown(row.check.id)}}
        for column, cell in zip(site.matrix.columns, row.cells, strict=True):
            if cell is None:
                continue
            test = _test(column.lane, row.check, cell, {**places[column.lane.id], **what})
            tests.append(test)
            if cell.result and (told := cell.result.deviation) and cell.verdict == "known":
                issue = _issue(told)
                issues[issue["id"]] = issue
                incidents.append(_incident(issue, test))
    return {
        "checkouts": [_checkout(release) for release in kernels],
        "builds": [_build(release, column) for release, column in kernels.items()],
        "tests": [*tests, *_measured(site, places)],
        "issues": [*issues.values()],
        "incidents": incidents,
    }


def _release(column: Column) -> str:
    """The exact release of a lane's kernel, or its series if it never came up."""
    return facts(column).get("kernel.release", column.lane.kernel)


def _checkout(release: str) -> dict[str, Any]:
    return {"id": _id("kernel", release), "origin": ORIGIN, "comment": f"Linux {shown(release)}"}


def _build(release: str, column: Column) -> dict[str, Any]:
    machine = re.sub(r"[^a-z0-9_]", "", facts(column).get("kernel.machine", "").lower())
    return {
        "id": _id("kernel", release), "origin": ORIGIN, "checkout_id": _id("kernel", release),
        "comment": f"Linux {shown(release)}, as it was booted", **({"architecture": machine} if machine else {}),
    }  # fmt: skip


def _place(lane: Lane, release: str) -> dict[str, Any]:
    """What all tests of a lane have: the build, and the environment."""
    misc = {"driver": lane.driver, "backing": lane.backing, "engine": lane.engine, "options": lane.options}
    return {
        "origin": ORIGIN, "build_id": _id("kernel", release),
        "environment": {"comment": shown(lane.id), "misc": plain(misc)},
    }  # fmt: skip


def _test(lane: Lane, check: Check, cell: Cell, common: Mapping[str, Any]) -> dict[str, Any]:
    """A check on a lane; `common` is what tests of the lane and of the check have."""
    result = cell.result
    return {
        "id": _id("test", cell.run, lane.id, check.id), **common, "status": STATUS[cell.verdict],
        **({"start_time": started} if result and (started := _time(result.at)) else {}),
        **({"duration": result.seconds} if result else {}),
        **({"log_excerpt": shown(cell.reason)} if cell.reason else {}),
        "misc": {**common["misc"], "verdict": cell.verdict},
    }  # fmt: skip


def _measured(site: Site, places: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """A test for each number that is published: the median of a time, or a count."""
    for comparison in site.matrix.comparisons:
        for lane, source, record in comparison.records:
            if not record.unpublished and record.verdict != "invalid":
                yield {**places[lane.id], **_number(lane, source, record, record.arm.median)}
    for counted in site.matrix.counted:
        for column, cell in zip(site.matrix.columns, counted.cells, strict=True):
            if cell:
                yield {**places[column.lane.id], **_number(column.lane, *cell, cell[1].value)}


def _number(lane: Lane, source: Source, record: Benchmark | Count, value: float) -> dict[str, Any]:
    return {
        "id": _id("test", source.run, lane.id, record.benchmark, record.metric),
        "path": _path(f"bench/{record.benchmark}/{record.metric}"), "status": "DONE",
        "number": {"value": value, "unit": shown(record.unit)},
        **({"start_time": started} if (started := _time(record.at)) else {}),
        "misc": {"benchmark": shown(record.benchmark), "metric": shown(record.metric)},
    }  # fmt: skip


def _issue(told: Deviation) -> dict[str, Any]:
    found = addresses(told.source)
    return {
        "id": _id("issue", reason_id(told.file, told.why, told.source)), "version": 1, "origin": ORIGIN,
        "report_subject": shown(told.why), "comment": shown(told.why),
        "culprit": {"code": True, "tool": False, "harness": False},
        **({"report_url": found[0]} if found else {}),
        "misc": {"source": shown(told.source), "file": shown(told.file)},
    }  # fmt: skip


def _incident(issue: Mapping[str, Any], test: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": _id("incident", issue["id"], test["id"]), "origin": ORIGIN, "issue_id": issue["id"],
        "issue_version": issue["version"], "test_id": test["id"], "present": True,
    }  # fmt: skip


def _id(kind: str, *parts: str) -> str:
    """An id of KCIDB, which is the origin's own affair after the colon: kind and names, or a digest of many."""
    plainly = "/".join(parts)
    if len(parts) == 1:
        return f"{ORIGIN}:{kind}:{shown(plainly)}"
    return f"{ORIGIN}:{kind}:{hashlib.sha256(chr(0).join(parts).encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def _path(check: str) -> str:
    """A check's id as a path of KCIDB, whose names have letters, digits, - and _ only."""
    parts = [re.sub(r"[^a-zA-Z0-9_-]+", "_", part).strip("_") for part in re.split(r"[/\[\]]", check)]
    return ".".join([ORIGIN, *filter(None, parts)])


@lru_cache(maxsize=1 << 12)
def _time(text: str) -> str:
    """A moment as RFC 3339 has it, or an empty text."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return found.isoformat() if found.tzinfo else ""
