"""The kill matrix: read as hostile input, written as a page, opened in a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

import hostile
import pytest

from roadworthy.reports.kills import KillsRefused, failing_by_themselves, kills_text, read_kills, teeth, write_kills


def mutant(name: str, **changed: object) -> dict[str, object]:
    plain = {
        "name": name, "kind": "notify", "number": "M01", "fault": "a rename lies", "families": ["rename"],
        "outcome": "killed", "hits": 3, "killed by": ["rename/a[upper]"], "reviewed": {}, "collateral": [],
        "upset": {}, "reached and passed": [], "trouble": "", "equivalent": "",
    }  # fmt: skip
    return plain | changed


def matrix(*mutants: dict[str, object], **changed: object) -> dict[str, object]:
    plain = {
        "schema": "1.1", "driver": "overlay2", "seconds": 840, "partial": False, "unstable": {}, "excused": {},
        "checks": {"rename/a[upper]": "pass", "link/b": "pass", "open/known": "known"}, "mutants": list(mutants),
    }  # fmt: skip
    return plain | changed


@pytest.fixture
def kills(tmp_path: Path):
    """The matrix that a file with this content holds."""

    def kills(found: object):
        (tmp_path / "kills.json").write_text(json.dumps(found))
        return read_kills(tmp_path / "kills.json")

    return kills


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"mutants": "many"}, "not a kill matrix"),
        (matrix(mutant("one", outcome="slain")), "Invalid enum value 'slain'"),
        (matrix(mutant("one", hits="three")), "Expected `int`"),
        (matrix(schema="2.0"), "schema 2.0, this reader knows 1.1"),
        ([], "Expected `object`"),
    ],
)
def test_what_is_no_matrix_is_refused(kills, broken, said):
    with pytest.raises(KillsRefused, match=re.escape(said)) as refused:
        kills(broken)
    assert "kills.json" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(KillsRefused, match="No such file"):
        read_kills(tmp_path / "none.json")


def test_checks_that_kill_nothing_come_first(kills):
    read = kills(matrix(mutant("one")))
    assert [(check.name, list(check.mutants)) for check in teeth(read)] == [("link/b", []), ("rename/a", ["one"])]
    assert failing_by_themselves(read) == ["open/known"]


def test_cell_that_kills_nothing_comes_first_though_its_check_kills(kills):
    """What one parameter proves does not hide another, unless a reason is given."""
    checks = dict.fromkeys(("rename/a[upper]", "rename/a[volume]", "link/b"), "pass")
    one = mutant("one", **{"killed by": ["rename/a[upper]", "link/b"]})
    bare = kills(matrix(one, checks=checks))
    assert [(check.name, list(check.bare)) for check in teeth(bare)] == [
        ("rename/a", ["rename/a[volume]"]),
        ("link/b", []),
    ]
    assert '; none with <span class="ids">rename/a[volume]</span></td>' in kills_text(bare)
    told = kills(matrix(one, checks=checks, excused={"rename/a[volume]": "no lie"}))
    assert teeth(told)[0].reason == "no lie"


def test_kills_by_cell_are_those_of_its_own_promise(kills):
    """What is killed elsewhere counts, for a reason or without; what the comparison of trees noticed does not."""
    told = mutant("tree", tree="mode", **{"killed by": [], "noticed by": ["link/b"]})
    read = kills(matrix(mutant("one", collateral=["link/b"]), told))
    assert read.by_check == {"rename/a[upper]": ["one"], "link/b": ["one"]}
    assert kills(matrix(mutant("one"), told)).toothless == ["link/b"]
    assert kills(matrix(mutant("one"), unstable={"link/b": "pass -> fail"})).toothless == []
    assert "Field of the tree" in kills_text(read)


def test_page_says_when_and_on_what_it_was_measured(kills):
    """So that an old matrix is seen to be old."""
    about = {"date": "2026-11-30", "commit": "a" * 40, "backing": "ext4", "engine": "docker20.10", "kernel": "6.12"}
    measured = "2026-11-30, commit aaaaaaaaaa, ext4, docker20.10, Linux 6.12"
    assert f"Measured {measured}." in kills_text(kills(matrix(mutant("one"), **about)))
    assert kills(matrix(changes=True, **about)).measured == measured.replace("aaa,", "aaa with changes,")
    assert "Measured" not in kills_text(kills(matrix(mutant("one"))))


def test_file_is_read_back_and_has_a_line_for_each_check_and_mutant(kills, tmp_path):
    """A change of the matrix is a change of some lines."""
    read = kills(matrix(mutant("one"), mutant("two", outcome="survived", **{"killed by": []})))
    (tmp_path / "again.json").write_text(read.text())
    assert read_kills(tmp_path / "again.json") == read
    lines = read.text().splitlines()
    assert '  "link/b": "pass",' in lines
    assert sum('"name": "two"' in line for line in lines) == 1
    assert '"trouble"' not in read.text()


def test_page_tells_of_each_outcome(kills):
    text = kills_text(kills(matrix(
        mutant("one"),
        mutant("two", outcome="survived", **{"killed by": []}),
        mutant("three", outcome="equivalent", equivalent="nobody can see it", **{"killed by": []}),
        mutant("four", reviewed={"link/b": "renames too"}, collateral=["open/c"]),
        unstable={"lock/x": "pass -> error"},
        checks={"rename/a[upper]": "pass", "link/b": "pass", "exec/bare": "pass", "open/known": "known"},
    )))  # fmt: skip
    assert [re.search(f"<b>(\\d+)</b> <span>{word}<", text)[1] for word in ("killed", "survived", "equivalent")] == [
        "2", "1", "1",
    ]  # fmt: skip
    for said in ("nobody can see it", "renames too", "pass -&gt; error", '<tr class="toothless">', "open/known"):
        assert said in text
    order = re.findall(r'id="mutant:(\w+)"', text)
    assert order == ["two", "three", "one", "four"]
    assert text.count("declared some") == 2
    assert len(re.findall(r'class="n collateral some"', text)) == 1
    assert len(re.findall(r'class="n reviewed some"', text)) == 1


def test_partial_matrix_blames_no_check(kills):
    text = kills_text(kills(matrix(mutant("one"), partial=True)))
    assert "Partial." in text
    assert '<tr class="toothless">' not in text


def test_same_matrix_gives_the_same_page(kills):
    assert kills_text(kills(matrix(mutant("one")))) == kills_text(kills(matrix(mutant("one"))))


def large() -> dict[str, object]:
    """As many mutants and checks as a whole run has."""
    families = ["rename", "link", "open", "image", "life", *(f"family-{number}" for number in range(22))]
    checks = [f"{families[number % 27]}/check-{number}[upper]" for number in range(350)]
    mutants = [mutant(f"mutant-{number}", families=[families[number % 27]], fault=f"fault number {number} of them all",
                      **{"killed by": [check for at, check in enumerate(checks) if at % 27 == number % 27]})
               for number in range(160)]  # fmt: skip
    return matrix(*mutants, checks=dict.fromkeys(checks, "pass"))


def test_page_of_a_whole_run_opens_and_filters(browser, kills, tmp_path):
    write_kills(kills(large()), tmp_path / "kills.html")
    address = (tmp_path / "kills.html").as_uri()
    done = browser(address)
    assert "160 of 160 mutants shown" in done.stdout
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    dom = browser(f"{address}#find=Mutant-159%20number").stdout
    assert "1 of 160 mutants shown" in dom
    assert re.findall(r'<tr class="mutant" id="mutant:([^"]*)"(?![^>]*hidden)', dom) == ["mutant-159"]


def test_hostile_text_stays_text(browser, kills, tmp_path):
    """Whatever a file names its mutants and checks, nothing of it runs."""
    attack = hostile.attack("http://127.0.0.1:9").replace("\ud800", "")  # half a character is no JSON
    found = matrix(
        mutant(attack, fault=attack, equivalent=attack, upset={attack: attack}, **{"killed by": [attack]}),
        driver=attack, unstable={attack: attack},
    )  # fmt: skip
    write_kills(kills(found), tmp_path / "kills.html")
    done = browser((tmp_path / "kills.html").as_uri())
    assert "1 of 1 mutants shown" in done.stdout
    assert "data-owned" not in done.stdout
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
