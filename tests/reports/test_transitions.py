"""What changed from one run to the next, told apart by what a reader has to do about it."""

import pytest
import sample

from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.matrix import build
from roadworthy.reports.transitions import MEANING, REGRESSIONS, transitions

LANES = ("overlay2-ext4-docker20.10-linux6.1", "vfs-ext4-docker20.10-linux6.1")


def lane(identity):
    driver, backing, engine, kernel = identity.split("-")
    return {"id": identity, "driver": driver, "backing": backing, "engine": engine, "kernel": kernel[5:]}


@pytest.fixture
def run(tmp_path):
    """A run with these verdicts, by lane and check; None is planned and never reported."""
    numbers = iter(range(100))

    def made(cells):
        number = next(numbers)
        checks = list(dict.fromkeys(check for _, check in cells))
        started = f"2026-11-{number + 1:02}T01:00:00Z"
        plan = {
            "type": "plan", "schema": "1.0", "run": f"run-{number}", "started": started, "suite": {}, "argv": [],
            "lanes": [lane(name) for name in dict.fromkeys(name for name, _ in cells)],
            "checks": [{"id": name, "family": "f", "promise": "p", "provenance": "upper", "file": "f.py", "line": 1}
                       for name in checks],
            "cells": list(cells),
        }  # fmt: skip
        lanes = [{"type": "lane", "lane": one["id"], "at": started, "state": "ready"} for one in plan["lanes"]]
        results = [
            {"type": "result", "lane": name, "check": check, "nodeid": check, "verdict": verdict, "seconds": 0.1,
             "at": started, "reason": f"because of {verdict}\nand more"}
            for (name, check), verdict in cells.items() if verdict
        ]  # fmt: skip
        end = {"type": "end", "finished": started, "exit_status": 0, "counts": {}}
        return build([read_bundle(sample.write(tmp_path / str(number), [plan, *lanes, *results, end]))])

    return made


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("pass", "fail", "newly failing"),
        ("known", "fixed", "newly failing"),
        ("unsupported", "error", "newly failing"),
        ("fail", "crash", "still failing"),
        ("hang", "pass", "no longer failing"),
        ("fail", "skipped", "no longer failing"),
        ("pass", "known", "changed"),
        ("pass", "skipped", "changed"),
        ("pass", "pass", None),
        ("known", "known", None),
        ("pass", None, "not reported"),
        (None, "pass", "new check"),
        (None, "fail", "newly failing"),
    ],
)
def test_a_cell_has_one_kind_of_change(run, before, after, kind):
    """A recorded break that no longer happens fails a run, so that it is newly failing, too."""
    cell = (LANES[0], "rename/a")
    found = transitions(run({cell: before}), run({cell: after}))
    assert [one.kind for one in found] == ([kind] if kind else [])
    assert all((one.lane, one.check, one.before, one.after) == (*cell, before, after) for one in found)
    assert all(one.reason == f"because of {after}" for one in found if after and kind != "new check")


def test_the_most_urgent_comes_first_and_a_lane_is_one_change(run):
    """The checks of a lane of one run only are not told, but for those that fail."""
    here, there = LANES
    before = run({(here, "a"): "pass", (here, "b"): "fail", (here, "gone"): "pass", (there, "a"): "pass"})
    other = there.replace("vfs", "btrfs")
    after = run(
        {(here, "a"): "pass", (here, "b"): "fail", (here, "new"): "known", (other, "a"): "pass", (other, "b"): "hang"}
    )
    assert [(one.kind, one.lane, one.check) for one in transitions(before, after)] == [
        ("newly failing", other, "b"),
        ("still failing", here, "b"),
        ("new check", here, "new"),
        ("check gone", here, "gone"),
        ("new lane", other, ""),
        ("lane gone", there, ""),
    ]


def test_what_is_worse_comes_first():
    """The kinds by which the command fails are the first that are told."""
    assert tuple(MEANING)[: len(REGRESSIONS)] == REGRESSIONS
