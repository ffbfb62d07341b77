"""The front page: questions and their answers, what changed, one row a driver, what was run, and the search."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import msgspec
import pytest
import sample
import sample_cuts
import sample_site
from sample_site import bundle

from roadworthy.command.beside import known
from roadworthy.reports.site import addresses
from roadworthy.reports.site.asked import questions
from roadworthy.reports.site.coverage import coverage
from roadworthy.reports.site.front import front
from roadworthy.reports.site.making import make, values
from roadworthy.reports.site.overview import FIRST_WRITE, overview
from roadworthy.reports.site.page_cache import CHECK as SHARED
from roadworthy.reports.site.search import entries


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "bundles"
    cells = {SHARED: "pass", "rename/merged-dir": "known", "app/git-checkout": "pass", "link/pair": "pass"}
    bundle(root / "2026-11-29", {"overlay2": cells, "vfs-xfs-docker26.1-linux6.1": cells}, "2026-11-29T02:00:00Z")
    bundle(
        root / "2026-11-30",
        {"overlay2": {**cells, "link/pair": "fail"}, "btrfs-btrfs-docker26.1-linux6.1": {SHARED: "known"}},
        more={"overlay2": [write("overlay2", 20.6), write("overlay2", 99.0, "64MiB")]},
    )  # fmt: skip
    return root


def write(driver: str, milliseconds: float, size: str = "16MiB", **more):
    """A measurement of the first write."""
    name = f"{FIRST_WRITE}/lower@{size}"
    made = sample.benchmark(sample_site.lane(driver), name, "latency", "ns", random.Random(1))
    arm = msgspec.structs.replace(made.arm, median=milliseconds * 1e6)
    return msgspec.structs.replace(made, arm=arm, verdict="slower", **more)


def test_a_row_says_what_was_measured_and_what_not(root):
    """One row a driver, with numbers in milliseconds; what no run measured is said to be so, and there is no score."""
    rows = {row.driver: row for row in overview(values(root))}
    assert list(rows) == ["overlay2", "btrfs", "vfs"]
    assert rows["overlay2"].write.says == "20.6 ms on ext4"
    assert [rows[name].cache.says for name in rows] == ["yes", "no", "yes"]
    assert rows["vfs"].write.says == rows["vfs"].cuts.says == ""
    assert (rows["overlay2"].breaks, rows["overlay2"].failing, rows["overlay2"].asked) == (2, 1, 4)
    assert rows["overlay2"].first.checks == (("link/pair", ("",)),)  # data come before surprises
    assert (rows["overlay2"].up, rows["overlay2"].lanes) == (1, 1)


def test_times_that_mean_nothing_are_not_shown(tmp_path):
    """Under emulation a time is measured and not published: the row says why."""
    more = {"overlay2": [write("overlay2", 20.6, unpublished="the machine is emulated")]}
    bundle(tmp_path / "2026-11-30", {"overlay2": {}}, more=more)
    (row,) = overview(values(tmp_path))
    assert (row.write.says, row.write.more) == ("", "the machine is emulated")


def test_power_cuts_are_told_by_the_worst(tmp_path):
    """The row of a driver says how many operations break, and the worst state that a cut has left."""
    sample.write(tmp_path / "2026-11-30", sample_cuts.records())
    told = [row.cuts for row in overview(values(tmp_path)) if row.cuts.says]
    assert told
    assert any("break" in one.says and "worst: " in one.more for one in told)


def test_news_are_those_since_the_edition_before(root):
    """Changes by kind, the most urgent first; changes that are alike are told once."""
    page = front(values(root))
    assert page.before.name == "2026-11-29"
    assert [(one.title, [(group.check, group.lanes) for group in one.groups]) for one in page.news] == [
        ("1 newly failing", [("link/pair", (sample_site.lane("overlay2").id,))]),
        ("1 new lane", [("", ("btrfs-btrfs-docker26.1-linux6.1",))]),
        ("1 lane gone", [("", ("vfs-xfs-docker26.1-linux6.1",))]),
    ]
    assert page.changed


def test_nothing_changed_is_said(root, tmp_path):
    """Two editions that agree say so, and so does a first one."""
    (first := tmp_path / "first").mkdir()
    bundle(first / "2026-11-29", {"vfs": {"a/x": "fail"}}, "2026-11-29T02:00:00Z")
    make(first, tmp_path / "one")
    assert "This is the first edition" in (tmp_path / "one" / "index.html").read_text()
    bundle(first / "2026-11-30", {"vfs": {"a/x": "fail"}})
    make(first, tmp_path / "two")
    assert (
        "<b>Nothing changed</b> since 2026-11-29; 1 cell fails still." in (tmp_path / "two" / "index.html").read_text()
    )


def test_coverage_has_its_holes(root):
    """Driver and backing by kernel, with the engines of each place; an older edition is named, a hole is counted."""
    found = coverage(values(root))
    assert found.kernels == ("6.1", "6.12")
    told = {(line.driver, line.backing): [[(ran.name, ran.edition) for ran in lanes] for lanes in line.kernels]
            for line in found.lines}  # fmt: skip
    assert told == {
        ("btrfs", "btrfs"): [[("docker-26.1", "")], []],
        ("overlay2", "ext4"): [[], [("docker-26.1", "")]],
        ("vfs", "xfs"): [[("docker-26.1", "2026-11-29")], []],
    }
    assert found.holes == 3


def test_ten_questions_lead_to_pages_that_are_there(root):
    """A question whose page these runs have no data for is not a dead link."""
    asked = questions("2026-11-30")
    assert len(asked) == 10
    assert asked[0].answer({addresses.check("rename/merged-dir")}) == ("check/rename/merged-dir.html", "answers")
    assert asked[0].answer({addresses.FRONT}) is None


def test_search_has_every_kind(root):
    """Checks, breaks, findings, benchmarks, claims, options, error texts, and issues of others are found."""
    site = values(root, known=known())
    kinds = {one.kind for one in entries(site)}
    assert kinds == {"driver", "check", "break", "finding", "benchmark", "claim", "option", "error text", "issue"}
    issues = [one for one in entries(site) if one.kind == "issue"]
    assert "moby/moby#25409" in {one.title for one in issues}
    told = next(one for one in issues if one.title == "rust-lang/rustup#1239")
    assert told.address == addresses.check("rename/lower-populated-dir")
    assert "rustup cannot upgrade" in told.words


QUERIES = {
    "hardlink": "link/pair", "hard link": "link/pair", "does git work": "app/git-checkout", "memory": SHARED,
    "rename/merged-dir": "rename/merged-dir", "EXDEV": "rename/merged-dir",
    "moby#25409": "moby/moby#25409", "failed to mount overlay": "failed to mount overlay: invalid argument",
}  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_the_search_answers(browser, root, tmp_path, query):
    """A question is part of the address; what answers it is among the first that are found."""
    make(root, tmp_path / "public", known=known())
    address = f"{(tmp_path / 'public' / 'index.html').as_uri()}#ask={query.replace(' ', '%20')}"
    done = browser(address)
    found = re.findall(r"<li><small>([^<]*)</small> <a href=\"([^\"]*)\">([^<]*)", done.stdout)
    assert any(QUERIES[query] in title for _, _, title in found[:10]), found[:10]
    for _, address, _ in found:
        assert (tmp_path / "public" / address.partition("#")[0]).is_file()
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []


def test_what_is_searched_is_data(root, tmp_path):
    """The search's script holds one call with JSON, in which nothing can end the script or be a name of it."""
    make(root, tmp_path / "public", known=known())
    text = (tmp_path / "public" / "search.js").read_text()
    found = json.loads(text.removeprefix("searchData(").removesuffix(");\n"))
    assert len(found["entries"]) > 50
    assert "<" not in text
