"""What a cell shows: of a broken promise the value that breaks it, and never one that a passing lane has."""

from __future__ import annotations

import pytest

from roadworthy.reports.records import Deviation, Observation, Result, Verdict
from roadworthy.reports.shows import KEPT_THIS_TIME, Shown, shown_in
from roadworthy.verdict import judge


def result(verdict: Verdict = "pass", reason: str = "", told: str = "", **seen: str) -> Result:
    recorded = Deviation(why="So.", source="x", signature=told, when="", file="x.toml", line=1)
    return Result(
        lane="lane", check="a/b", nodeid="x", verdict=verdict, at="", seconds=0.1, reason=reason,
        observations=[Observation(name, value) for name, value in seen.items()],
        deviation=recorded if verdict == "known" else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("broken", "kept", "words"),
    [
        # The first observation is as promised; the second breaks the promise.
        (result("known", "the ctime changed", mtime="kept", ctime="changed"), result(mtime="kept", ctime="kept"),
         "changed, expected kept"),
        (result("known", "another device", inode="same", device="differs"), result(inode="same", device="same"),
         "differs, expected same"),
        (result("known", "assert ['a'] == []", "with another mtime: a", owners="x", **{"with another mtime": "a"}),
         result(owners="x", **{"with another mtime": "none"}), "a, expected none"),
        (result("known", "assert 'success' == 'ENOENT'", entries="none"), result(entries="none"),
         "success, expected ENOENT"),
        (result("known", "pread(3, 4096) was refused with EINVAL", fcntl="success"), result(fcntl="success"),
         "EINVAL from pread, expected success"),
        (result("fail", "assert 12 <= 4\n + where", inode="7"), result(inode="9"), "12, expected at most 4"),
        (result("known", "assert 12 <= 4", "size: 12 MiB", size="12 MiB"), None, "12 MiB"),
        (result("known", "assert 'EXDEV' == 'success'", rename="EXDEV"), None, "EXDEV, expected success"),
        (result("known", "assert 'EXDEV' == 'success'", rename="EXDEV"), result(rename="success"),
         "EXDEV, expected success"),
        (result("known", "it is gone"), None, "it is gone"),
    ],
    ids=["second observation", "message", "named by the entry", "assertion", "refused call", "bound", "alone, named",
         "alone, stated", "stated", "nothing observed"],
)  # fmt: skip
def test_a_broken_promise_shows_what_breaks_it(broken, kept, words):
    """The value comes from the recorded deviation or the failure, the expected one from lanes that keep the promise."""
    assert shown_in([kept, broken])[1].words == words


def test_lanes_that_keep_a_promise_show_the_observation_by_which_it_breaks():
    """Values of one row are of one kind, so that they can be compared; where nothing breaks, the first one is shown."""
    kept = result(mtime="kept", ctime="as it was")
    assert shown_in([kept])[0] == Shown("kept", name="mtime")
    broken = result("known", "the ctime changed", mtime="kept", ctime="changed")
    assert shown_in([kept, None, broken])[:2] == [Shown("as it was", name="ctime"), Shown()]


def test_values_that_lanes_do_not_share_are_not_expected():
    """Two lanes that keep a promise with different sizes say nothing of the size that another lane should have."""
    lanes = [result(size="1 MiB"), result(size="2 MiB"), result("known", "too large", "size: 16 MiB", size="16 MiB")]
    assert shown_in(lanes)[2] == Shown("16 MiB", name="size")


def test_a_race_that_did_not_happen_is_said():
    """A known race whose promise was kept this time shows no value as if it broke anything."""
    recorded = type("Entry", (), {"race": True, "why": "so"})()
    reason = judge.judge(None, recorded, []).reason
    assert reason.startswith(KEPT_THIS_TIME)
    (shown,) = shown_in([result("known", reason, names="0 lost")])
    assert shown.words == "kept this time: it depends on who comes first"
