"""`roadworthy weekly`: parts that run, fail, cannot run or are interrupted, and what the result says of each."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import sample

from roadworthy.command.parts import Ended, OnLane
from roadworthy.deadline import let_pass, wait_until
from roadworthy.drivers import DRIVERS
from roadworthy.engine_name import EngineName
from roadworthy.engines.dockerd import installed_engine
from roadworthy.lane.lanes import default_lanes
from roadworthy.lane.matrix_file import matrix_lanes
from roadworthy.machines.host import Host
from roadworthy.reports.records import Result
from roadworthy.reports.weekly import SCHEMA, Part, Weekly, read_weekly, weekly_text
from roadworthy.run.recorder import INTERRUPTED
from roadworthy.supplies.engine_roots import ENGINES
from roadworthy.supplies.kernels import SERIES

ROOT = Path(__file__).parents[2]
STOPPED = 130

TESTS = """
import pathlib, threading
import pytest

@pytest.mark.guest
def test_of_a_guest():
    assert not pathlib.Path("broken").exists()

@pytest.mark.builds
def test_of_a_build():
    for turn in range(600):
        if not pathlib.Path("slow-tests").exists():
            return
        pathlib.Path("waits").touch()
        threading.Event().wait(0.1)

def test_that_every_run_has():
    assert False
"""
CHECKS = """
import os, pathlib, threading
from roadworthy import *

if pathlib.Path("slow-checks").exists():
    pathlib.Path("waits").write_text(str(os.getpid()))
    threading.Event().wait(60)

@check("sample/one")
def test_one(fs):
    '''It holds.'''
    assert fs
"""
#: A lane that no mainline kernel can bring up, so that nothing is started.
MATRIX = '[axes]\ndriver = "aufs"\n'
(LANE,) = (lane.id for lane in default_lanes(DRIVERS["aufs"], installed_engine(), Host().kernel) if not lane.root)


class Checkout:
    """A small checkout with tests of its own, one check, and a matrix of one lane."""

    def __init__(self, directory):
        self.directory = directory
        self.result = directory / "docs/weekly.json"
        for name, text in {
            "pytest.ini": "[pytest]\ntestpaths = checks\nmarkers =\n  guest\n  builds\n",
            "tests/real/test_it.py": TESTS, "checks/test_checks.py": CHECKS, "matrices/weekly.toml": MATRIX,
            ".gitignore": "/build/\n/waits\n/slow-*\n/broken\n__pycache__/\n.pytest_cache/\n",
        }.items():  # fmt: skip
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text)
        self.git("init", "-q")
        self.commit()

    def git(self, *words):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *who, *words], cwd=self.directory, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "all")
        return self.git("rev-parse", "HEAD")

    def start(self, *options, before=()):
        program = [*before, sys.executable, "-c", "from roadworthy.command.cli import main; main()", "weekly", *options]
        return subprocess.Popen(
            program, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip

    def run(self, *options):
        started = self.start(*options)
        text, _ = started.communicate(timeout=120)
        return started.returncode, text

    def parts(self):
        return {found.name: found for found in read_weekly(self.result).parts}


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


def test_a_run_has_a_result_a_bundle_and_a_page(checkout):
    """Tests of guests and builds are run and no others; a lane that cannot come up is not called passed."""
    head = checkout.git("rev-parse", "HEAD")
    status, text = checkout.run()
    assert status == 0, text
    assert re.findall(r"weekly: part (\d of \d): (.*)", text) == [("1 of 2", "tests"), ("2 of 2", LANE)]
    tests, lane = checkout.parts().values()
    assert (tests.state, tests.counts, tests.reason) == ("passed", {"passed": 2}, "")
    assert (lane.state, lane.counts) == ("unsupported", {"unsupported": 1})
    assert "aufs" in lane.reason
    assert {part.commit for part in (tests, lane)} == {head}
    assert not tests.changes
    assert not lane.changes, "the result of the first part is no change of the checkout yet"
    place = checkout.directory / "build/weekly"
    assert (place / lane.name / "bundle.jsonl").exists()
    assert lane.name in (place / "index.html").read_text()
    assert read_weekly(checkout.result).not_run == []


def test_a_part_that_fails_is_named_and_the_others_run(checkout):
    """The status is 1, the result has the test's name, and what comes after it is run; --rest runs what failed.

    A commit of the result alone is not another one.
    """
    (checkout.directory / "broken").touch()
    status, text = checkout.run()
    assert status == 1, text
    tests, lane = checkout.parts().values()
    assert (tests.state, tests.counts) == ("failed", {"failed": 1, "passed": 1})
    assert tests.failed == ["tests.real.test_it::test_of_a_guest"]
    assert lane.state == "unsupported"
    (checkout.directory / "broken").unlink()
    checkout.commit()
    status, text = checkout.run("--rest")
    assert (status, re.findall(r"part \d of \d: (\w+)", text)) == (0, ["tests"])
    assert "nothing is left to run" in checkout.run("--rest")[1]
    (checkout.directory / "matrices/README").write_text("changed\n")
    checkout.commit()
    (checkout.directory / "broken").touch()
    status, text = checkout.run("--rest", "--only=tests")
    assert (status, "part 1 of 1: tests" in text) == (1, True), text


def test_a_lane_that_leaves_no_bundle_has_failed(checkout):
    """A pytest that ends before its first check, as by a mistake in a file, vouches for nothing."""
    (checkout.directory / "checks/test_checks.py").write_text("import nothing_of_this_name\n")
    status, text = checkout.run("--only=aufs")
    assert status == 1, text
    (lane,) = checkout.parts().values()
    assert lane.state == "failed"
    assert lane.reason.startswith("pytest ended with 2 and left no bundle")
    assert lane.changes
    assert read_weekly(checkout.result).not_run == ["tests"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupt_keeps_what_was_finished(checkout, number):
    """The part that ran is interrupted, with what it has; an earlier result of another part stays."""
    earlier = Part(name=LANE, state="unsupported", finished="2026-11-30T08:00:00Z", seconds=2, reason="no aufs")
    checkout.result.parent.mkdir()
    checkout.result.write_text(weekly_text(Weekly(schema=SCHEMA, matrix="", parts=[earlier], not_run=["tests"])))
    (checkout.directory / "slow-tests").touch()
    started = checkout.start()
    wait_until((checkout.directory / "waits").exists, 60, "the slow test")
    for _ in range(3):  # an impatient hand; what follows the first changes nothing
        started.send_signal(number)
        let_pass(0.1)
    text, _ = started.communicate(timeout=60)
    assert started.returncode == STOPPED, text
    tests, lane = checkout.parts().values()
    assert (tests.state, tests.counts, tests.reason) == ("interrupted", {"passed": 1}, "it was interrupted")
    assert lane == earlier


def test_a_run_below_nohup_outlives_its_terminal(checkout):
    """A signal that is ignored stays so."""
    (checkout.directory / "slow-tests").touch()
    started = checkout.start("--only=tests", before=["env", "--ignore-signal=HUP"])
    wait_until((checkout.directory / "waits").exists, 60, "the slow test")
    started.send_signal(signal.SIGHUP)
    (checkout.directory / "slow-tests").unlink()
    text, _ = started.communicate(timeout=60)
    assert started.returncode == 0, text


def test_the_check_that_was_interrupted_has_not_failed(tmp_path):
    """Of an interrupted lane, those checks are named that had broken before."""
    (lane,) = default_lanes(DRIVERS["native"], EngineName("docker", "20.10"), "linux6.18")[:1]
    part = OnLane(lane, tmp_path, False)
    plan, *rest = sample.records()
    results = [record for record in rest if isinstance(record, Result)]
    broken, interrupted = (
        msgspec.structs.replace(result, verdict="error", reason=reason)
        for result, reason in zip(results, ["the daemon died", INTERRUPTED], strict=False)
    )
    records = [sample.lane_record(plan.lanes[0]), broken, interrupted]
    sample.write(part.place, [plan, *records])
    found = part.outcome(Ended(2, interrupted=True))
    assert (found["state"], found["failed"]) == ("interrupted", [broken.check])
    assert found["counts"] == {"error": 2, "missing": len(plan.cells) - 2}


def test_a_killed_run_loses_the_running_part_only(checkout):
    """What was finished lies beside the bundles, and --rest goes on from there."""
    (checkout.directory / "slow-checks").touch()
    started = checkout.start()
    waits = checkout.directory / "waits"
    wait_until(lambda: waits.exists() and bool(waits.read_text()), 60, "the slow check")
    started.kill()
    os.kill(int(waits.read_text()), signal.SIGKILL)
    started.communicate(timeout=60)
    assert not checkout.result.exists()
    (checkout.directory / "slow-checks").unlink()
    status, text = checkout.run("--rest")
    assert status == 0, text
    assert "part 1 of 1: aufs-" in text
    assert [part.state for part in checkout.parts().values()] == ["passed", "unsupported"]


@pytest.mark.parametrize(
    ("prepare", "words", "said"),
    [
        (None, ["--only=overlay7"], "no part has overlay7 in its name"),
        (lambda place: (place / "docs").mkdir() or (place / "docs/weekly.json").write_text("{}"), [], "not a weekly"),
        (lambda place: (place / "tests/real").rename(place / "tests/unreal"), [], "in the directory of a checkout"),
        (lambda place: (place / "matrices/weekly.toml").write_text("[axs]\n"), [], "did you mean 'axes'"),
    ],
    ids=["no part", "no result", "no checkout", "no matrix"],
)
def test_a_mistake_is_told_before_anything_runs(checkout, prepare, words, said):
    """The status is that of all commands for a mistake, and nothing was started."""
    if prepare:
        prepare(checkout.directory)
    status, text = checkout.run(*words)
    assert (status, said in text) == (4, True), text
    assert not (checkout.directory / "build").exists()


@pytest.mark.parametrize("words", [["--work=notes"], ["--output=notes/text"]], ids=["work", "output"])
def test_a_users_files_are_left_alone(checkout, words):
    """A directory with other things in it is no place for bundles, and a file that is no result is not replaced."""
    notes = checkout.directory / "notes"
    (notes / "tests.xml").mkdir(parents=True)
    (notes / "text").write_text("a user's")
    status, text = checkout.run(*words)
    assert status == 4, text
    assert "did not make it; name " in text or "not a weekly result" in text
    assert (notes / "text").read_text() == "a user's"
    assert (notes / "tests.xml").is_dir()


@pytest.mark.parametrize("kernel", ["", "image"])
def test_the_weekly_matrix_has_every_driver_engine_and_kernel(monkeypatch, tmp_path, kernel):
    """A driver that no matrix names is run by nobody; aufs is on a kernel of one's own where there is one."""
    image = tmp_path / "image"
    image.write_bytes(
        bytes(0x202) + b"HdrS" + bytes(8) + (0x300).to_bytes(2, "little") + bytes(0x2F0) + b"5.10.99-aufs\0"
    )
    monkeypatch.setenv("AUFS_KERNEL", str(image) if kernel else "")
    lanes = matrix_lanes(ROOT / "matrices/weekly.toml", EngineName("docker", "20.10"), "linux6.18")
    assert {lane.driver.name for lane in lanes} == set(DRIVERS)
    assert {lane.root for lane in lanes} >= set(ENGINES)
    assert {lane.source for lane in lanes} >= set(SERIES)
    (aufs,) = (lane.kernel for lane in lanes if lane.driver.name == "aufs")
    assert aufs == ("linux5.10" if kernel else "linux6.18")


@pytest.mark.parametrize("kernel", ["", "/somewhere"])
def test_the_full_matrix_has_every_driver(monkeypatch, tmp_path, kernel):
    """Also aufs, on the kernel that is named, or on this host's, which says what it lacks."""
    if kernel:
        image = tmp_path / "bzImage"
        image.write_bytes(
            bytes(0x202) + b"HdrS" + bytes(8) + (0x300).to_bytes(2, "little") + bytes(0x2F0) + b"5.10.1\0"
        )
        monkeypatch.setenv("AUFS_KERNEL", str(image))
    else:
        monkeypatch.delenv("AUFS_KERNEL", raising=False)
    lanes = matrix_lanes(ROOT / "matrices/full.toml", EngineName("docker", "20.10"), "linux6.18")
    assert {lane.driver.name for lane in lanes} == set(DRIVERS)
    (aufs,) = (lane for lane in lanes if lane.driver.name == "aufs")
    assert aufs.kernel == ("linux5.10" if kernel else "linux6.18")


def test_the_tracked_result_is_one():
    """It is of commits, without changes, and each part has a result or none."""
    found = read_weekly(ROOT / "docs/weekly.json")
    assert found.matrix == "matrices/weekly.toml"
    assert [part.name for part in found.parts if part.changes or not re.fullmatch("[0-9a-f]{40}", part.commit)] == []
    assert not {part.name for part in found.parts} & {*found.not_run}
