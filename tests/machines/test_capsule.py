"""The end of a capsule."""

import os
import subprocess
from pathlib import Path

import pytest

from roadworthy.deadline import wait_until
from roadworthy.guests.capsule import FIRST
from roadworthy.machines import capsule as capsules
from roadworthy.machines.capsule import Capsule
from roadworthy.machines.children import children
from roadworthy.upkeep import reaper
from roadworthy.upkeep.ledger import Ledger


def test_a_capsule_may_end_by_itself_while_it_is_closed(monkeypatch):
    """Its first process ends with its input; that it is gone when it would be killed is no trouble."""

    def gone(pid, number):
        raise ProcessLookupError(3, "No such process")

    monkeypatch.setattr(capsules.os, "kill", gone)
    made = Capsule.__new__(Capsule)
    made._keep, made._image, made._loops, made._started, made._disk = False, None, [], [], None
    made._outer = subprocess.Popen(
        ["sh", "-c", "read nothing; exec sleep 0.2"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    made.pid = made._outer.pid
    made.close()
    assert made._outer.poll() is not None


@pytest.mark.real
def test_nothing_that_was_started_inside_is_left_unwaited(tmp_path):
    """Its processes on this host end with it, and are waited for: nobody else would do it."""
    ledger = Ledger(tmp_path)
    capsule = Capsule(ledger, runtime=tmp_path)
    started = capsule.start(["sleep", "60"], tmp_path / "log")
    capsule.close()
    ledger.close()
    assert started.returncode is not None


@pytest.mark.real
def test_a_kernel_without_lists_of_children_has_capsules(tmp_path, monkeypatch):
    """/proc/PID/task/TID/children needs CONFIG_PROC_CHILDREN, which a kernel of one's own may lack."""
    read = Path.read_text

    def without(path, *words, **named):
        if path.name == "children":
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return read(path, *words, **named)

    monkeypatch.setattr(Path, "read_text", without)
    ledger = Ledger(tmp_path)
    capsule = Capsule(ledger, runtime=tmp_path)
    try:
        assert capsule.run(["sh", "-c", "echo $$ is not 1; cat /proc/1/cmdline"]).endswith("capsule_init.py\0")
    finally:
        capsule.close()
        ledger.close()


def test_the_first_process_of_a_guests_capsule_says_its_number(tmp_path):
    """The number is the one by which processes outside know it, and inside it is the first of a /proc of its own."""
    namespaces = ["unshare", "--user", "--map-root-user", "--pid", "--mount", "--fork", "--kill-child=KILL"]
    with subprocess.Popen([*namespaces, "sh", "-c", FIRST, "sh", str(tmp_path / "first")]) as outer:
        try:
            said = tmp_path / "first"
            wait_until(lambda: said.exists() and said.read_text().endswith("\n"), 10, "the first process to speak")
            pid = int(said.read_text())
            assert [pid] == children(outer.pid)
            assert os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{outer.pid}/ns/pid_for_children")
            assert Path(f"/proc/{pid}/root/proc/1/cmdline").read_text().startswith("sh\0-c\0")
        finally:
            outer.kill()


def attached(directory):
    """The loop devices of this host whose files lie, or have lain, below a directory."""
    files = [block / "loop/backing_file" for block in Path("/sys/block").glob("loop*")]
    return [file.parents[1].name for file in files if file.exists() and str(directory) in file.read_text()]


@pytest.mark.real
def test_a_device_that_was_never_mounted_is_detached(tmp_path):
    """A disk on which no file system came to be goes with its capsule, and so does its loop device."""
    ledger = Ledger(tmp_path)
    capsule = Capsule(ledger, image=tmp_path / "disk.img", runtime=tmp_path)
    capsule.disks(64 << 20)
    assert len(attached(tmp_path)) == 1
    capsule.close()
    ledger.close()
    assert attached(tmp_path) == []


@pytest.mark.real
def test_a_device_is_detached_although_its_file_has_lost_its_name(tmp_path):
    """A device is known by the inode of its file; somebody may have removed the name of it."""
    ledger = Ledger(tmp_path)
    capsule = Capsule(ledger, image=tmp_path / "disk.img", runtime=tmp_path)
    capsule.disks(64 << 20)
    (tmp_path / "disk.img").unlink()
    assert len(attached(tmp_path)) == 1
    capsule.close()
    ledger.close()
    assert attached(tmp_path) == []


@pytest.mark.real
def test_a_device_that_is_not_released_keeps_its_file(tmp_path, monkeypatch):
    """Where a device stays in use, closing says so and leaves the file, by which a reaper finds the device."""
    monkeypatch.setattr(reaper, "RELEASE", 0.5)
    ledger = Ledger(tmp_path)
    capsule = Capsule(ledger, image=tmp_path / "disk.img", runtime=tmp_path)
    try:
        with open(*capsule.disks(64 << 20), "rb"):
            with pytest.raises(TimeoutError, match=r"loop devices over .*disk.img to be released"):
                capsule.close()
            assert (tmp_path / "disk.img").exists()
    finally:
        capsule.close()
        ledger.close()
    assert attached(tmp_path) == []
    assert not (tmp_path / "disk.img").exists()


@pytest.mark.real
def test_a_power_cut_keeps_what_was_synced_and_nothing_else(tmp_path):
    """The capsule that goes on has the directories, and a disk with what had reached it; the first one has ended."""
    ledger = Ledger(tmp_path)
    (mountpoint := tmp_path / "m").mkdir()
    capsule = Capsule(ledger, image=tmp_path / "disk.img", runtime=tmp_path)
    try:
        (device,) = capsule.disks(64 << 20)
        capsule.run(["mkfs.ext4", "-q", device])
        capsule.run(["mount", device, str(mountpoint)])
        capsule.settled(device)
        capsule.run(["sh", "-c", f"cd {mountpoint}; echo kept >f; sync; echo lost >f; echo lost >g"])
        again, (copied,) = capsule.after_power_cut()
        try:
            assert capsule._outer.poll() is not None
            again.run(["mount", copied, str(mountpoint)])
            assert again.run(["sh", "-c", f"cd {mountpoint}; ls; cat f"]).split() == ["f", "lost+found", "kept"]
        finally:
            again.close()
    finally:
        capsule.close()
        ledger.close()
    assert [path.name for path in tmp_path.glob("*.img")] == []
    assert attached(tmp_path) == []
