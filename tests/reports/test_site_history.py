"""Editions of a directory, their history in the index, and what a further edition costs and changes."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
import sample
import sample_site
from sample_site import bundle, made

from roadworthy.reports.bundle import BundleRefused
from roadworthy.reports.made import NotOurs
from roadworthy.reports.site import index, making
from roadworthy.reports.site.editions import found_in

OVERLAY, VFS = sample_site.lane("overlay2").id, sample_site.lane("vfs").id


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three editions: a break that comes and goes, a lane that joins, and a check that is new."""
    root = tmp_path / "bundles"
    bundle(root / "2026-11-28", {"overlay2": {"a/x": "pass", "a/y": "known"}}, "2026-11-28T02:00:00Z")
    bundle(root / "2026-11-29" / "one", {"overlay2": {"a/x": "fail", "a/y": "known"}}, "2026-11-29T02:00:00Z")
    bundle(root / "2026-11-29" / "two" / "deep", {"vfs": {"a/x": "pass"}}, "2026-11-29T03:00:00Z")
    bundle(root / "2026-11-30", {"overlay2": {"a/x": "pass", "a/y": "known", "a/z": "pass"}}, "2026-11-30T02:00:00Z")
    return root


@pytest.fixture
def public(tmp_path: Path) -> Path:
    return tmp_path / "public"


def told(site, edition):
    return [(one.kind, one.lane.partition("-")[0], one.check) for one in site.changes[edition]]


def test_editions_come_from_directories_and_plans(tmp_path):
    """A dated directory directly below the root is an edition whatever its nesting; others belong to their day, UTC."""
    bundle(tmp_path / "2026-11-30-evening" / "guests" / "6.1", {"vfs": {"a/x": "pass"}}, "2026-11-30T19:00:00Z")
    bundle(tmp_path / "2026-11-30-morning" / "host", {"vfs": {"a/x": "pass"}}, "2026-11-30T08:00:00Z")
    bundle(tmp_path / "20261129-235959-ab", {"vfs": {"a/x": "pass"}}, "2026-11-30T01:30:00+02:00")
    bundle(tmp_path / "other" / "2026-01-01", {"vfs": {"a/x": "pass"}}, "2026-12-01T00:00:00Z")
    bundle(tmp_path / "2026-13-01", {"vfs": {"a/x": "pass"}}, "2026-12-01T01:00:00Z")
    (tmp_path / "2026-11-27").mkdir()
    found = [(one.name, len(one.files)) for one in found_in(tmp_path)]
    assert found == [("2026-11-29", 1), ("2026-11-30-morning", 1), ("2026-11-30-evening", 1), ("2026-12-01", 2)]


def test_links_are_followed_once(tmp_path):
    """A link to a directory is followed, one that leads back up is not, and a linked file is refused by name."""
    bundle(tmp_path / "elsewhere" / "run", {"vfs": {"a/x": "pass"}})
    root = tmp_path / "root"
    (root / "2026-11-30").mkdir(parents=True)
    (root / "2026-11-30" / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "2026-11-30" / "up").symlink_to(root)
    (root / "2026-11-30" / "file").mkdir()
    (root / "2026-11-30" / "file" / "bundle.jsonl").symlink_to(tmp_path / "elsewhere" / "run" / "bundle.jsonl")
    site = made(root, tmp_path / "public")
    assert [len(edition.runs) for edition in site.editions] == [1]
    assert [sentence.partition(":")[0] for sentence in site.refused] == ["2026-11-30/file/bundle.jsonl"]


def test_a_run_that_is_going_on_shows_what_its_workers_have(tmp_path):
    """Workers' bundles count while the run's own is empty, and no longer once it is written."""
    run = tmp_path / "2026-11-30" / "run"
    bundle(run / "workers" / "gw0", {"vfs": {"a/x": "pass"}}, whole=False)
    (run / "bundle.jsonl").touch()
    assert [file.parent.name for one in found_in(tmp_path) for file in one.files] == ["gw0"]
    bundle(run, {"vfs": {"a/x": "pass"}})
    assert [file.parent.name for one in found_in(tmp_path) for file in one.files] == ["run"]


def test_every_lane_is_shown_as_it_was_last(root, public):
    """The matrix has each lane's newest edition, which is named; history has all."""
    site = made(root, public)
    assert site.newest == {OVERLAY: "2026-11-30", VFS: "2026-11-29"}
    shown = {(column.lane.id, row.check.id): cell.verdict for row in site.matrix.rows
             for column, cell in zip(site.matrix.columns, row.cells, strict=True) if cell}  # fmt: skip
    assert shown == {
        (OVERLAY, "a/x"): "pass",
        (OVERLAY, "a/y"): "known",
        (OVERLAY, "a/z"): "pass",
        (VFS, "a/x"): "pass",
    }
    assert site.history.strip(OVERLAY, "a/x") == ("pass", "fail", "pass")
    assert site.history.strip(OVERLAY, "a/z") == (None, None, "pass")
    assert site.history.strip(VFS, "a/x") == (None, "pass", None)
    assert site.history.since(OVERLAY, "a/y") == "2026-11-28"
    assert site.history.since(OVERLAY, "a/x") == "2026-11-30"
    assert len(site.history.of(OVERLAY, "a/y")) == 1  # transitions only
    assert [row.check.id for row in site.of_edition("2026-11-29").rows] == ["a/x", "a/y"]


def test_changes_of_each_edition(root, public):
    """Each edition tells what changed since each lane was up before, the most urgent first; the first tells nothing."""
    site = made(root, public)
    assert told(site, "2026-11-28") == []
    assert told(site, "2026-11-29") == [("newly failing", "overlay2", "a/x"), ("new lane", "vfs", "")]
    assert told(site, "2026-11-30") == [
        ("no longer failing", "overlay2", "a/x"), ("new check", "overlay2", "a/z"), ("lane gone", "vfs", ""),
    ]  # fmt: skip


def test_a_lane_that_comes_back_is_compared_with_its_own_past(root, public):
    """A lane that sat out an edition is no new lane, and its changes are those since it was up."""
    bundle(root / "2026-12-01", {"vfs": {"a/x": "fail"}}, "2026-12-01T02:00:00Z")
    assert told(made(root, public), "2026-12-01") == [("newly failing", "vfs", "a/x"), ("lane gone", "overlay2", "")]


def test_an_edition_of_a_part_hides_nothing(root, public):
    """What an edition did not ask is shown as it was answered before, which is said; that is no change."""
    count = sample.count(sample_site.lane("overlay2"), "space/inodes", "inodes per layer", "inodes", 7.0)
    bundle(root / "2026-12-01", {"overlay2": {"b/w": "pass"}}, "2026-12-01T02:00:00Z")
    bundle(root / "2026-12-02", {"overlay2": {}}, "2026-12-02T02:00:00Z", more={"overlay2": [count]})
    site = made(root, public)
    verdicts = {row.check.id: cell.verdict for row in site.matrix.rows
                for column, cell in zip(site.matrix.columns, row.cells, strict=True)
                if cell and column.lane.id == OVERLAY}  # fmt: skip
    assert verdicts == {"a/x": "pass", "a/y": "known", "a/z": "pass", "b/w": "pass"}
    assert site.edition_of(OVERLAY, "a/y") == "2026-11-30"
    assert site.edition_of(OVERLAY, "b/w") == site.newest[OVERLAY] == "2026-12-01"
    assert [row.cells[0][1].value for row in site.matrix.counted] == [7.0]
    assert (told(site, "2026-12-01"), told(site, "2026-12-02")) == ([("new check", "overlay2", "b/w")], [])
    assert site.history.strip(OVERLAY, "a/y") == ("known", "known", "known", None, None)
    bundle(root / "2026-12-03", {"overlay2": {"a/x": "pass", "a/y": "pass"}}, "2026-12-03T02:00:00Z")
    site = made(root, public)
    assert told(site, "2026-12-03") == [("changed", "overlay2", "a/y")]  # a/z is gone, but was not asked before either
    assert len(site.matrix.counted) == 1


def test_what_is_not_asked_any_more_is_forgotten(root, public):
    """A check or a number that no edition of a strip has is not shown."""
    for at in range(1, 15):
        bundle(root / f"2026-12-{at:02}", {"overlay2": {"a/x": "pass"}}, f"2026-12-{at:02}T02:00:00Z")
    assert [row.check.id for row in made(root, public).matrix.rows] == ["a/x"]


def test_a_lane_that_does_not_start_is_gone_with_its_reason(root, public):
    """It is one change and not one a check, and what is shown of it is what it was when it was up."""
    bundle(root / "2026-12-01", {"overlay2": {"a/x": None, "a/y": None}}, "2026-12-01T02:00:00Z", "error")
    site = made(root, public)
    assert told(site, "2026-12-01") == [("lane gone", "overlay2", "")]
    assert site.changes["2026-12-01"][0].reason == "error: the daemon did not start"
    assert site.newest[OVERLAY] == "2026-11-30"


def test_what_is_not_reported_is_told_once(root, public):
    """A planned cell without a verdict was lost; when it is back, it is compared with its last verdict."""
    bundle(root / "2026-12-01", {"overlay2": {"a/x": None, "a/y": "known", "a/z": "pass"}}, "2026-12-01T02:00:00Z")
    bundle(root / "2026-12-02", {"overlay2": {"a/x": "pass", "a/y": "known", "a/z": "pass"}}, "2026-12-02T02:00:00Z")
    site = made(root, public)
    assert told(site, "2026-12-01") == [("not reported", "overlay2", "a/x")]
    assert told(site, "2026-12-02") == []
    assert site.history.strip(OVERLAY, "a/x")[-3:] == ("pass", "missing", "pass")


@pytest.mark.parametrize(
    ("verdicts", "flaky"),
    [
        (["pass", "fail", "pass"], True),
        (["pass", "fail", "fail"], False),
        (["pass", "known", "pass", "known"], False),
        (["pass", "pass fail pass"], True),
        (["pass fail", "pass", "pass"], False),
    ],
    ids=["there-and-back", "once", "explained", "rounds-disagree", "rounds-disagreed"],
)
def test_flaky(tmp_path, verdicts, flaky):
    """A cell is flaky if it went from good to failing and back within a strip, or its rounds disagree now."""
    for at, verdict in enumerate(verdicts):
        bundle(tmp_path / f"2026-11-{at + 1:02}", {"overlay2": {"a/x": verdict}}, f"2026-11-{at + 1:02}T02:00:00Z")
    assert made(tmp_path, tmp_path / "public").history.flaky(OVERLAY, "a/x") is flaky


def test_a_strip_has_fourteen_editions(tmp_path):
    for at in range(1, 17):
        bundle(
            tmp_path / f"2026-11-{at:02}", {"vfs": {"a/x": "fail" if at < 4 else "pass"}}, f"2026-11-{at:02}T02:00:00Z"
        )
    history = made(tmp_path, tmp_path / "public").history
    assert history.strip(VFS, "a/x") == ("fail", *["pass"] * 13)
    assert history.shown[0] == "2026-11-03"


def test_a_further_edition_reads_no_other(root, public, monkeypatch):
    """What an edition said is kept: only the new one's bundles are read, and all values are those of a fresh site."""
    made(root, public)
    read: list[str] = []
    whole = making.read
    monkeypatch.setattr(making, "read", lambda root, found, *more, **words: read.append(found.name) or whole(
        root, found, *more, **words))  # fmt: skip
    bundle(root / "2026-12-01", {"overlay2": {"a/x": "hang", "a/y": "known", "a/z": "pass"}}, "2026-12-01T02:00:00Z")
    further = made(root, public)
    assert read == ["2026-12-01"]
    fresh = made(root, public.with_name("fresh"))
    for name in ("matrix", "editions", "newest", "changes", "newest_bundles"):
        assert getattr(further, name) == getattr(fresh, name)
    assert (further.history.states, further.history.ran) == (fresh.history.states, fresh.history.ran)
    assert files(public) == files(public.with_name("fresh"))


def files(public: Path) -> dict[str, bytes]:
    """The content of all files of a site but the index, by address."""
    return {str(path.relative_to(public)): path.read_bytes() for path in sorted(public.rglob("*"))
            if path.is_file() and path.name != making.INDEX}  # fmt: skip


@pytest.mark.parametrize("change", ["changed", "removed", "earlier"])
def test_the_past_may_change(root, public, change):
    """A bundle that changes, goes, or joins an edition of the past gives the site that a fresh one gives."""
    made(root, public)
    if change == "changed":
        bundle(root / "2026-11-29" / "one", {"overlay2": {"a/x": "crash"}}, "2026-11-29T02:00:00Z")
    elif change == "removed":
        shutil.rmtree(root / "2026-11-30")
    else:
        bundle(root / "2026-11-01", {"btrfs": {"a/x": "pass"}}, "2026-11-01T02:00:00Z")
    made(root, public)
    made(root, public.with_name("fresh"))
    assert files(public) == files(public.with_name("fresh"))


@pytest.mark.parametrize("harm", ["killed", "torn", "other-release", "linked"])
def test_an_index_of_no_use_is_begun_anew(root, public, harm, monkeypatch):
    """What a killed process or another release left is not trusted, and nothing else is."""
    before = made(root, public)
    path = public / making.INDEX
    if harm == "killed":
        with sqlite3.connect(path) as db:
            db.execute("DELETE FROM meta WHERE key = 'whole'")
            db.execute("DELETE FROM state")
    elif harm == "torn":
        os.truncate(path, 5000)
    elif harm == "other-release":
        with sqlite3.connect(path) as db:
            db.execute("DELETE FROM state")
        monkeypatch.setattr(index, "suite", lambda: "another")
    else:
        (public.parent / "other").write_bytes(b"theirs")
        path.unlink()
        path.symlink_to(public.parent / "other")
    after = made(root, public)
    assert after.history.states == before.history.states
    assert not path.is_symlink()
    if harm == "linked":
        assert (public.parent / "other").read_bytes() == b"theirs"


def test_hidden_names_do_not_stay_in_the_index(root, public):
    """A name that is hidden from now on is in no file of the site, though an earlier one had it."""
    bundle(root / "2026-12-01", {"overlay2": {"a/secret": "pass"}}, "2026-12-01T02:00:00Z", run="secret-host")
    made(root, public)
    assert any(b"secret" in path.read_bytes() for path in public.rglob("*") if path.is_file())
    made(root, public, hide=["secret"])
    assert not any(b"secret" in path.read_bytes() for path in public.rglob("*") if path.is_file())


def test_evidence_is_read_where_a_page_asks_for_it(root, public):
    """The matrix has no transcripts; the whole result of a cell is in the bundle that is shown."""
    site = made(root, public)
    assert not any(result.transcript or result.kernel_log for one in site.newest_bundles for result in one.results)
    found = site.evidence("a/y")
    assert list(found) == [OVERLAY]
    assert [call.answer for call in found[OVERLAY][0].transcript if call.failed] == ["EXDEV"]
    assert list(site.evidence("a/x", [VFS])) == [VFS]
    (root / "2026-11-30" / "bundle.jsonl").write_text("other\n" * 9999)
    with pytest.raises(BundleRefused):
        site.evidence("a/y")


def test_refused_bundles_are_named(root, public):
    """A bundle that cannot be read is left out of its edition, which says why; a directory without any is refused."""
    (root / "2026-11-29" / "torn").mkdir()
    (root / "2026-11-29" / "torn" / "bundle.jsonl").write_text("{}\n")
    (root / "lost").mkdir()
    (root / "lost" / "bundle.jsonl").write_text("no plan\n")
    site = made(root, public)
    assert [(one.name, [said.partition(":")[0] for said in one.refused]) for one in site.editions if one.refused] == [
        ("2026-11-29", ["2026-11-29/torn/bundle.jsonl, line 1"]), ("2026-11-30", ["lost/bundle.jsonl, line 1"]),
    ]  # fmt: skip
    for place in root.rglob("bundle.jsonl"):
        place.write_text("no plan\n")
    with pytest.raises(BundleRefused, match=r"bundle\.jsonl, line 1"):
        made(root, public)


def test_names_that_are_no_text_are_refused_by_name(root, public):
    """A directory whose name is no text is left out and named; what can be read is shown."""
    bundle(root / "2026-11-30-\udcff", {"vfs": {"a/x": "pass"}})
    site = made(root, public)
    assert site.refused == ("2026-11-30-⟨U+DCFF⟩/bundle.jsonl: expected a path that is text",)


def test_two_releases_of_one_major_schema_are_shown_together(root, public):
    """Editions of an earlier release stay; within one edition, strangers to its newest run are left out."""
    path = root / "2026-11-29" / "two" / "deep" / "bundle.jsonl"
    path.write_text(path.read_text().replace('"schema":"1.0"', '"schema":"1.7"', 1))
    site = made(root, public)
    assert [said for one in site.editions for said in one.refused] == [
        "2026-11-29/one/bundle.jsonl: expected schema 1.7, found 1.0"
    ]
    assert set(site.newest) == {OVERLAY, VFS}


def test_nothing_foreign_is_replaced_or_removed(root, public):
    """A directory or a file that the suite did not make stops the site; a file beside ours stays."""
    public.mkdir()
    (public / "CNAME").write_text("theirs")
    with pytest.raises(NotOurs):
        made(root, public)
    (public / "CNAME").unlink()
    made(root, public)
    (public / "CNAME").write_text("theirs")
    made(root, public)
    assert (public / "CNAME").read_text() == "theirs"
    (public / "site.css").unlink()
    (public / "site.css").symlink_to(public / "CNAME")
    with pytest.raises(NotOurs):
        made(root, public)
    assert (public / "CNAME").read_text() == "theirs"


def test_sample_run_of_many_kinds(tmp_path):
    """The sample of the page's tests makes a site, too, with its measurements as series."""
    sample.write(tmp_path / "2026-11-23", sample.records())
    site = made(tmp_path, tmp_path / "public")
    assert len(site.matrix.rows) == 120
    assert {one.kind for one in site.series} == {"time", "count"}
