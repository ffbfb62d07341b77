"""The matrix page: its rows, its size, and the evidence behind its cells."""

import json
import re

import pytest
import sample_small as small

from roadworthy.reports.site import matrix
from roadworthy.reports.site.grid import grid


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return small.site(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def html(site):
    return next(one for one in matrix.pages(site) if one.address == "matrix.html").make()


def rows(site):
    return {(line.function, line.cases): line for block in grid(site).blocks for line in block.lines}


def test_cases_that_agree_on_every_lane_are_one_row(site):
    """The two cases of the link differ on one kernel, so that each has a row; without that they would be one."""
    assert set(rows(site)) == {
        ("rename/merged-dir", ()), ("link/pair", ("lower",)), ("link/pair", ("upper",)), ("app/mv-directory", ()),
        ("open/plain", ()),
    }  # fmt: skip


def test_cases_become_one_row_where_nothing_tells_them_apart(tmp_path, monkeypatch):
    """A row names all cases that it stands for."""
    monkeypatch.setattr(small, "FIRST", {})
    monkeypatch.setattr(small, "SECOND", {})
    assert ("link/pair", ("lower", "upper")) in rows(small.site(tmp_path))


def test_a_cell_says_what_is_new(site):
    """The failure of the newest edition is marked; an old break is not."""
    new = rows(site)["open/plain", ()].squares[3]
    assert (new.verdict, new.value, new.marks) == ("fail", "ENOENT", ("new",))
    assert rows(site)["rename/merged-dir", ()].squares[3].marks == ()


def test_every_row_has_a_cell_for_each_lane(html):
    """Columns are hidden by their place, which only works if no cell spans several."""
    body = html[html.index("<tbody") : html.rindex("</tbody>")]
    found = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    assert len(found) == 5 + 4
    assert {row.count("<td") for row in found} == {4}
    assert "colspan" not in body
    assert "rowspan" not in body


def test_an_edition_that_is_not_the_newest_is_named(html):
    """A column of yesterday does not pass for today's."""
    head = html[html.index(f'data-lane="{small.OLD.id}"') :]
    assert "of 2026-11-29" in head[: head.index("</th>")]


def test_the_evidence_of_a_cell_is_in_the_file_of_its_check(site):
    """Calls that several lanes share are there once, and every cell has its reason and its command."""
    page = next(one for one in matrix.pages(site) if one.address == "evidence/rename/merged-dir.js")
    text = page.make()
    assert text.startswith('roadworthyEvidence("rename/merged-dir", {')
    value = json.loads(text[text.index(", ") + 2 : text.rindex(")")])
    cells = value["cells"]["rename/merged-dir"]
    assert set(cells) == {lane.id for lane in small.LANES}
    assert cells[small.NEW.id]["deviation"]["why"] == small.RENAME.why
    assert cells[small.NEW.id]["calls"] == cells[small.STORE.id]["calls"]
    assert len(value["calls"]) == 2
    assert "pytest --driver=overlay2" in cells[small.NEW.id]["rerun"]


def test_a_hostile_check_stays_in_its_string(site):
    """Evidence is a script: nothing of a bundle can end the string that it stands in."""
    text = next(one for one in matrix.pages(site) if one.address == "evidence/open/plain.js").make()
    assert text.isascii()
    assert text.count("\n") == 1
