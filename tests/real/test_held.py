"""What somebody else holds of a run: it is named, it stays in the ledger, and a reap removes it once it is free."""

import subprocess
from pathlib import Path

import pytest

from roadworthy.deadline import wait_until
from roadworthy.upkeep import reaper

pytestmark = pytest.mark.real

CHECK = """
from roadworthy.deadline import wait_until

@check("sample/some")
def test_some(fs):
    '''It holds.'''
    fs.getpid()
    open("running", "w").close()
    wait_until(lambda: os.path.exists("held"), 60, "the test")
"""


def test_F29_a_mount_that_somebody_holds_is_left_and_named(start, tmp_path):
    """A process outside that sees the lane's mounts keeps its loop device in use; the run's last lines name it."""
    run = start(CHECK)
    run.until(lambda: (tmp_path / "running").exists(), 120)
    run.ledger()
    space = f"--mount=/proc/{run.capsules[0]['pid']}/ns/mnt"
    holder = subprocess.Popen(["nsenter", space, "--", "sleep", "600"])
    try:
        shown = Path(f"/proc/{holder.pid}/comm")
        wait_until(lambda: shown.read_text() == "sleep\n", 20, "the holder to be inside")
        (tmp_path / "held").touch()
        assert run.process.wait(200) == 1, run.text()
        assert run.verdicts() == {"sample/some": "error"}
        assert f"to be released; held by sleep {holder.pid}" in run.reasons()["sample/some"]
        assert f"held by sleep {holder.pid}" in run.text().partition("left behind")[2]
        assert "image" in {item.kind for item in run.ledger()}
    finally:
        holder.kill()
        holder.wait(10)
    reaper.reap()
    wait_until(lambda: run.left() == [], 30, "what was held to go")
