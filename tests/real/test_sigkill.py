"""SIGKILL at any moment leaves nothing that one reap does not remove."""

import random
import signal

import pytest

from roadworthy.deadline import wait_until
from roadworthy.upkeep import reaper

pytestmark = pytest.mark.real

CHECKS = """
@pytest.mark.parametrize("turn", range(40))
@check("sample/some")
@lower(f=b"data")
def test_some(fs, turn):
    '''It holds.'''
    assert fs.load("f") == b"data"
"""


def image_without_daemon(run, _):
    return any(item.kind == "image" for item in run.ledger()) and not run.log()


def daemon_starts(run, _):
    return bool(run.ledger() and run.log())


def image_loads(run, _):
    return bool(run.ledger()) and "Daemon has completed initialization" in run.log()


def checks_run(run, seed):
    return bool(run.ledger()) and len(run.results()) >= random.Random(seed).randint(1, 30)


def run_ends(run, _):
    return bool(run.ledger()) and any(record["type"] == "end" for record in run.records())


@pytest.mark.parametrize(
    ("moment", "seed"),
    [(image_without_daemon, 1), (daemon_starts, 2), (image_loads, 3), (checks_run, 4), (run_ends, 5)],
    ids=["image without daemon", "daemon starts", "image loads", "checks run", "run ends"],
)
def test_a_killed_run_leaves_nothing(start, moment, seed):
    """The daemon and its mounts go with the run; one reap removes the rest: loops, files, control groups, ledger."""
    run = start(CHECKS, "-q")
    run.until(lambda: moment(run, seed))
    run.ledger()
    run.process.send_signal(signal.SIGKILL)
    assert run.process.wait(10) == -signal.SIGKILL
    processes = [found for found in run.alive() if not found.startswith("loop")]
    wait_until(lambda: not any(found in run.alive() for found in processes), 20, f"{processes} to go with the run")
    reaper.reap()
    # Another run that starts at this moment may be the one that reaps.
    wait_until(lambda: run.left() == [], 20, "the reaper")


def test_a_bundle_of_a_killed_run_is_incomplete_and_readable(start):
    """What was finished before the kill can be read, and the bundle says that it is not whole."""
    from roadworthy.reports.bundle import read_bundle

    run = start(CHECKS, "-q")
    run.until(lambda: len(run.results()) > 3 and run.ledger())
    run.process.kill()
    run.process.wait(10)
    found = read_bundle(run.bundle)
    assert len(found.results) > 3
    assert any("closing record" in trouble for trouble in found.troubles)
    reaper.reap()
    wait_until(lambda: run.left() == [], 20, "the reaper")
