"""The site's results in KCIDB's form are accepted by KCIDB's own library, and say what the matrix says."""

from __future__ import annotations

import json

import kcidb_io
import pytest

from roadworthy.reports.records import WORST_FIRST
from roadworthy.reports.site import addresses
from roadworthy.reports.site.data.kcidb import STATUS, VERSION


def report(public):
    return json.loads((public / addresses.data("kcidb")).read_text())


def test_kcidb_accepts_it(any_site):
    """Also where every text is hostile; it is written for a schema that the library has."""
    _, public = any_site
    found = report(public)
    version = kcidb_io.schema.LATEST
    while (version.major, version.minor) != (VERSION["major"], VERSION["minor"]):
        version = version.previous
        assert version, "the library does not know this version of the schema"
    version.validate_exactly(found)


def test_all_that_is_named_is_there(whole_site):
    """A build has its checkout, a test its build, an incident its issue and its test; no id is there twice."""
    found = report(whole_site[1])
    ids = {name: [one["id"] for one in found[name]] for name in found if name != "version"}
    assert all(len(own) == len(set(own)) for own in ids.values())
    assert {one["checkout_id"] for one in found["builds"]} <= set(ids["checkouts"])
    assert {one["build_id"] for one in found["tests"]} <= set(ids["builds"])
    assert {one["issue_id"] for one in found["incidents"]} <= set(ids["issues"])
    assert {one["test_id"] for one in found["incidents"]} <= set(ids["tests"])


def test_every_cell_is_a_test_and_every_recorded_break_an_incident(whole_site):
    """A recorded break fails, and its issue says why; a number is a test that is done."""
    site, public = whole_site
    found = report(public)
    cells = [cell for row in site.matrix.rows for cell in row.cells if cell]
    checks = [one for one in found["tests"] if "verdict" in one["misc"]]
    assert len(checks) == len(cells)
    assert all(one["status"] == STATUS[one["misc"]["verdict"]] for one in checks)
    assert len(found["incidents"]) == sum(
        cell.verdict == "known" and cell.result.deviation is not None for cell in cells
    )
    numbers = [one for one in found["tests"] if one["status"] == "DONE"]
    assert numbers
    assert all("value" in one["number"] for one in numbers)


@pytest.mark.parametrize("verdict", WORST_FIRST)
def test_no_verdict_of_a_break_is_taken_for_a_pass(verdict):
    """Only a promise that holds passes, and every verdict has a status."""
    assert (STATUS[verdict] == "PASS") == (verdict in ("pass", "fixed"))
