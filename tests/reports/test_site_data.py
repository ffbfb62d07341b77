"""The site's data: every file is what its schema says, agrees with the matrix, and is harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import msgspec
import pytest
from sample_site import bundle, made

from roadworthy.reports.bundle import FILE_NAME
from roadworthy.reports.records import Result
from roadworthy.reports.site import addresses
from roadworthy.reports.site.data import files
from roadworthy.reports.site.data.editions import keys
from roadworthy.reports.site.data.junit import ELEMENTS
from roadworthy.reports.site.data.reasons import ENTRIES, entries
from roadworthy.reports.site.data.table import Column, Form, Table, field
from roadworthy.reports.site.making import make

JSON = [addresses.data(name) for name in files.schemas() if name not in ("changes", "verdicts")]


def rows(public, name):
    return json.loads((public / addresses.data(name)).read_text())["rows"]


@pytest.mark.parametrize("address", JSON)
def test_a_file_is_what_its_schema_says(any_site, address):
    """Also where every text is hostile. The schema is the shipped one, at the address that the file itself names."""
    _, public = any_site
    found = json.loads((public / address).read_text())
    schema = json.loads((public / address).parent.joinpath(found["$schema"]).read_text())
    assert schema == json.loads((files.SCHEMAS / Path(found["$schema"]).name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(found)


@pytest.mark.parametrize("form", [form for form, _ in files.TABLES], ids=lambda form: form.name)
def test_every_table_has_rows_in_the_sample(whole_site, form):
    """So that its schema is tested; the rows of the CSV file are those of the JSON file."""
    _, public = whole_site
    found = rows(public, form.name)
    assert found
    with (public / addresses.data(form.name, "csv")).open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert len(table) == len(found)
    names = [column.name for column in form.columns]
    assert list(table[0]) == names == list(found[0])
    for told, one in zip(table, found, strict=True):
        assert told == {name: field(value) for name, value in one.items()}


def test_cells_are_those_of_the_matrix(whole_site):
    """Each cell with its verdict; nothing is left out, and a value that could not be had is null and not 0."""
    site, public = whole_site
    found = {(one["lane"], one["check"]): one for one in rows(public, "cells")}
    for row in site.matrix.rows:
        for column, cell in zip(site.matrix.columns, row.cells, strict=True):
            one = found.pop((column.lane.id, row.check.id), None)
            assert (one and one["verdict"]) == (cell and cell.verdict)
            assert one is None or cell is None or one["seconds"] == (cell.result.seconds if cell.result else None)
    assert not found


def test_counts_of_lanes_and_checks_are_those_of_the_cells(whole_site):
    """Whichever way one adds up, the numbers agree."""
    _, public = whole_site
    cells = rows(public, "cells")
    for name in ("lane", "check"):
        for one in rows(public, f"{name}s"):
            own = [cell for cell in cells if cell[name] == one[name]]
            assert one["asked"] == len(own) == sum(map(int, one["counts"].values()))


def test_times_that_mean_nothing_are_not_given(whole_site):
    """Under emulation neither the ratio nor the medians, and the reason."""
    _, public = whole_site
    withheld = [one for one in rows(public, "benchmarks") if one["unpublished"]]
    assert withheld
    assert {one[name] for one in withheld for name in ("ratio", "median", "baseline_median", "aa_low")} == {None}


def test_a_cell_leads_to_its_deviation(whole_site):
    """By the id of the reason, which a row of the deviations has, with that lane."""
    _, public = whole_site
    known = {one["reason"]: set() for one in rows(public, "deviations")}
    for one in rows(public, "deviations"):
        known[one["reason"]].update(one["lanes"])
    for cell in rows(public, "cells"):
        if cell["deviation"]:
            assert cell["lane"] in known[cell["deviation"]]


def test_every_recorded_entry_is_a_row(whole_site):
    """Also those that no lane of these bundles shows; one that only a bundle knows is marked."""
    _, public = whole_site
    found = rows(public, "deviations")
    recorded = [one for one in found if one["recorded"]]
    assert [(one["check"], one["condition"]) for one in recorded] == [
        (entry.check, entry.condition) for entry in entries(ENTRIES)
    ]
    assert [one["cells"] > 0 for one in found if not one["recorded"]]


def test_an_entry_finds_its_cells(tmp_path):
    """By what a bundle carries of it, which is what the suite wrote down when the check ran."""
    entry = next(one for one in entries(ENTRIES) if one.check == "rename/merged-dir")
    place = bundle(tmp_path / "bundles" / "2026-11-30", {"overlay2": {"rename/merged-dir": "known"}})
    records = [json.loads(line) for line in (place / FILE_NAME).read_text().splitlines()]
    for record in records:
        if record["type"] == "result":
            record["deviation"] = {
                "why": entry.row["why"],
                "source": entry.row["source"],
                "line": 900,
                "signature": entry.row["signature"],
                "when": entry.condition,
                "file": entry.file,
            }
    (place / FILE_NAME).write_text("".join(json.dumps(record) + "\n" for record in records))
    made(tmp_path / "bundles", tmp_path / "public")
    (seen,) = [one for one in rows(tmp_path / "public", "deviations") if one["cells"]]
    assert (seen["check"], seen["recorded"], seen["cells"]) == ("rename/merged-dir", True, 1)


def test_transitions_are_those_between_the_editions(whole_site):
    """Each names the edition in which it is new."""
    site, public = whole_site
    found = rows(public, "transitions")
    assert {one["edition"] for one in found} == {"2026-11-23"}
    assert len(found) == len(site.changes["2026-11-23"])


def test_what_changed_is_what_its_schema_says(whole_site):
    """Of each edition, and of the newest."""
    site, public = whole_site
    schema = json.loads((public / addresses.schema("changes")).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for address in (addresses.CHANGES, *(addresses.changes(edition.name) for edition in site.editions)):
        jsonschema.Draft202012Validator(schema).validate(json.loads((public / address).read_text()))


def test_the_grid_of_an_edition_is_its_matrix(whole_site):
    """Each verdict at its place, of every edition, in both forms; the schema is where the file says."""
    site, public = whole_site
    for edition in site.editions:
        file = public / addresses.edition_data(edition.name, "verdicts")
        found = json.loads(file.read_text())
        schema = json.loads((file.parent / found["$schema"]).read_text())
        jsonschema.Draft202012Validator(schema).validate(found)
        matrix = site.of_edition(edition.name)
        told = {(lane, check): verdict for check, own in found["checks"].items()
                for lane, verdict in zip(found["lanes"], own, strict=True) if verdict}  # fmt: skip
        assert told == {(column.lane.id, row.check.id): cell.verdict for row in matrix.rows
                        for column, cell in zip(matrix.columns, row.cells, strict=True) if cell}  # fmt: skip
        with file.with_suffix(".csv").open(newline="") as stream:
            table = [*csv.reader(stream)]
        assert table[0] == ["check", *found["lanes"]]
        assert {row[0]: [word or None for word in row[1:]] for row in table[1:]} == found["checks"]


def test_a_further_edition_makes_no_older_grid_anew(tmp_path):
    """And a changed past does."""
    root, public = tmp_path / "bundles", tmp_path / "public"
    bundle(root / "2026-11-28", {"vfs": {"a/x": "pass"}}, "2026-11-28T02:00:00Z")
    bundle(root / "2026-11-29", {"vfs": {"a/x": "pass"}}, "2026-11-29T02:00:00Z")
    first, second, third = (keys(make(root, public)[0].history) for _ in range(3))
    assert first == second == third
    bundle(root / "2026-11-30", {"vfs": {"a/x": "fail"}}, "2026-11-30T02:00:00Z")
    site, written = make(root, public)
    assert keys(site.history)[:2] == first
    grids = [address for address in written if address.endswith("verdicts.csv")]
    assert grids == [addresses.edition_data("2026-11-30", "verdicts", "csv")]
    shutil.rmtree(root / "2026-11-28")
    bundle(root / "2026-11-28", {"vfs": {"a/x": "known"}}, "2026-11-28T02:00:00Z")
    changed = keys(make(root, public)[0].history)
    assert all(one != other for one, other in zip(changed, keys(site.history), strict=True))


def test_the_page_of_the_data_leads_to_every_file(whole_site):
    """To each file below data/, but for itself and pages of schemas that a table links to; and to nothing else."""
    site, public = whole_site
    page = (public / addresses.DATA).read_text()
    linked = {posixpath.normpath(f"data/{found}") for found in re.findall(r'href="([^"#:]+)"', page)}
    assert {one for one in site.addresses if one.startswith("data/")} - {addresses.DATA} <= linked
    assert all((public / found).is_file() for found in linked)


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", '=HYPERLINK("http://x")', "  =1"]


@pytest.mark.parametrize("text", FORMULAS, ids=repr)
def test_a_spreadsheet_takes_no_text_for_a_formula(text):
    """Nothing that a text begins with makes a cell that begins as a formula does; numbers stay numbers."""
    form = Form(
        "some",
        "Rows.",
        (
            Column("text", "text", "a text"),
            Column("number", "number", "a number"),
            Column("list", "texts", "texts"),
            Column("map", "mapping", "texts by name"),
        ),
    )
    written = Table(form, [(text, -1.5, [text, "b"], {text: text})]).as_csv()
    (_, (one, number, many, mapping)) = csv.reader(io.StringIO(written, newline=""))
    for value in (one, many, mapping):
        assert not re.match(r"\s|\s*[=+@\uff1d\uff0b\uff0d\uff20-]", value)
    assert number == "-1.5"


def test_nothing_hidden_gets_into_a_file(attacked_site):
    """No control character but the ends of lines, nothing that reorders text, no huge field."""
    _, public = attacked_site
    for path in (public / "data").rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        assert not set(text) & set("\x00\x08\x1b\x07\x7f\u202e\u2066\u200b\ufeff"), path
        assert path.suffix == ".csv" or "\r" not in text, path
        longest = max(map(len, text.splitlines()), default=0)
        assert longest < 200_000, path
    with (public / addresses.data("cells", "csv")).open(newline="") as stream:
        assert max(len(value) for row in csv.reader(stream) for value in row) < 3_000


def test_half_of_a_pair_of_surrogates_can_be_written():
    """A file name may hold bytes that are not text."""
    form = Form("some", "Rows.", (Column("text", "text", "a text"),))
    table = Table(form, [("a\ud800b",)])
    assert json.loads(table.as_json("\udfff"))["rows"] == [{"text": "a⟨U+D800⟩b"}]
    assert "a⟨U+D800⟩b" in table.as_csv().encode().decode()


def test_data_are_published_data_only(tmp_path):
    """No file has a fact that no page shows, nor a name that was to be hidden."""
    place = bundle(tmp_path / "bundles" / "2026-11-30", {"overlay2": {"rename/a": "known", "rename/b": "fail"}})
    records = [json.loads(line) for line in (place / FILE_NAME).read_text().splitlines()]
    for record in records:
        if record["type"] == "lane":
            record["facts"] |= {"host": {"name": "s3cr3t-host"}, "backing": {"device": "/dev/mapper/s3cr3t"}}
        if record["type"] == "result":
            record["reason"] = "seen in /home/s3cr3t/work by build77"
    (place / FILE_NAME).write_text("".join(json.dumps(record) + "\n" for record in records))
    made(tmp_path / "bundles", tmp_path / "public", hide=["build77"])
    for path in (tmp_path / "public" / "data").rglob("*.*"):
        assert "s3cr3t" not in path.read_text()
        assert "build77" not in path.read_text()


def test_a_junit_report_has_every_cell_of_its_lane(any_site):
    """Recorded breaks are skipped with their reason, as expected failures; what never reported is an error."""
    found, public = any_site
    for at, column in enumerate(found.matrix.columns):
        cells = [cell for row in found.matrix.rows if (cell := row.cells[at])]
        (suite,) = ElementTree.parse(public / addresses.junit(column.lane.id)).getroot()
        cases = suite.findall("testcase")
        assert len(cases) == len(cells) == int(suite.get("tests"))
        for kind in ("failure", "error", "skipped"):
            wanted = sum(ELEMENTS[cell.verdict] == kind for cell in cells)
            assert wanted == len(suite.findall(f"testcase/{kind}"))
            assert wanted == int(suite.get({"failure": "failures", "error": "errors"}.get(kind, kind)))


def test_a_missing_cell_is_an_error_in_junit(tmp_path):
    """Nothing says that it is fine."""
    site = made(bundle(tmp_path / "b" / "2026-11-30", {"vfs": {"a/x": "pass", "a/y": None}}).parent, tmp_path / "p")
    report = (tmp_path / "p" / addresses.junit(site.matrix.columns[0].lane.id)).read_text()
    assert 'failures="0" errors="1"' in report
    assert 'name="a/y"' in report.partition("<error")[0].rpartition("<testcase")[2]


def test_the_results_of_a_site_have_no_surprises_for_json(whole_site):
    """Every JSON file is one that a strict reader takes: no NaN, no name twice."""

    def once(pairs):
        assert len({name for name, _ in pairs}) == len(pairs)
        return dict(pairs)

    def never(word):
        raise AssertionError(word)

    _, public = whole_site
    for path in (public / "data").rglob("*.json"):
        json.loads(path.read_text(), object_pairs_hook=once, parse_constant=never)


def test_a_result_without_a_deviation_has_no_id():
    assert files.verdicts.deviation(None) == ""
    assert files.verdicts.deviation(msgspec.convert(
        {"type": "result", "lane": "a", "check": "b", "nodeid": "", "verdict": "pass", "at": "", "seconds": 0.0}, Result
    )) == ""  # fmt: skip
