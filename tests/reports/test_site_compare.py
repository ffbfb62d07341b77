"""Lanes side by side."""

import html
import json
import re

import pytest
import sample_small as small

from roadworthy.reports.site import compare
from roadworthy.reports.site.across import across
from roadworthy.reports.site.making import make


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return small.site(tmp_path_factory.mktemp("bundles"))


def places(site, *lanes):
    every = [column.lane.id for column in site.matrix.columns]
    return [every.index(lane.id) for lane in lanes]


def page(site, address):
    return next(one for one in compare.pages(site) if one.address == address).make()


def test_which_pages_are_made_beforehand(site):
    """Kernels of one driver, and the two ways in which Docker keeps images; nothing differs in the engine alone."""
    assert [one.address for one in compare.pages(site)] == [
        "kernels/overlay2.html", "compare/overlay2/containerd~overlayfs.html", "move.html", "compare/index.html",
        "compare/compare.js", "compare/cells.js",
    ]  # fmt: skip


def test_verdicts_that_differ_come_first(site):
    """The link breaks on the old kernel alone; what breaks on both for one reason differs in nothing."""
    found = across(site.matrix, places(site, small.OLD, small.NEW))
    assert [(one.function, one.cases) for one in found.verdicts] == [("link/pair", ("lower",))]
    assert found.values == ()
    assert (found.agreed, found.broken_alike) == (3, 2)


def test_a_failure_is_a_difference_to_a_pass(site):
    """Of two drivers, the program is hit on one, and the plain open fails on the other."""
    found = across(site.matrix, places(site, small.NEW, small.STORE))
    assert [one.function for one in found.verdicts] == ["open/plain", "app/mv-directory"]
    sides = compare.sides(found)
    assert (sides.first, sides.second, sides.both) == (1, 1, 1)


def test_the_kernels_of_a_driver(site):
    """Each kernel is a column, the oldest first, and a row says why it breaks."""
    text = page(site, "kernels/overlay2.html")
    assert re.findall(r'<th scope="col" title="[^"]*">(Linux [\d.]+)</th>', text)[:2] == ["Linux 5.10", "Linux 6.18"]
    assert small.LINK.why in text
    assert "3 checks answer alike on 5.10, 6.18; 2 of them break on every one." in text


def test_the_move_is_told_from_cells(site):
    """How many checks break on either side alone and on both, with the rows; engines that differ are named."""
    text = page(site, "move.html")
    assert "<h2>ext4, docker20.10 and docker28.5, linux 6.18</h2>" in text
    for sentence in (
        "<b>1</b> check breaks on overlay2 alone: moving mends it.",
        "<b>1</b> check breaks on the containerd store alone: moving brings it.",
        "<b>1</b> check breaks on both: moving changes nothing about it.",
    ):
        assert sentence in text
    assert text.index(">open/plain<") < text.index(">app/mv-directory<")


def test_what_only_one_was_asked_is_told(tmp_path, monkeypatch):
    """A check that one lane was not asked is no difference of drivers."""
    plain = small.bundle

    def without(day, lanes, verdicts, more=()):
        kept = []
        for record in plain(day, lanes, verdicts, more):
            if getattr(record, "check", "") == "open/plain" and record.lane == small.NEW.id:
                continue
            kept.append(record)
        return kept

    monkeypatch.setattr(small, "bundle", without)
    site = small.site(tmp_path)
    found = across(site.matrix, places(site, small.NEW, small.STORE))
    assert [(name, [lane.id for lane in lanes]) for name, lanes in found.partly] == [("open/plain", [small.STORE.id])]


def test_any_two_lanes_in_any_edition(tmp_path, browser):
    """The script sets two lanes side by side, the worst difference first, and what is chosen is in the address."""
    public = tmp_path / "public"
    make(small.write(tmp_path / "bundles"), public, known=small.KNOWN)
    (public / "compare/probe.js").write_text("""
      addEventListener("DOMContentLoaded", () => {
        const one = (id) => document.getElementById(id);
        const texts = (row) => [...row.cells].map((cell) => cell.textContent);
        const rows = () => [...one("result").tBodies[0].rows].map(texts);
        const found = [rows(), one("said").textContent];
        one("swap").click();
        found.push(rows(), location.hash);
        one("b").value = one("a").value;
        one("b").dispatchEvent(new Event("change"));
        one("be").value = "2026-11-29";
        one("be").dispatchEvent(new Event("change"));
        found.push(rows(), location.hash);
        document.body.dataset.found = JSON.stringify(found);
      });
    """)
    page = public / "compare/index.html"
    page.write_text(page.read_text().replace("</head>", '<script src="probe.js" defer></script></head>', 1))
    done = browser(f"{page.as_uri()}#a={small.NEW.id}&b={small.STORE.id}")
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    rows, said, swapped, address, editions, last = json.loads(
        html.unescape(re.search(r'data-found="([^"]*)"', done.stdout)[1])
    )
    assert rows == [["open/plain", "pass", "fail ENOENT"], ["app/mv-directory", "breaks (explained) copied", "pass"]]
    assert said.startswith("2 verdicts differ, then 0 values; 3 answers are alike;")
    assert swapped == [[name, two, one] for name, one, two in rows]
    assert address == f"#a={small.STORE.id.replace(':', '%3A')}&b={small.NEW.id}"
    assert editions == [["open/plain", "fail ENOENT", "pass"]]
    assert last.endswith("%402026-11-29")
