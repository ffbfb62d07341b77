"""Runs that are spread over workers: how the words reach them, and how their bundles become one."""

import pytest
import sample

from roadworthy.engine_name import EngineName
from roadworthy.lane.lanes import combinations_named, expand
from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.cuts import log_path
from roadworthy.run.conductor import gather, joined, lane_of, paths_bound

SAMPLE = """from roadworthy import *

@check('sample/one')
def test_one(fs):
    '''It holds.'''
    assert fs.stat('.')
"""


def expect_no_bundle(pytester, workers):
    """A run that is interrupted before it has a plan ends as one does, and leaves no bundle."""
    pytester.makepyfile(test_sample=SAMPLE)
    words = ["-pno:cacheprovider", "-pno:allure_pytest", f"-n{workers}", "--bundle=b", "--driver=aufs"]
    done = pytester.runpytest_subprocess(*words, timeout=90)
    assert done.ret == 2, done.stdout.str() + done.stderr.str()
    assert not (pytester.path / "b").exists()


def test_paths_are_bound_to_their_options():
    """A worker must not take the bundle's directory for a place where pytest's configuration lies."""
    given = ["--driver=vfs", "--bundle", "b", "-n", "2", "--matrix", "m.toml", "conformance"]
    assert paths_bound(given) == ["--driver=vfs", "--bundle=b", "-n", "2", "--matrix=m.toml", "conformance"]


def test_a_test_belongs_to_the_lane_that_its_id_names():
    """A kernel 6.1 is not a 6.12, nor one with another parameter; a test without a lane is by itself."""
    machines = combinations_named([], ["6.1", "6.12"], EngineName("docker", "20.10"), "linux6.18")
    tuned = combinations_named([], ["6.1"], EngineName("docker", "20.10"), "linux6.18", ["overlay.metacopy=on"])
    lanes = expand(["overlay2"], [], [], [*machines, *tuned])
    for lane in lanes:
        assert lane_of(f"conformance/posix/test_a.py::test_b[{lane.id}-lower]", lanes) == lane.id
    assert lane_of("tests/unit/test_a.py::test_b", lanes) == "tests/unit/test_a.py::test_b"


def test_bundles_of_workers_become_one(tmp_path):
    """One plan, of this run, and what each worker found; nothing of workers that left nothing."""
    sample.write(tmp_path, sample.records())
    found = read_bundle(tmp_path)
    plan, *records = joined([found], "this-run")
    assert (plan.run, plan.cells) == ("this-run", found.plan.cells)
    everything = (found.lanes, found.results, found.benchmarks, found.trends, found.counts)
    assert len(records) == sum(map(len, everything))
    assert all(everything)
    assert joined([], "this-run") == []


def test_logs_of_workers_are_those_of_the_run(tmp_path):
    """They lie where the page says, below the run's own bundle."""
    for worker, lane in (("gw0", "vfs-ext4"), ("gw1", "btrfs-btrfs")):
        place = tmp_path / "workers" / worker / "cuts" / lane
        place.mkdir(parents=True)
        (place / "load.log").write_text(lane)
    gather(tmp_path / "workers", tmp_path)
    for lane in ("vfs-ext4", "btrfs-btrfs"):
        assert (tmp_path / log_path(lane, "load")).read_text() == lane


@pytest.mark.parametrize(
    ("driver", "said"),
    [(["--driver=vfs"], "test_sample.py::test_one: a check runs on a lane"), ([], "name a storage driver")],
    ids=["no lane", "no driver"],
)
def test_a_refusal_of_a_worker_is_that_of_the_run(pytester, driver, said):
    """What cannot be run is refused in a worker, and ends the whole run as it would without workers."""
    on_lane = "" if driver else "fs"
    check = f"@check('sample/one')\ndef test_one({on_lane}):\n    '''It holds.'''\n"
    pytester.makepyfile(test_sample=f"from roadworthy import *\n\n{check}")
    words = ["-pno:cacheprovider", "-pno:allure_pytest", "-n1", "--bundle=b"]
    done = pytester.runpytest_subprocess(*driver, *words, timeout=120)
    text = done.stdout.str() + done.stderr.str()
    assert (done.ret, "INTERNALERROR" in text) == (pytest.ExitCode.USAGE_ERROR, False), text
    assert f"ERROR: roadworthy: {said}" in text
    assert not (pytester.path / "b").exists()


def test_an_interrupt_before_the_workers_have_a_plan_is_quick(pytester):
    """Workers that still collect end with their conductor, and no bundle is left of a run without a plan."""
    pytester.makeconftest(
        "import os, signal, threading\n\n"
        "def pytest_testnodeready():\n    os.kill(os.getpid(), signal.SIGINT)\n\n"
        "def pytest_collection_finish(session):\n"
        "    if hasattr(session.config, 'workerinput'):\n        threading.Event().wait(100)\n"
    )
    expect_no_bundle(pytester, workers=2)


def test_a_worker_that_lost_the_interrupt_is_interrupted_again(pytester):
    """The first signal falls on a worker whose handler loses it, as one does that comes within an import."""
    pytester.makeconftest(
        "import os, pathlib, signal, threading\nfrom roadworthy.deadline import wait_until\n\n"
        "HERE = pathlib.Path(__file__).parent\n\n"
        "def pytest_testnodeready():\n"
        "    wait_until((HERE / 'deaf').exists, 60, 'the worker to be deaf')\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n\n"
        "def pytest_collection_finish(session):\n"
        "    if hasattr(session.config, 'workerinput'):\n"
        "        before = signal.getsignal(signal.SIGINT)\n"
        "        signal.signal(signal.SIGINT, lambda *_: signal.signal(signal.SIGINT, before))\n"
        "        (HERE / 'deaf').touch()\n"
        "        threading.Event().wait(100)\n"
    )
    expect_no_bundle(pytester, workers=1)


@pytest.mark.parametrize("quiet", [[], ["-q"]], ids=["as always", "quiet"])
def test_a_page_that_cannot_be_written_is_told(pytester, quiet):
    """A run over workers says why it has no page, also with -q, and names none; its bundle is whole."""
    pytester.makeconftest(
        "import errno, os\nfrom roadworthy.run import conductor, session\n\n"
        "def full(*_, **__):\n    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n\n"
        "conductor.write_page = session.write_page = full\n"
    )
    pytester.makepyfile(test_sample=SAMPLE)
    words = ["-pno:cacheprovider", "-pno:allure_pytest", "-n1", "--bundle=b", "--driver=aufs", *quiet]
    done = pytester.runpytest_subprocess(*words, "--allow-missing", timeout=120)
    text = done.stdout.str() + done.stderr.str()
    assert "b/index.html cannot be written: No space left on device" in text
    assert ("page:" in text, "Traceback" in text, done.ret) == (False, False, 0)
    assert read_bundle(pytester.path / "b").troubles == ()
    assert [path.name for path in (pytester.path / "b").iterdir()] == ["bundle.jsonl"]
