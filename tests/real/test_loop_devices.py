"""No loop device outlives its run, however the bringing up of a lane ends between losetup and mount."""

import signal
import subprocess
import sys

import pytest

from roadworthy.deadline import wait_until
from roadworthy.programs import ENVIRONMENT
from roadworthy.upkeep.ledger import STATE

pytestmark = pytest.mark.real

CHECK = """
@check("sample/some")
def test_some(fs):
    '''It holds.'''
    fs.getpid()
"""
FAILS = "#!/bin/sh\necho 'it fails on purpose' >&2; exit 1\n"
REAP = "from roadworthy.command.cli import main; main(['reap'])"
BLOCKS = "#!/bin/sh\n: >/var/lib/roadworthy/blocked; exec sleep 60\n"
REFUSES = """#!/bin/sh
case "$*" in */dev/loop*) echo 'it is refused on purpose' >&2; exit 32 ;; esac
exec /usr/bin/mount "$@"
"""


def replaced(host, program, text):
    """Put a program of our own before the view's, in the first directory that the suite looks into."""
    path = host.path(f"/usr/local/sbin/{program}")
    path.write_text(text)
    path.chmod(0o755)


@pytest.mark.parametrize(("program", "text"), [("mkfs.ext4", FAILS), ("mount", REFUSES)], ids=["mkfs", "mount"])
def test_a_backing_that_cannot_be_made_leaves_no_device(start, private_host, program, text):
    """Where mkfs or the mount fails, the lane is one error, and its device is gone."""
    replaced(private_host, program, text)
    run = start(CHECK, host=private_host)
    assert run.end() == 1, run.text()
    assert "on purpose" in run.reasons()["sample/some"]
    assert run.left() == []


def test_a_full_state_directory_leaves_no_device(start, private_host, tmp_path):
    """Where the image cannot take a file system for want of space, the lane is one error, and its device is gone."""
    words = ["mount", "-t", "tmpfs", "-o", "size=2m", "roadworthy", str(STATE)]
    subprocess.run([*private_host.entered(tmp_path), *words], timeout=20, check=True)
    run = start(CHECK, host=private_host)
    assert run.end() == 1, run.text()
    assert run.verdicts() == {"sample/some": "error"}
    assert run.left() == []


def test_F02_a_kill_before_the_mount_leaves_a_device_that_a_reap_detaches(start, private_host, tmp_path):
    """A kill that finds a device attached, and no file system on it yet, leaves it; one reap finds and detaches it."""
    replaced(private_host, "mkfs.ext4", BLOCKS)
    run = start(CHECK, host=private_host)
    run.until(lambda: (tmp_path / "state/blocked").exists())
    run.ledger()
    run.process.kill()
    run.process.wait(10)
    wait_until(lambda: [one for one in run.alive() if not one.startswith("loop")] == [], 20, "the capsule to go")
    assert [found for found in run.alive() if found.startswith("loop")]
    words = [*private_host.entered(tmp_path), sys.executable, "-c", REAP]
    subprocess.run(words, env=ENVIRONMENT, timeout=60, check=True)
    wait_until(lambda: run.left() == [], 20, "the reaper")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 2), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_F02_an_end_before_the_mount_leaves_no_device(start, private_host, tmp_path, number, status):
    """A signal that finds a device attached, and no file system on it yet, ends the run with the device detached."""
    replaced(private_host, "mkfs.ext4", BLOCKS)
    run = start(CHECK, host=private_host)
    run.until(lambda: (tmp_path / "state/blocked").exists())
    run.ledger()
    assert [found for found in run.alive() if found.startswith("loop")]
    run.process.send_signal(number)
    assert run.process.wait(60) == status, run.text()
    assert run.left() == []
