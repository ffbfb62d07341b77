"""The page of a check function."""

import dataclasses
import re
from pathlib import Path

import pytest
import sample_small as small

from roadworthy.reports.claims import load
from roadworthy.reports.site import check
from roadworthy.reports.site.functions import functions
from roadworthy.reports.site.strips import strip
from roadworthy.reports.site.terms import terms


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return small.site(tmp_path_factory.mktemp("bundles"))


def page(site, name):
    return check.of(site, name, functions(site.matrix)[name], load())


def html(site, name):
    return next(one for one in check.pages(site) if one.address == f"check/{name}.html").make()


def test_every_function_has_one_page(site):
    """Cases are places on the page of their function."""
    assert [one.address for one in check.pages(site)] == [
        "check/rename/merged-dir.html", "check/link/pair.html", "check/app/mv-directory.html", "check/open/plain.html",
    ]  # fmt: skip


def test_lanes_that_answer_alike_for_one_reason_are_one_answer(site):
    """A break has its reason, the value, what was expected, what helps, and the lanes; a pass stands below it."""
    broken, kept = page(site, "rename/merged-dir").told
    assert (broken.verdict, broken.deviation.why, kept.verdict) == ("known", small.RENAME.why, "pass")
    assert [one.words for one in broken.values] == ["EXDEV, expected success"]
    assert [lane.id for lane, _ in broken.where] == [small.OLD.id, small.NEW.id, small.STORE.id]
    assert broken.helps == ((("overlay2",), ("redirect_dir=on",)),)
    assert broken.script[0] == "roadworthy repro overlay2/rename/merged-dir >show.sh && sh show.sh"
    assert [lane.id for lane, _ in kept.where] == [small.NATIVE.id]


def test_the_calls_are_those_of_the_first_lane(site):
    """A break shows its system calls as strace does, the suite's own steps apart."""
    broken = page(site, "rename/merged-dir").told[0]
    assert broken.transcript.lane == small.OLD.id
    assert [(one.made, one.returned, one.failed, bool(one.steps)) for one in broken.transcript.lines] == [
        ('store("old/new", "2", 0644)', "0", False, True),
        ('rename("old", "new")', "-1 EXDEV (Invalid cross-device link)", True, False),
    ]


def test_a_lane_names_the_cases_that_break(site):
    """Of two cases one breaks on the old kernel, and the page says which."""
    lanes = {one.column.lane.id: one for one in page(site, "link/pair").lanes}
    assert [(said.verdict, said.cases) for said in lanes[small.OLD.id].said] == [
        ("known", ("lower",)), ("pass", ("upper",)),
    ]  # fmt: skip
    assert [(said.verdict, said.cases) for said in lanes[small.NEW.id].said] == [("pass", ("lower", "upper"))]


def test_a_lane_that_the_newest_edition_did_not_run_names_its_edition(site):
    """Nobody takes yesterday's verdict for today's."""
    lanes = {one.column.lane.id: one for one in page(site, "rename/merged-dir").lanes}
    assert (lanes[small.OLD.id].edition, lanes[small.NEW.id].edition) == ("2026-11-29", "")
    assert lanes[small.OLD.id].strip == ("known", None)


def test_why_it_matters_comes_from_questions_findings_and_claims(site):
    """Nothing is asserted that is not recorded somewhere."""
    found = page(site, "rename/merged-dir")
    assert found.questions == ("Do programs rename directories of the image?",)
    assert [one.title for one in found.findings] == ["A directory cannot be renamed"]
    assert "S49" in [one.name for one in found.claims]
    assert page(site, "open/plain").questions == ()


def test_issues_that_a_check_answers_are_on_its_page(site):
    """With what was said, and where it can be read; a check that answers none names none."""
    text = html(site, "rename/merged-dir")
    assert (
        'Others reported: <a href="https://github.com/moby/moby/issues/25409" rel="noopener noreferrer">'
        "moby/moby#25409</a>, “With overlay, renaming a directory"
    ) in text
    assert "Others reported" not in html(site, "open/plain")


def test_a_failure_without_a_recorded_reason_shows_the_assertion(site):
    """What nobody has explained says what was asserted, and how to run it again."""
    text = html(site, "open/plain")
    assert "assert &#39;ENOENT&#39; == &#39;success&#39;" in text
    assert "pytest --driver=containerd:overlayfs" in text
    assert "roadworthy repro" not in text


def test_source_links_and_words(site):
    """Sources are links, and provenances are explained where they occur."""
    text = html(site, "link/pair")
    assert '<a href="https://github.com/moby/moby/issues/1" rel="noopener noreferrer">moby/moby#1</a>' in text
    assert "<dt>upper</dt>" in text
    assert "<dt>copied-up</dt>" not in text


def test_the_code_of_a_check_is_shown(site):
    """The source code is that of the check, with its decorators; a file that is not the suite's shows nothing."""
    known = dataclasses.replace(small.KNOWN, code=Path(check.__file__).parents[2])
    text = html(dataclasses.replace(site, known=known), "rename/merged-dir")
    code = re.search(r'<pre class="code"[^>]*>(.*?)</pre>', text, re.DOTALL)[1]
    assert code.startswith("@check(&#34;rename/merged-dir&#34;")
    assert code.endswith("(b&#34;1&#34;, b&#34;2&#34;)")
    assert "@check(&#34;rename/upper-dir" not in code


@pytest.mark.parametrize(
    ("cases", "found"),
    [
        (["lower-deep"], ["lower-deep"]), (["lower", "lower-deep"], ["lower", "lower-deep"]),
        (["copied-up-file"], ["copied-up"]), (["flower"], []),
    ],
    ids=["deep", "both", "part", "other-word"],
)  # fmt: skip
def test_terms(cases, found):
    """`lower-deep` does not explain `lower`, and other words are none."""
    assert [term for term, _ in terms(cases)] == found


def test_a_strip_reads_without_colour():
    """Each edition has a mark, and the whole is told in words."""
    found = strip(("pass", "pass", None, "fail"), ("1", "2", "3", "4"))
    assert re.sub("<[^>]*>", "", found) == "✓✓·F"
    assert 'aria-label="fail since 4; before: not asked since 3; before: pass since 1"' in found
