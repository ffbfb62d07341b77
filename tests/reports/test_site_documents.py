"""Claims, findings, durability, the kill matrix, the method and weekly results as pages of the site."""

import dataclasses
import re
from pathlib import Path

import pytest
import sample
import sample_cuts
import sample_small as small

from roadworthy.reports.claims import Answered, Claim
from roadworthy.reports.kills import read_kills
from roadworthy.reports.site import documents
from roadworthy.reports.site.making import values

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return small.site(tmp_path_factory.mktemp("bundles"))


def html(site, address):
    return next(one for one in documents.pages(site) if one.address == address).make()


def test_only_what_there_is_has_a_page(site):
    """A site without a kill matrix and without a document has no page that says nothing."""
    assert [one.address for one in documents.pages(site)] == ["claims.html", "findings.html"]


def test_claims_that_do_not_hold_come_first(site):
    """S49 says that a program has to copy: it rests on the rename, which breaks, and holds on these lanes."""
    text = html(site, "claims.html")
    found = text[text.index('<article class="claim" id="claim:S49"') :]
    found = found[: found.index("</article>")]
    assert "<dt>Holds on</dt>" in found or "<dt>Undecided on</dt>" in found
    places = [text.index(f'<section id="{one}">') for one in ("undecided", "not-measured")]
    assert places == sorted(places)


def test_a_claim_stands_with_the_worst_that_a_lane_answers():
    """What does not hold somewhere comes first, though it holds elsewhere; what nobody measured comes last."""

    def answered(name, *lanes):
        return Answered(Claim(name, "says", (), (), True, ""), lanes)

    found = documents.heaps([
        answered("A"), answered("B", ("holds", ("x",)), ("undecided", ("y",))), answered("C", ("undecided", ("x",))),
        answered("D", ("holds", ("x",)), ("does not hold", ("y",))),
    ])  # fmt: skip
    assert [(heap.place, [one.claim.name for one in heap.claims]) for heap in found] == [
        ("does-not-hold", ["D"]), ("holds", ["B"]), ("undecided", ["C"]), ("not-measured", ["A"]),
    ]  # fmt: skip


def test_findings_have_their_commands_and_their_output(site):
    """A finding can be tried, and names drivers, conditions and the checks that found it."""
    text = html(site, "findings.html")
    article = text[text.index('id="finding:A_directory_cannot_be_renamed') :]
    assert ">mv a b</pre>" in article
    assert ">no</pre>" in article
    assert "rename/merged-dir" in article


def test_what_power_cuts_left_is_a_table_and_a_list(tmp_path):
    """Every operation and lane that was cut, the worst first, with the calls around the first break."""
    sample.write(tmp_path / "cuts", sample_cuts.records())
    text = html(values(tmp_path), "durability.html")
    assert '<table class="rows cuts">' in text
    assert "What broke, the worst first" in text
    assert "the power is cut at" in text
    assert re.findall(r'href="#(cut:[^"]*)"', text)
    for place in re.findall(r'href="#(cut:[^"]*)"', text):
        assert f'id="{place}"' in text


def test_without_cuts_the_documents_results_are_shown(site):
    """A site whose runs cut no power shows what is known, and says whose it is."""
    known = dataclasses.replace(
        small.KNOWN, documents={"durability.md": "# t\n\n## What can happen\n\nharm\n\n## Results\n\n| lane |\n|---|\n"}
    )
    text = html(dataclasses.replace(site, known=known), "durability.html")
    assert text.index("Results of earlier runs") < text.index("What can happen")
    assert "was not cut in the runs of this site" in text


def test_the_kill_matrix_is_a_page_of_the_site(site):
    """It is the matrix that `make sensitivity` wrote, with the site's head and foot."""
    found = dataclasses.replace(site, kills=read_kills(ROOT / "mutants/kills.json"))
    text = html(found, "kills.html")
    assert text.count("<h1>") == 1
    assert 'class="mutant"' in text
    assert "<style" not in text
    assert {one.address for one in documents.pages(found)} >= {"kills.css", "kills.js"}


def test_the_method_is_the_document(site):
    """Its title is the page's, and its chapters are places."""
    known = dataclasses.replace(small.KNOWN, documents={"method.md": (ROOT / "docs/method.md").read_text()})
    text = html(dataclasses.replace(site, known=known), "method.html")
    assert "<h1>How a benchmark comes to its verdict</h1>" in text
    assert '<h2 id="counts">Counts</h2>' in text
