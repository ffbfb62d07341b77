"""However a run ends, this host has the files that it had before: no run leaves or removes one elsewhere."""

import signal
import subprocess
import sys

import pytest
from host_drivers import OTHERS, words_of

from roadworthy.deadline import wait_until
from roadworthy.programs import ENVIRONMENT
from roadworthy.upkeep.ledger import RUNTIME

pytestmark = pytest.mark.real

CHECKS = """
@check("sample/first")
@lower(f=b"lower")
def test_first(fs, other):
    '''It holds.'''
    assert fs.load("f") == b"lower"
    other.store("f", b"upper")

@check("sample/own-daemon")
def test_own_daemon(lane_daemon):
    '''A second daemon starts again after it was killed.'''
    lane_daemon.engine.restart(kill=True)
    assert lane_daemon.engine.info()["Driver"]

@check("sample/last")
@lower(f=b"lower")
def test_last(fs):
    '''It holds, does not hold, or never returns.'''
    LAST
"""
LAST = {
    "green": "assert fs.load('f') == b'lower'",
    "red": "assert fs.load('f') == b'upper'",
    "blocks": "fs.mkfifo('p'); open('blocked', 'w').close(); fs.open('p', os.O_RDONLY)",
}
#: How a run ends, by the name of the last check's body or of a signal, with its exit status.
ENDS = {"green": 0, "red": 1, "SIGINT": 2, "SIGTERM": 143, "SIGHUP": 129, "SIGQUIT": 131, "SIGKILL": -9}
REAP = "from roadworthy.command.cli import main; main(['reap'])"


def ended(start, host, directory, end, driver, *options):
    """Make a run that ends in this way, reap as the user would after a kill, and return the run."""
    body = LAST.get(end, LAST["blocks"])
    run = start(CHECKS.replace("LAST", body), *options, driver=driver, host=host)
    if end in signal.Signals.__members__:
        run.until(lambda: (directory / "blocked").exists(), 300)
        run.ledger()
        run.process.send_signal(signal.Signals[end])
    else:
        run.until_known()
    assert run.process.wait(300) == ENDS[end], run.text()
    if end == "SIGKILL":
        subprocess.run([*host.entered(directory), sys.executable, "-c", REAP], env=ENVIRONMENT, timeout=60, check=True)
    return run


def unchanged(host):
    """What the run has left or removed, but for the directory that has all runs' directories."""
    return [line for line in host.changed() if line != f"+ {RUNTIME}"]


@pytest.mark.parametrize("end", ENDS)
def test_the_files_of_this_host_are_those_from_before(start, private_host, tmp_path, end):
    """A run on overlay2 leaves no file outside of its directories, and nothing in these."""
    run = ended(start, private_host, tmp_path, end, "overlay2")
    wait_until(lambda: run.left() == [], 20, "the kernel to forget the run's processes")
    assert unchanged(private_host) == []
    assert list((tmp_path / "state").rglob("*.*")) == []


NO_OVERLAY = """#!/bin/sh
case "$*" in *overlay*) echo "mount: unknown filesystem type 'overlay'." >&2; exit 32 ;; esac
exec /usr/bin/mount "$@"
"""


def test_so_it_is_where_no_overlay_can_be_mounted(start, private_host, tmp_path):
    """Where the kernel has no overlay file system, or will not lay one over /etc, daemons get a copy of it."""
    tool = private_host.path("/usr/local/sbin/mount")
    tool.write_text(NO_OVERLAY)
    tool.chmod(0o755)
    run = ended(start, private_host, tmp_path, "green", "vfs")
    assert unchanged(private_host) == ["+ /usr/local/sbin/mount"]
    assert run.left() == []


@pytest.mark.builds
@pytest.mark.parametrize("end", ["green", "red", "SIGINT", "SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("named", OTHERS)
def test_so_it_is_with_every_driver_of_this_host(start, private_host, tmp_path, named, end):
    """A run on any driver leaves no file outside of its directories, and nothing in these."""
    driver, options = words_of(named)
    run = ended(start, private_host, tmp_path, end, driver, *options)
    wait_until(lambda: run.left() == [], 20, "the kernel to forget the run's processes")
    assert unchanged(private_host) == []
    assert list((tmp_path / "state").rglob("*.*")) == []
