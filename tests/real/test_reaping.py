"""The reaper on real loop devices and mounts."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from roadworthy.deadline import wait_until
from roadworthy.programs import run
from roadworthy.upkeep import reaper
from roadworthy.upkeep.ledger import DeadRun, Item

pytestmark = pytest.mark.real


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """The directory of one run, moved to a place of our own."""
    monkeypatch.setattr(reaper, "STATE", tmp_path)
    (tmp_path / "runs/run").mkdir(parents=True)
    return tmp_path / "runs/run"


def attached(path):
    path.write_bytes(bytes(1 << 20))
    return run(["losetup", "--find", "--show", path]).strip()


def backing(device):
    """The name of the file under a device; empty if there is none."""
    block = Path("/sys/block", Path(device).name, "loop/backing_file")
    return block.read_text().strip() if block.exists() else ""


def test_a_loop_device_is_detached_by_the_identity_of_its_file(runs, tmp_path):
    """Only the devices of this very file are detached: one of the same name elsewhere stays."""
    image, other = runs / "1.img", tmp_path / "1.img"
    ours, theirs = attached(image), attached(other)
    try:
        removed = reaper.undo_image(Item("image", {"path": str(image)}), reaper.RELEASE)
        assert removed == [f"loop device {ours}", f"image {image}"]
        assert not image.exists()
        assert other.exists()
        assert backing(theirs) == str(other)
        wait_until(lambda: str(image) not in run(["losetup", "--list"]), 10, "the device to be free")
    finally:
        run(["losetup", "--detach", theirs])


def test_a_loop_device_is_detached_although_its_file_has_lost_its_name(runs, tmp_path):
    """The ledger's device and inode lead to it; a device over another file of that inode's number is not the run's."""
    image, other = runs / "1.img", tmp_path / "1.img"
    ours, theirs = attached(image), attached(other)
    found = image.stat()
    entries = [
        Item("image", {"path": str(image)}),
        Item("loop", {"path": str(image), "device": found.st_dev, "inode": found.st_ino}),
        Item("loop", {"path": str(image), "device": other.stat().st_dev, "inode": other.stat().st_ino}),
    ]
    image.unlink()
    ledger = tmp_path / "run.jsonl"
    ledger.write_text("")
    try:
        assert backing(ours).endswith("(deleted)")
        done = reaper.undo(DeadRun("run", ledger, tuple(entries), kept=False))
        assert done == reaper.Reaped("run", (f"loop device {ours}",), ())
        assert not backing(ours)
        assert backing(theirs) == str(other)
    finally:
        run(["losetup", "--detach", theirs])


def test_a_ledger_stays_until_its_device_is_released(runs, tmp_path, monkeypatch):
    """A device that somebody holds is told of; the next reap, which finds it free, removes the ledger."""
    monkeypatch.setattr(reaper, "RELEASE", 0.5)
    image, ledger = runs / "1.img", tmp_path / "run.jsonl"
    device = attached(image)
    ledger.write_text("")
    dead = DeadRun("run", ledger, (Item("image", {"path": str(image)}),), kept=False)
    with open(device, "rb"):
        (sentence,) = reaper.undo(dead).left
        assert "to be released" in sentence
        assert image.exists()
        assert ledger.exists()
    assert reaper.undo(dead).left == ()
    assert not image.exists()
    assert not ledger.exists()


def test_F59_a_bind_mount_below_a_runs_directory_is_not_emptied(tmp_path):
    """A bind mount of the same file system in a run's directory stops the removal before anything is deleted."""
    text = textwrap.dedent(f"""
        import subprocess
        from pathlib import Path
        from roadworthy.upkeep import reaper
        from roadworthy.upkeep.ledger import DeadRun, Item

        place = Path({str(tmp_path)!r})
        reaper.STATE = place
        home, precious = place / "runs/run", place / "precious"
        (home / "m").mkdir(parents=True)
        precious.mkdir()
        (precious / "file").write_text("kept")
        subprocess.run(["mount", "--bind", precious, home / "m"], check=True)
        run = DeadRun("run", place / "run.jsonl", (Item("directory", {{"path": str(home)}}),), False)
        (sentence,) = reaper.undo(run).left
        assert "something is mounted at" in sentence, sentence
        assert (precious / "file").read_text() == "kept"
        subprocess.run(["umount", home / "m"], check=True)
        assert reaper.undo(run).left == ()
        assert not home.exists()
        assert (precious / "file").read_text() == "kept"
    """)
    done = subprocess.run(
        ["unshare", "--mount", "--propagation=private", "--", sys.executable, "-c", text],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
