"""Pages of editions, runs and lanes, and what tells programs of changes: the feed, JSON files and badges."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree
from datetime import datetime
from pathlib import Path
from urllib.parse import urljoin

import pytest
import sample_site
from sample_site import bundle

from roadworthy.reports.site import badges
from roadworthy.reports.site.dates import told
from roadworthy.reports.site.making import make
from roadworthy.reports.site.overview import overview

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """A site of three editions, one of them with a bundle that is refused and a run that was interrupted."""
    root = tmp_path / "bundles"
    bundle(root / "2026-11-28", {"overlay2": {"a/x": "pass", "a/y": "known"}}, "2026-11-28T02:00:00Z")
    bundle(root / "2026-11-29" / "one", {"overlay2": {"a/x": "fail", "a/y": "known"}}, "2026-11-29T02:00:00Z")
    bundle(root / "2026-11-29" / "two", {"vfs": {"a/x": "pass"}}, "2026-11-29T03:00:00Z", whole=False)
    (root / "2026-11-29" / "torn").mkdir()
    (root / "2026-11-29" / "torn" / "bundle.jsonl").write_text("{}\n")
    bundle(root / "2026-11-30", {"overlay2": {"a/x": "fail", "a/y": "known"}, "vfs": {"a/x": "pass"}},
           "2026-11-30T02:00:00Z")  # fmt: skip
    make(root, tmp_path / "public")
    return tmp_path / "public"


def text(page: Path) -> str:
    """What a page says, without its elements."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.read_text()).split())


def test_an_edition_has_a_permanent_page(public):
    """It says what changed in it, in whichever editions follow, and leads to its neighbours."""
    page = public / "edition" / "2026-11-29" / "index.html"
    assert "1 newly failing" in text(page)
    assert "1 new lane" in text(page)
    assert "Incomplete run. two: it has no closing record" in text(page)
    assert "A bundle is left out. 2026-11-29/torn/bundle.jsonl, line 1" in text(page)
    assert 'href="../2026-11-28/index.html"' in page.read_text()
    assert 'href="../2026-11-30/index.html"' in page.read_text()
    assert "This is the first edition" in text(public / "edition" / "2026-11-28" / "index.html")
    assert "1 still failing" in text(public / "edition" / "2026-11-30" / "index.html")


def test_latest_leads_to_the_newest(public):
    page = (public / "latest" / "index.html").read_text()
    assert '<meta http-equiv="refresh" content="0; url=../edition/2026-11-30/index.html">' in page
    assert '<a href="../edition/2026-11-30/index.html">' in page


def test_runs_are_listed_with_their_troubles(public):
    """Every edition with what changed, the newest first; refused bundles and interrupted runs are counted."""
    said = text(public / "runs.html")
    assert said.index("2026-11-30 1 still failing") < said.index("2026-11-29 1 newly failing, 1 new lane")
    assert "1 incomplete run, 1 bundle left out" in said


def test_lanes_have_their_facts(public):
    """A lane's page part says what it is, how to run it, what it was asked, and its exact versions."""
    said = text(public / "lanes.html")
    assert "pytest --driver=overlay2 --backing=ext4" in said
    assert "Asked in 3 editions, the newest 2026-11-30" in said
    assert "release 6.12.57-1" in said


def test_the_feed_tells_of_editions(public):
    """An Atom feed with an entry an edition, the newest first; its addresses lead to pages that are there."""
    root = xml.etree.ElementTree.fromstring((public / "feed.atom").read_text())
    entries = root.findall(f"{ATOM}entry")
    assert [one.findtext(f"{ATOM}title") for one in entries] == [
        "30 November 2026: 1 still failing", "29 November 2026: 1 newly failing, 1 new lane",
        "28 November 2026: the first edition",
    ]  # fmt: skip
    assert root.findtext(f"{ATOM}updated") == "2026-11-30T02:00:00Z"
    assert len({one.findtext(f"{ATOM}id") for one in entries}) == 3
    for one in entries:
        datetime.fromisoformat(one.findtext(f"{ATOM}updated"))
        assert (public / one.find(f"{ATOM}link").attrib["href"]).is_file()
    assert "a/x on overlay2-ext4-docker26.1-linux6.12: pass → fail" in entries[1].findtext(f"{ATOM}content")


def test_changes_for_programs(public):
    """A JSON file an edition, which says whether anything got worse; `changes.json` is the newest one's."""
    found = json.loads((public / "data" / "changes" / "2026-11-29.json").read_text())
    assert found["worse"] is True
    assert (found["before"], found["edition"], found["counts"]["newly failing"]) == ("2026-11-28", "2026-11-29", 1)
    assert found["changes"][0] == {
        "kind": "newly failing", "lane": sample_site.lane("overlay2").id, "check": "a/x", "before": "pass",
        "after": "fail", "reason": "assert 'EXDEV' == 'success'",
    }  # fmt: skip
    newest = (public / "data" / "changes.json").read_text()
    assert newest == (public / "data" / "changes" / "2026-11-30.json").read_text()
    assert json.loads(newest)["worse"] is False


@pytest.mark.parametrize(
    ("cells", "message", "colour"),
    [
        ({"a/x": "pass", "a/y": "pass"}, "2 of 2 hold", "green"),
        ({"a/x": "pass", "a/y": "known"}, "1 of 2 break, explained", "yellow"),
        ({"a/x": "fail", "a/y": "known"}, "1 unexplained of 2 breaks", "red"),
        ({}, "not measured", "grey"),
    ],
)
def test_badges(tmp_path, cells, message, colour):
    """A badge says what breaks and whether it is explained, as a picture and for shields.io; it has no score."""
    bundle(tmp_path / "bundles" / "2026-11-30", {"vfs": cells})
    site, _ = make(tmp_path / "bundles", tmp_path / "public")
    assert badges.message(overview(site)[0]) == (message, colour)
    endpoint = json.loads((tmp_path / "public" / "badge" / "vfs.json").read_text())
    assert endpoint == {"schemaVersion": 1, "label": "vfs", "message": message, "color": colour}
    picture = xml.etree.ElementTree.fromstring((tmp_path / "public" / "badge" / "vfs.svg").read_text())
    assert picture.attrib["aria-label"] == f"vfs: {message}"


def test_links_lead_somewhere(public):
    """Every link within the site leads to a file of the site, and to a place that is in it."""
    places = {path: set(re.findall(r'\bid="([^"]*)"', path.read_text())) for path in public.rglob("*.html")}
    for page in places:
        for address in re.findall(r'(?:href|src)="([^"]*)"', page.read_text()):
            if address.startswith(("http", "#g-")):
                continue
            path, _, place = urljoin(page.as_uri(), address).partition("#")
            target = Path(path.removeprefix("file://"))
            assert target.is_file(), f"{page}: {address}"
            if place and target.suffix == ".html" and "=" not in place:
                assert place in places[target], f"{page}: {address}"


def test_editions_in_words():
    assert told("2026-11-30") == "30 November 2026"
    assert told("2026-11-30-evening") == "30 November 2026, evening"
    assert told("other") == "other"
