"""The site as a whole: deterministic to the byte, safe against hostile bundles, and of bounded size."""

from __future__ import annotations

import http.server
import os
import random
import shutil
import threading
from functools import partial
from pathlib import Path

import hostile
import msgspec
import pytest
import sample
import sample_cuts
from sample_site import bundle

from roadworthy.command.beside import known
from roadworthy.reports.site import edition
from roadworthy.reports.site.making import INDEX, make

#: A page may be so large: the front page, and one of a check or a driver.
FRONT, PAGE = 100_000, 300_000


def files(public: Path) -> dict[str, bytes]:
    """All files of a site but the index, which is a cache."""
    return {str(path.relative_to(public)): path.read_bytes() for path in sorted(public.rglob("*"))
            if path.is_file() and path.name != INDEX}  # fmt: skip


def tree(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two editions of the samples, on all their lanes."""
    root = tmp_path / "bundles"
    lanes = [*sample.LANES, *sample.MORE_LANES]
    for day, seed in (("2026-11-22", 3), ("2026-11-23", 7)):
        plan = sample.plan(f"nightly-{day}", f"{day}T02:00:00Z", lanes)
        sample.write(root / day / "host", sample.records(plan, seed))
    sample.write(root / "2026-11-23" / "cuts", sample_cuts.records())
    return root


def test_a_site_is_the_same_to_the_byte(root, tmp_path):
    """Equal bundles give equal files, whatever the order in which a directory lists them, or when they were copied."""
    make(root, tmp_path / "one", known=known())
    other = tmp_path / "other"
    paths = [*root.rglob("bundle.jsonl")]
    random.Random(1).shuffle(paths)
    for path in paths:
        place = other / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
        os.utime(place, (1, 1))
    make(other, tmp_path / "two", known=known())
    assert files(tmp_path / "one") == files(tmp_path / "two")
    _, written = make(other, tmp_path / "two", known=known())
    assert written == []


def test_pages_are_not_larger_than_a_reader_waits_for(root, tmp_path):
    """On a dozen lanes: the front page, and each page of a check or a driver, keep to their bounds."""
    public = tmp_path / "public"
    make(root, public, known=known())
    assert (public / "index.html").stat().st_size <= FRONT
    pages = [path for kind in ("check", "driver") for path in (public / kind).rglob("*.html")]
    assert len(pages) > 100
    assert max(path.stat().st_size for path in pages) <= PAGE


def test_every_page_is_closed_to_everything(root, tmp_path):
    """Each page has the policy that allows the site's own files only, and has no style or script in it."""
    make(root, tmp_path / "public", known=known())
    for page in (tmp_path / "public").rglob("*.html"):
        text = page.read_text()
        assert "default-src &#39;none&#39;; style-src &#39;self&#39;; script-src &#39;self&#39;" in text
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick=" not in text


def test_hostile_bundles_run_nothing_from_a_server(browser, asked, tmp_path):
    """Served over HTTP, where the policy allows other things than in a file, pages of hostile bundles run nothing."""
    server, paths = asked
    for at, day in enumerate(("2026-11-22", "2026-11-23")):
        place = tmp_path / "bundles" / day / "x"
        place.mkdir(parents=True)
        records = hostile.records(server)
        plan = msgspec.structs.replace(records[0], started=f"{day}T02:00:00Z")
        whole = [msgspec.to_builtins(one) for one in (plan, *records[1:])]
        if at:
            whole[2]["verdict"] = "fail"
        place.joinpath("bundle.jsonl").write_bytes(b"".join(map(hostile.line, whole)))
    before = tree(tmp_path)
    public = tmp_path / "public"
    make(tmp_path / "bundles", public, known=known())
    assert {name for name in tree(tmp_path) - before if not name.startswith("public")} == set()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(public))) as own:
        threading.Thread(target=own.serve_forever, daemon=True).start()
        for page in sorted(public.rglob("*.html")):
            address = str(page.relative_to(public))
            if address.startswith(("index", "matrix", "check/", "edition/2026-11-23")):
                done = browser(f"http://127.0.0.1:{own.server_port}/{address}")
                assert "data-owned" not in done.stdout, address
                assert "'49'" not in done.stdout, address
        own.shutdown()
    assert paths == []


def test_hostile_names_stay_within_the_site(tmp_path):
    """Ids that look like paths make files within the site only."""
    names = ("../../../escape", "a/../../b", "/etc/passwd", "x/.git/config", "a\0b/c")
    bundle(tmp_path / "bundles" / "2026-11-30", {"vfs": dict.fromkeys(names, "fail")})
    public = tmp_path / "deep" / "public"
    make(tmp_path / "bundles", public)
    assert tree(tmp_path) - {f"deep/public/{name}" for name in tree(public)} == {
        "bundles", "bundles/2026-11-30", "bundles/2026-11-30/bundle.jsonl", "deep", "deep/public",
    }  # fmt: skip
    assert len([*(public / "check").rglob("*.html")]) == len(names)


def test_pages_of_old_editions_are_not_made_again(tmp_path, monkeypatch):
    """A further night makes the pages of two editions, and the site is what a site of all nights at once is."""
    root, public = tmp_path / "bundles", tmp_path / "public"
    for day in ("27", "28", "29"):
        bundle(root / f"2026-11-{day}", {"vfs": {"a/x": "pass"}})
    make(root, public)
    made = []
    usual = edition._edition
    monkeypatch.setattr(edition, "_edition", lambda site, number: made.append(number) or usual(site, number))
    bundle(root / "2026-11-30", {"vfs": {"a/x": "fail"}})
    make(root, public)
    assert made == [2, 3]
    make(root, tmp_path / "fresh")
    assert files(public) == files(tmp_path / "fresh")
    made.clear()
    bundle(root / "2026-12-01", {"vfs": {"a/x": "fail", "a/y": "pass"}})  # to whose page a check may lead
    make(root, public)
    assert made == [0, 1, 2, 3, 4]
