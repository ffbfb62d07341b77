"""Real daemons that lie: each of these mutants is seen by its own check, and by checks of its families only."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from roadworthy.deadline import wait_until
from roadworthy.mutants.__main__ import ROOT, Suite
from roadworthy.mutants.catalogue import find
from roadworthy.mutants.kill_matrix import disagreements, row
from roadworthy.mutants.selection import Wanted
from roadworthy.mutants.series import Series, Turn
from roadworthy.reports.bundle import read_bundle
from roadworthy.upkeep.ledger import RUNTIME

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount and to start a daemon"),
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="mutants know the system calls of 64-bit x86 only"),
]

#: Each mutant with a check that must see it.
SEEN_BY = {
    "append-overwrites": "open/o-append",
    "copy-up-drops-xattrs": "xattr/kept-over-copyup",
    "copy-up-touches": "copyup/mtime-kept-on-chmod",
    "fifo-replaced-at-chmod": "special/fifo-connected-over-copyup",
    "flock-granted-twice": "lock/flock-conflict",
    "fsync-does-nothing": "dura/fsync-reaches-device",
    "link-copies": "link/new-link-to-lower-file",
    "listing-drops-an-entry": "readdir/sum-of-layers",
    "noreplace-replaces": "rename/noreplace",
    "opaque-mark-removed": "opaque/image-directory",
    "reader-goes-stale": "identity/ro-fd-sees-rw-write",
    "recreated-file-has-old-content": "whiteout/recreate",
    "rename-leaves-a-gap": "rename/atomic-replace-visible",
    "times-in-whole-seconds": "metadata/utimensat-set-get",
    "unlink-loses-open-data": "unlink/open-lower-fd-readable",
    "whiteout-removed": "opaque/deep-recreate",
}
#: Counts its looks, which are fewer where its calls are notified: only its own mutant's run asks it.
POLLING = "rename/atomic-replace-visible"
#: Lies of the engine and saboteurs that a series has to undo, each with a check that must see it.
BETWEEN = {
    "info-names-another-root": "plumb/info-root",
    "layers-repeat-files": "plumb/hardlink-farm",
    "diff-invents-a-change": "image/docker-diff-noise",
    "commit-forgets-modes": "image/chmod-only-roundtrip",
    "unknown-options-ignored": "quota/bad-size-rejected",
}
#: Faults that the comparison of trees alone has to see, each with a check that keeps its promise.
TREES = {"full-directory-exists": "whiteout/rmdir-nonempty", "opened-device-changes-number": "sec/null-device-works"}
ALL = SEEN_BY | BETWEEN | TREES
#: Checks that only their own mutant is asked, and the run without one.
OWN = {POLLING, "image/docker-diff-noise", "image/chmod-only-roundtrip"}


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """One daemon serves all mutants of this file, each asked all checks above; a second process asks without any."""
    others = tuple(check for check in ALL.values() if check not in OWN)
    turns = [Turn(name, Wanted(others)) for name in ("identity", "identity-notify")]
    turns += [Turn(name, Wanted(tuple(dict.fromkeys((*others, check))))) for name, check in ALL.items()]
    made = Suite(tmp_path_factory.mktemp("runs"), ["--driver=overlay2"])
    made.plain(Wanted(tuple(ALL.values())))
    series = Series(made.directory, turns)
    made.take(series, "series")
    assert series.release() == [], (made.directory / "series.log").read_text()[-2000:]
    return made


@pytest.fixture(scope="module")
def plain(suite):
    """The run without a mutant."""
    ran = suite.read("plain")
    assert not ran.trouble
    assert {check.partition("[")[0] for check, verdict in ran.verdicts.items() if verdict == "pass"} == set(
        ALL.values()
    )
    return ran


@pytest.mark.parametrize("name", ["identity", "identity-notify"])
def test_run_without_a_fault_equals_the_plain_one(suite, plain, name):
    ran = suite.read(name)
    assert not ran.trouble
    assert disagreements(plain, ran) == {}
    assert {check.partition("[")[0] for check in set(plain.verdicts) - set(ran.verdicts)} == OWN
    assert bool(sum(ran.hits.values())) == (name == "identity-notify")


@pytest.mark.parametrize(("name", "check"), TREES.items())
def test_comparison_notices_what_no_promise_does(suite, plain, name, check):
    """The daemon's runtime, the check and its tree are real; only in these runs of mutants are trees compared."""
    found = row(find(name), suite.read("identity-notify"), suite.read(name))
    assert (found.outcome, {noticed.partition("[")[0] for noticed in found.noticed}) == ("killed", {check})
    assert not found.collateral
    assert not suite.read("append-overwrites").differing


@pytest.mark.parametrize(("name", "check"), [*SEEN_BY.items(), *BETWEEN.items()])
def test_mutant_breaks_its_check_and_no_other_family(suite, plain, name, check):
    found = row(find(name), plain, suite.read(name))
    assert found.outcome == "killed", (found.outcome, found.trouble, found.upset)
    assert check in {killed.partition("[")[0] for killed in found.killed_by}
    assert not found.collateral
    assert not found.upset


def run(tmp_path: Path, mutant: str, checks: str, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pytest", "--driver=overlay2", f"--bundle={tmp_path / 'bundle'}", *words]
    argv += ["-p", "roadworthy.mutants.selection", f"--mutant={mutant}", f"--checks={checks}"]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def left_of(tmp_path: Path) -> list[str]:
    """The command lines of processes that still belong to the run whose bundle lies here."""
    name = os.fsencode(read_bundle(tmp_path / "bundle").plan.run)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes()
            found += [words.replace(b"\0", b" ").decode()] if name in words else []
    return found


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Load a pytest plugin, given as text, into the runs of this test."""

    def plugin(text: str) -> tuple[str, str]:
        (tmp_path / "interfering.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return "-p", "interfering"

    return plugin


def test_F61_mutant_that_no_check_reaches_is_an_error(tmp_path):
    """A fault that no check has met proves nothing: the run says so, and is an error."""
    done = run(tmp_path, "handle-refused", "link/dir-eperm")
    assert done.returncode == pytest.ExitCode.INTERNAL_ERROR, done.stdout
    assert "not reached" in done.stdout
    assert "MUTANT handle-refused" in done.stdout.partition("collected")[0]


END_OF_SUPERVISOR = """
import os, signal
from pathlib import Path
from roadworthy.run.session import SESSION

def pytest_runtest_teardown(item):
    for supervisor in item.config.stash[SESSION].faults._supervisors:
        entered = supervisor.process.pid
        for child in Path(f"/proc/{entered}/task/{entered}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        supervisor.process.wait(10)
"""


def test_F60_supervisor_that_died_voids_the_verdicts(tmp_path, plugin):
    """A container without its supervisor lives on, with calls that fail as if the kernel did not know them."""
    done = run(tmp_path, "link-copies", "link/dir-eperm,link/to-lower-symlink", *plugin(END_OF_SUPERVISOR))
    assert done.returncode == pytest.ExitCode.INTERNAL_ERROR, done.stdout
    assert "the supervisor of mutant link-copies died" in done.stdout
    verdicts = [result.verdict for result in read_bundle(tmp_path / "bundle").results]
    assert "error" in verdicts[1:], verdicts


def test_mutant_run_leaves_nothing(tmp_path):
    done = run(tmp_path, "link-copies", "link/new-link-to-lower-file")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert "MUTANT RUN: link-copies" in done.stdout
    assert left_of(tmp_path) == []
    assert not (RUNTIME / read_bundle(tmp_path / "bundle").plan.run).exists()


SUDDEN_END = """
import os, signal

def pytest_runtest_teardown(item):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_mutant_run_leaves_no_process(tmp_path, plugin):
    done = run(tmp_path, "link-copies", "link/new-link-to-lower-file", *plugin(SUDDEN_END))
    assert done.returncode == -9
    wait_until(lambda: left_of(tmp_path) == [], 10, "the run's processes to end")
