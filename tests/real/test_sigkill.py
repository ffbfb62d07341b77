"""SIGKILL at any moment leaves nothing that one reap does not remove."""

import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from host_drivers import OTHERS, words_of

from roadworthy.deadline import wait_until
from roadworthy.programs import ENVIRONMENT
from roadworthy.upkeep import reaper
from roadworthy.upkeep.ledger import RUNTIME

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
def test_F01_F02_a_killed_run_leaves_nothing(start, moment, seed):
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


KILLS = 20
REAP = "from roadworthy.command.cli import main; main(['reap'])"


@pytest.mark.long
@pytest.mark.parametrize("named", ["overlay2", *OTHERS])
def test_twenty_kills_of_each_driver_leave_nothing(start, private_host, tmp_path, named):
    """Kills at moments of a run that a seed has chosen: a reap at once leaves nothing, and no file of the host."""
    driver, options = words_of(named)
    began = time.monotonic()
    assert start(CHECKS, "-q", *options, driver=driver, host=private_host).end(300) == 0
    usual = time.monotonic() - began
    for turn in range(KILLS):
        moment = random.Random(f"{named} {turn}").uniform(0.05, 1) * usual
        (tmp_path / str(turn)).mkdir()
        run = start(CHECKS, "-q", *options, driver=driver, host=private_host, directory=tmp_path / str(turn))
        with suppress(subprocess.TimeoutExpired):
            run.process.wait(moment)
        items = run.ledger()
        run.process.kill()
        run.process.wait(10)
        words = [*private_host.entered(tmp_path), sys.executable, "-c", REAP]
        said = subprocess.run(words, env=ENVIRONMENT, timeout=120, capture_output=True, text=True, check=True).stdout
        where = f"{named}, kill {turn} after {moment:.1f} of {usual:.1f} s, with {len(items)} items"
        wait_until(lambda run=run: run.left() == [], 20, f"the reaper: {where}\n{said}")
        changed = [line for line in private_host.changed() if line != f"+ {RUNTIME}"]
        assert changed == [], where
        assert list((tmp_path / "state").rglob("*.*")) == [], where
        sys.__stderr__.write(f"{where}: clean\n")


def test_F31_the_next_run_removes_what_a_dead_one_left(start, private_host, tmp_path):
    """A run begins with a reap: what an older one has left goes before anything is made, and that is said."""
    dead = start(CHECKS, "-q", host=private_host)
    dead.until(lambda: len(dead.results()) > 3 and dead.ledger())
    dead.process.kill()
    dead.process.wait(10)
    assert dead.left()
    (tmp_path / "next").mkdir()
    run = start(CHECKS.replace("range(40)", "range(1)"), host=private_host, directory=tmp_path / "next")
    assert run.end() == 0, run.text()
    assert f"things that run {dead.run} had left" in run.text()
    wait_until(lambda: dead.left() == [], 20, "the kernel to forget the dead run's processes")


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


CUT = """
from os import O_RDONLY

@operation("write", usual=8)
def write(store):
    '''A new file and its fsync.'''
    fs = store.process(made := store.laid_out({"old": b"image"}))
    yield None
    for number in range(8):
        fs.store(f"new{number}", b"written")
        fs.fsync(fs.open(f"new{number}", O_RDONLY))
    yield store.file(made, "new0", b"written", None, b"")

@check("sample/synced")
def test_synced(cuts):
    '''It is there.'''
    assert cuts(write).lost().worst == "whole"
"""


def disk_is_made(run):
    return any(run.own.glob("*.log"))


def operation_is_captured(run):
    return any(path.stat().st_size > 40 << 20 for path in run.own.glob("*.log"))


def cut_is_looked_at(run):
    return any(run.own.glob("*.cut.img"))


@pytest.mark.parametrize("moment", [disk_is_made, operation_is_captured, cut_is_looked_at])
def test_a_run_that_is_killed_in_a_power_cut_leaves_nothing(start, moment):
    """The logged disk, its server and its loop device go with the run, and a reap removes the log and the images."""
    run = start(CUT, "-q")
    run.until(lambda: bool(run.ledger()) and moment(run), 120)
    loops = [found.split()[-1] for found in run.alive() if found.startswith("loop")]
    run.ledger()
    run.process.send_signal(signal.SIGKILL)
    assert run.process.wait(10) == -signal.SIGKILL
    wait_until(lambda: not [one for one in run.alive() if one.startswith(("process", "capsule"))], 20, "its processes")
    reaper.reap()
    wait_until(lambda: run.left() == [], 20, "the reaper")
    # A loop device over a file whose server has ended shows the root of what was mounted there.
    assert [name for name in loops if shown(name) == "/"] == []


def shown(loop):
    """The file that a loop device lies on, or an empty string."""
    try:
        return Path("/sys/block", loop, "loop/backing_file").read_text().strip()
    except OSError:
        return ""
