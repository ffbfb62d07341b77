"""Two runs against each other: what changed is found, what did not is silent, and the environment is named."""

from __future__ import annotations

import dataclasses
import json
import math
import random

import msgspec
import nights
import pytest
import sample
from click.testing import CliRunner

from roadworthy.command.cli import main
from roadworthy.reports.bundle import BundleRefused
from roadworthy.reports.changes import Difference, compare, corrections
from roadworthy.reports.environment import differences, of_lane
from roadworthy.reports.series import bundle_paths, series


def outcomes(before, after):
    return {change.series.kind: change.outcome for change in compare(series([before]), series([after]))}


def pair(dice: random.Random, factor: float = 1.0, error: float = 0.02, name: str = "x/y"):
    """A series of one night, and the same after a change."""
    return [nights.time_series([dice.gauss(math.log(side), error)], error, name=name) for side in (1.0, factor)]


def test_nothing_changed_stays_silent():
    """Of a thousand pairs without a change, one in a hundred is called changed at most."""
    dice = random.Random(1)
    pairs = [pair(dice, name=f"x/{n}", error=0.06) for n in range(1000)]
    found = compare([old for old, _ in pairs], [new for _, new in pairs])
    assert len([one for one in found if one.outcome in ("regressed", "improved")]) <= 10
    assert len(found) == 1000


def test_a_slowdown_is_found_among_many():
    """A fifth slower is found in nine of ten among a hundred that did not change, and comes first."""
    dice, right = random.Random(2), 0
    for _ in range(20):
        pairs = [pair(dice, name=f"x/{n}") for n in range(99)] + [pair(dice, 1.2, name="z/hurt")]
        found = compare([old for old, _ in pairs], [new for _, new in pairs])
        right += [one.series.benchmark for one in found if one.outcome == "regressed"] == ["z/hurt"]
    assert right >= 18


def test_a_small_change_is_no_news():
    """However sure, less than a tenth is neither regressed nor improved."""
    old, new = nights.time_series([0.0], 0.001), nights.time_series([math.log(1.08)], 0.001)
    assert [one.outcome for one in compare([old], [new])] == ["unchanged"]


def test_directions_and_doubt():
    """Slower, faster, the same, and what the intervals cannot tell."""
    for factor, error, said in ((1.3, 0.02, "regressed"), (0.7, 0.02, "improved"), (1.0, 0.01, "unchanged"),
                                (1.3, 0.5, "undecided")):  # fmt: skip
        old, new = nights.time_series([0.0], error), nights.time_series([math.log(factor)], error)
        assert [one.outcome for one in compare([old], [new])] == [said]


def test_an_interval_without_width_is_certain():
    """Two numbers without an error differ or not."""
    same, other = nights.time_series([0.0], 0.0).nights[0], nights.time_series([0.1], 0.0).nights[0]
    assert Difference.of(same, same).p == 1
    assert Difference.of(same, other).p == 0


def test_chances_are_corrected_for_their_number():
    """One in twenty among twenty is no news; what is not known stays so."""
    assert corrections([0.05, None, *[0.9] * 19])[:2] == [pytest.approx(0.9), None]
    assert corrections([None]) == [None]


def test_counts_are_compared_exactly():
    """A count of one more has changed; within its tolerance it has not."""
    assert outcomes(nights.bundle(1), nights.bundle(2, inodes=101)) == {"count": "changed", "time": "unchanged"}
    old, new = nights.count_series([100], 0.02), nights.count_series([102], 0.02)
    assert [one.outcome for one in compare([old], [new])] == ["unchanged"]


def test_a_time_that_changed_with_the_kernel_is_the_environments():
    """The facts that differ are named; a count is told all the same."""
    old, new = nights.bundle(1), nights.bundle(2, ratio=1.5, inodes=101, kernel="6.1.9")
    found = {change.series.kind: change for change in compare(series([old]), series([new]))}
    assert {kind: change.outcome for kind, change in found.items()} == {"count": "changed", "time": "environment"}
    assert all(change.environment == ("kernel.release: 6.1.0 → 6.1.9",) for change in found.values())
    assert outcomes(old, nights.bundle(2, ratio=1.5)) == {"count": "unchanged", "time": "regressed"}


def test_other_work_is_another_environment():
    """A job with other options, or another way to analyse it, explains a change too."""
    old = nights.bundle(1, workload={"bs": "4k"}, method={"version": "1"})
    new = nights.bundle(2, ratio=1.5, workload={"bs": "8k"}, method={"version": "2"})
    (found,) = [change for change in compare(series([old]), series([new])) if change.series.kind == "time"]
    assert found.outcome == "environment"
    assert found.environment == ("workload.bs: 4k → 8k", "method.version: 1 → 2")


@pytest.mark.parametrize(
    ("more", "reason"),
    [({"unpublished": sample.EMULATED}, sample.EMULATED), ({"verdict": "invalid", "reason": "buffered"}, "buffered")],
    ids=["emulated", "invalid"],
)
def test_times_that_mean_nothing_are_not_compared(more, reason):
    """The reason stands instead."""
    found = compare(series([nights.bundle(1)]), series([nights.bundle(2, ratio=3.0, **more)]))
    (time,) = [change for change in found if change.series.kind == "time"]
    assert (time.outcome, reason in time.reason) == ("not compared", True)


def test_the_newest_of_several_counts():
    """Of several bundles on one side the newest number is compared, in whatever order they are given."""
    before = series([nights.bundle(2, ratio=1.0), nights.bundle(1, ratio=9.0)])
    after = series([nights.bundle(3, ratio=1.0), nights.bundle(4, ratio=1.5)])
    assert {one.series.kind: one.outcome for one in compare(before, after)}["time"] == "regressed"


def test_restless_facts_are_no_environment():
    """Device numbers, paths, used space and a mount's identifiers differ from run to run, and explain nothing."""

    def facts(loop, run, memory, release="6.1.0"):
        return {
            "kernel": {"release": release, "tainted": str(loop), "command line": f"quiet tsc_early_khz={loop} x"},
            "backing": {"device": f"/dev/loop{loop}", "made by": "mkfs.ext4",
                        "mount": f"64 4{loop} 7:{loop} / /run/{run}/m rw,relatime - ext4 /dev/loop{loop} rw"},
            "driver": {"name": "x", "status": {"Data Space Used": f"{loop} MB", "Supports d_type": "true"}},
            "container root": f"9{loop} 73 0:40 / / rw - overlay overlay rw,lowerdir=/run/{run}/l/{run},index=off",
            "host": {"processors": 2, "memory": memory},
        }  # fmt: skip

    def environment(given):
        some = nights.bundle(1)
        record = msgspec.structs.replace(some.lanes[0], facts=given)
        return of_lane(dataclasses.replace(some, lanes=(record,)), nights.LANE)

    same = environment(facts(1, "a", 25_276_510_208)), environment(facts(2, "b", 25_276_506_112))
    assert differences(*same) == ()
    assert same[0]["container root"] == "overlay rw,index=off"
    assert same[0]["driver.status.Supports d_type"] == "true"
    newer = environment(facts(1, "a", 25_276_510_208, "6.1.9"))
    assert differences(same[0], newer) == ("kernel.release: 6.1.0 → 6.1.9",)


@pytest.fixture
def place(tmp_path):
    """A directory of bundles, written from what `bundle` gives."""

    def write(*bundles, name="nights"):
        for at, one in enumerate(bundles):
            sample.write(tmp_path / name / f"{at:02}", nights.lines(one))
        return tmp_path / name

    return write


def run(*words):
    return CliRunner().invoke(main, ["bench", *map(str, words)])


def test_the_command_compares_and_its_status_tells(place):
    """Alerts make the status 1; both ratios, the change and the environment are printed."""
    old, new = place(nights.bundle(1), name="a"), place(nights.bundle(2, ratio=1.5), name="b")
    done = run("compare", old, new)
    assert done.exit_code == 1, done.output
    assert "regressed  data/randread-4k" in done.output
    assert "1 (0.97 to 1.03)" in done.output
    assert "1.5 (1.46 to 1.54)" in done.output
    assert "1 regressed, 1 unchanged" in done.output
    assert run("compare", old, old).exit_code == 0
    other = run("compare", old, place(nights.bundle(2, ratio=1.5, kernel="6.1.9"), name="c"))
    assert other.exit_code == 0
    assert "kernel.release: 6.1.0 → 6.1.9" in other.output
    counted = run("compare", old, place(nights.bundle(2, inodes=101), name="d"))
    assert (counted.exit_code, "100 inodes" in counted.output, "101 inodes" in counted.output) == (1, True, True)


def test_the_command_reads_many_nights(place):
    """A regression is told with the night since when, and is an alert for a week; the same input prints the same."""
    dice = random.Random(3)
    logs = nights.stepped(nights.noisy(24, dice), 20, 1.3)
    found = place(*(nights.bundle(at, math.exp(log)) for at, log in enumerate(logs)))
    done = run("series", found)
    assert done.exit_code == 1, done.output
    assert "regression  2026-01-21" in done.output
    assert "1 alerts of the last 7 nights" in done.output
    old = run("series", "--news=2", found)
    assert (old.exit_code, "no alert in the last 2 nights" in old.output) == (0, True)
    assert run("series", *sorted(found.iterdir(), reverse=True)).output == done.output


def test_machines_get_json(place):
    """--json has everything, with the same status."""
    old, new = place(nights.bundle(1), name="a"), place(nights.bundle(2, inodes=101), name="b")
    done = run("compare", "--json", old, new)
    assert done.exit_code == 1
    assert [one["verdict"] for one in json.loads(done.output)] == ["changed", "unchanged"]
    done = run("series", "--json", old, new)
    assert [(one["what"], one["after"]) for one in json.loads(done.output)] == [("count changed", 101.0)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["comprae"], "no command 'comprae'; did you mean 'compare'"),
        (["compare", "."], "Missing argument 'AFTER'"),
        (["compare", "/nowhere", "."], "'/nowhere' does not exist"),
        (["series", "--news=0", "."], "0 is not in the range"),
    ],
    ids=["misspelt", "one side", "nowhere", "range"],
)
def test_wrong_words_are_usage_errors(words, said):
    """The status is pytest's for usage, and the line says what was expected."""
    done = run(*words)
    assert done.exit_code == 4
    assert said in done.output


def test_a_directory_without_bundles_is_refused(tmp_path):
    """It is named, with what was expected."""
    with pytest.raises(BundleRefused, match=r"expected a run bundle \(bundle\.jsonl\), or a directory of some"):
        bundle_paths([tmp_path])
    assert run("series", tmp_path).exit_code == 4


def test_a_bundle_named_twice_is_read_once(place):
    """A directory and a bundle in it are not two nights."""
    found = place(nights.bundle(1))
    assert len(bundle_paths([found, found / "00"])) == 1


def test_hostile_words_stay_on_their_line(place, tmp_path):
    """What a bundle says cannot repaint the terminal or make a line of its own."""
    bad = "x\x1b[2J\nverdict: fine\u202e"
    some = nights.bundle(1)
    worse = dataclasses.replace(some, counts=(msgspec.structs.replace(some.counts[0], metric=bad),))
    after = dataclasses.replace(worse, counts=(msgspec.structs.replace(worse.counts[0], value=1.0),))
    done = run("compare", place(worse, name="a"), place(after, name="b"))
    assert done.exit_code == 1
    assert "\x1b" not in done.output
    assert "\u202e" not in done.output
    assert not [line for line in done.output.splitlines() if line.startswith("verdict: fine")]
