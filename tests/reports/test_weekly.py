"""The weekly result: read as hostile input, and what the page says of its age and its commit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import hostile
import msgspec
import pytest
import sample

from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.page import page_text, write_page
from roadworthy.reports.weekly import WeeklyRefused, read_weekly, reading, weekly_text

#: The commit of the sample bundle, which was started on 2026-11-23 at 02:00:04.
COMMIT = "4f1c9a2"


def part(name: str, **changed: object) -> dict[str, object]:
    plain = {"name": name, "state": "passed", "finished": "2026-11-22T02:00:04Z", "seconds": 90, "commit": COMMIT,
             "counts": {"passed": 31}}  # fmt: skip
    return plain | changed


def result(*parts: dict[str, object], **changed: object) -> dict[str, object]:
    plain = {"schema": "1.0", "matrix": "matrices/weekly.toml", "parts": list(parts), "not run": ["aufs-ext4"]}
    return plain | changed


@pytest.fixture
def weekly(tmp_path: Path):
    """The result that a file with this content holds."""

    def weekly(found: object):
        (tmp_path / "weekly.json").write_text(json.dumps(found))
        return read_weekly(tmp_path / "weekly.json")

    return weekly


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (result(parts="all"), "not a weekly result"),
        (result(part("tests", state="green")), "Invalid enum value 'green'"),
        (result(part("tests", finished="lately")), "Invalid isoformat string"),
        (result(part("tests", seconds="long")), "Expected `int`"),
        (result(schema="2.0"), "schema 2.0, this reader knows 1.0"),
        ([], "Expected `object`"),
    ],
)
def test_what_is_no_result_is_refused(weekly, broken, said):
    with pytest.raises(WeeklyRefused, match=re.escape(said)) as refused:
        weekly(broken)
    assert "weekly.json" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(WeeklyRefused, match="No such file"):
        read_weekly(tmp_path / "none.json")


def test_what_is_written_reads_back(weekly, tmp_path):
    read = weekly(result(part("tests"), part("vfs-ext4", state="failed", failed=["rename/a"], changes=True)))
    (tmp_path / "again.json").write_text(weekly_text(read))
    assert read_weekly(tmp_path / "again.json") == read
    assert msgspec.structs.asdict(read)["not_run"] == ["aufs-ext4"]


def test_a_result_of_this_commit_and_this_week_needs_no_note(weekly, bundle):
    found = reading(weekly(result(part("tests"), part("vfs-ext4"))), [bundle])
    assert found.notes == ()
    assert found.sentence == "2026-11-22T02:00:04Z: 2 passed, 1 not run."


@pytest.mark.parametrize(
    ("finished", "old"), [("2026-11-09T02:00:04Z", False), ("2026-11-09T02:00:03Z", True), ("2026-11-30T02:00Z", False)]
)
def test_a_part_is_old_after_a_fortnight(weekly, bundle, finished, old):
    """The newest run of the page tells the time, and not the clock of whoever makes the page."""
    found = reading(weekly(result(part("tests", finished=finished), part("vfs-ext4"))), [bundle])
    assert [note for note in found.notes if "Older than 14 days" in note and "tests." in note] == list(found.notes)
    assert bool(found.notes) is old


def test_the_newest_run_of_the_page_tells_time_and_commit(weekly, bundle, tmp_path):
    plan = sample.plan("later", "2026-12-20T02:00:00Z")
    plan.suite["commit"] = "0000000000000000"
    later = read_bundle(sample.write(tmp_path / "later", sample.records(plan)))
    (old, other) = reading(weekly(result(part("tests"))), [later, bundle]).notes
    assert old == "Older than 14 days beside this page's newest run: every part."
    assert other == f"Of another commit ({COMMIT}; this page's newest run is of 000000000000): every part."


@pytest.mark.parametrize("commit", ["9e9e9e9e9e9e9e9e", ""])
def test_a_part_of_another_commit_is_named(weekly, bundle, commit):
    (note,) = reading(weekly(result(part("tests"), part("vfs-ext4", commit=commit))), [bundle]).notes
    assert note.startswith(f"Of another commit ({commit[:12] or 'no commit'}; ")
    assert note.endswith(": vfs-ext4.")


def test_changes_that_no_commit_has_are_told(weekly, bundle):
    (note,) = reading(weekly(result(part("tests", changes=True), part("vfs-ext4"))), [bundle]).notes
    assert note == "With changes that no commit has: tests."


def test_the_page_shows_result_date_and_what_was_not_run(weekly, bundle):
    found = weekly(result(
        part("tests"), part("vfs-ext4", state="failed", failed=["rename/a", "link/b"], reason="pytest ended with 1"),
        part("zfs-zfs", state="unsupported", reason="this kernel has no zfs"), part("btrfs", state="interrupted"),
    ))  # fmt: skip
    text = page_text([bundle], weekly=found)
    section = re.search(r'<section id="weekly">(.*?)</section>', text, re.DOTALL)[1]
    assert "2026-11-22T02:00:04Z: 1 failed, 1 interrupted, 1 unsupported, 1 passed, 1 not run." in section
    assert re.findall(r'<th scope="row">([^<]*)<', section) == ["vfs-ext4", "btrfs", "zfs-zfs", "tests"]
    for said in ("pytest ended with 1: rename/a, link/b", "this kernel has no zfs", "<b>Not run:</b> aufs-ext4."):
        assert said in section
    assert '<a href="#weekly">Weekly</a>' in text


def test_a_page_without_a_result_says_nothing_of_it(bundle):
    text = page_text([bundle])
    assert 'id="weekly"' not in text
    assert 'href="#weekly"' not in text


def test_hostile_text_stays_text(browser, weekly, bundle, tmp_path):
    """Whatever a file names its parts, nothing of it runs."""
    attack = hostile.attack("http://127.0.0.1:9").replace("\ud800", "")  # half a character is no JSON
    bad = part(attack, state="failed", commit=attack, counts={attack: 1}, reason=attack, failed=[attack])
    write_page([bundle], tmp_path / "page.html", weekly=weekly(result(bad, matrix=attack, **{"not run": [attack]})))
    done = browser((tmp_path / "page.html").as_uri())
    assert 'id="weekly"' in done.stdout
    assert "data-owned" not in done.stdout
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
