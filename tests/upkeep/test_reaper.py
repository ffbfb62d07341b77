"""The reaper: undoes what ledgers name, by identity, and refuses what no run makes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from roadworthy.upkeep import reaper
from roadworthy.upkeep.ledger import DeadRun, Item, Ledger
from roadworthy.upkeep.reaper import reap, start_time, undo


@pytest.fixture
def roots(tmp_path, monkeypatch):
    """The directories of runs, moved to a place of our own."""
    state, runtime = tmp_path / "state", tmp_path / "runtime"
    (state / "runs").mkdir(parents=True)
    (state / "ledgers").mkdir()
    runtime.mkdir()
    monkeypatch.setattr(reaper, "STATE", state)
    monkeypatch.setattr(reaper, "RUNTIME", runtime)
    monkeypatch.chdir(tmp_path)
    return state, runtime


# What a broken reaper could remove in these tests lies in their own directory: no path or name is one of the host.
def dead(tmp_path, *items):
    path = tmp_path / "run.jsonl"
    path.write_text("")
    return DeadRun("run", path, tuple(Item(kind, identity) for kind, identity in items), kept=False)


def sleeper():
    """A process that lives until it is killed."""
    return subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])


def test_F31_a_runs_directories_and_images_go(roots, tmp_path):
    """What a dead run made is removed, and then its ledger."""
    state, runtime = roots
    home, image = state / "runs/run", state / "runs/run/1.img"
    home.mkdir()
    (home / "d").mkdir()
    image.write_bytes(b"image")
    (runtime / "run/1/m").mkdir(parents=True)
    run = dead(
        tmp_path,
        ("directory", {"path": str(home)}),
        ("directory", {"path": str(runtime / "run")}),
        ("image", {"path": str(image)}),
    )
    done = undo(run)
    assert done.left == ()
    assert done.removed == (f"image {image}", f"directory {runtime / 'run'}", f"directory {home}")
    assert not home.exists()
    assert not run.path.exists()
    assert (state / "runs").is_dir()


def test_what_is_gone_already_is_no_trouble(roots, tmp_path):
    """Things that a run did not come to make, or that went with it, are passed over."""
    state, _ = roots
    run = dead(
        tmp_path,
        ("directory", {"path": str(state / "runs/run")}),
        ("cgroup", {"name": "roadworthy-run"}),
        ("image", {"path": str(state / "runs/run/1.img")}),
        ("capsule", {"pid": 2**22 - 1, "started": 1}),
    )
    assert undo(run) == reaper.Reaped("run", (), ())


@pytest.mark.parametrize(
    "path",
    [
        "{outside}", "{outside}/run", "{state}", "{state}/runs", "{state}/ledgers",
        "{state}/runs/../ledgers", "{runtime}",
        "{state}/runs/run/../../..", "{runtime}/../state/runs", "{state}/runs/run/1", "{state}/link/run",
        "{state}/runs/linked", "{runtime}/..", "outside", "", ".",
    ],
)  # fmt: skip
def test_a_directory_that_no_run_makes_is_refused(roots, tmp_path, path):
    """Only a run's own directory is removed, whatever a ledger says and however it spells it."""
    state, runtime = roots
    outside = tmp_path / "outside"
    (state / "runs/run/1").mkdir(parents=True)
    (outside / "run").mkdir(parents=True)
    (state / "link").symlink_to(outside)
    (state / "runs/linked").symlink_to(outside / "run")
    run = dead(tmp_path, ("directory", {"path": path.format(state=state, runtime=runtime, outside=outside)}))
    (sentence,) = undo(run).left
    assert "is not a directory that a run makes" in sentence
    assert (state / "runs/run/1").is_dir()
    assert (outside / "run").is_dir()
    assert run.path.exists()


@pytest.mark.parametrize("path", ["/", "/run", "/var/lib/roadworthy/runs", ""])
def test_the_hosts_own_directories_are_no_runs(path):
    """The places that hold runs, and those above them, are not a run's directory."""
    assert not reaper.of_a_run(Path(path))


@pytest.mark.parametrize("path", ["{outside}", "{state}/ledgers/x.jsonl", "{state}/runs/run/../../ledgers/x.jsonl"])
def test_an_image_that_no_run_makes_is_refused(roots, tmp_path, path):
    """Only a file in a run's own directory is removed as an image."""
    state, _ = roots
    outside = tmp_path / "outside.img"
    (state / "runs/run").mkdir()
    for file in (outside, state / "ledgers/x.jsonl"):
        file.write_text("no image of a run")
    run = dead(tmp_path, ("image", {"path": path.format(state=state, outside=outside)}))
    (sentence,) = undo(run).left
    assert "is not an image that a run makes" in sentence
    assert outside.exists()
    assert (state / "ledgers/x.jsonl").exists()


@pytest.mark.parametrize("name", ["..", "", "docker", "a/../../b", "roadworthy-x/../../y"])
def test_a_control_group_that_no_run_makes_is_refused(roots, tmp_path, monkeypatch, name):
    """Only a control group with a run's name is removed."""
    hierarchy = tmp_path / "cgroup"
    (hierarchy / "docker").mkdir(parents=True)
    monkeypatch.setattr(reaper, "cgroup_mounts", lambda: [hierarchy])
    (sentence,) = undo(dead(tmp_path, ("cgroup", {"name": name}))).left
    assert "is not a control group that a run makes" in sentence
    assert (hierarchy / "docker").is_dir()


def test_F40_a_control_group_goes_from_every_hierarchy_deepest_first(roots, tmp_path, monkeypatch):
    """The groups of a run are removed from the inside, wherever they are."""
    mounts = [tmp_path / "v1", tmp_path / "v2"]
    for mount in mounts:
        (mount / "roadworthy-run/container").mkdir(parents=True)
    monkeypatch.setattr(reaper, "cgroup_mounts", lambda: mounts)
    assert undo(dead(tmp_path, ("cgroup", {"name": "roadworthy-run"}))).left == ()
    assert not any((mount / "roadworthy-run").exists() for mount in mounts)


def test_a_directory_with_something_mounted_below_is_refused(roots, tmp_path, monkeypatch):
    """A mount below a run's directory stops the removal, also one of the same file system, and the ledger stays."""
    state, _ = roots
    (state / "runs/run/mnt point").mkdir(parents=True)
    (state / "runs/run/mnt point/precious").write_text("")
    monkeypatch.setattr(reaper, "mount_points", lambda: [tmp_path, state / "runs/run/mnt point"])
    run = dead(tmp_path, ("directory", {"path": str(state / "runs/run")}))
    (sentence,) = undo(run).left
    assert "something is mounted at" in sentence
    assert (state / "runs/run/mnt point/precious").exists()
    assert run.path.exists()


def test_mount_points_are_read_with_their_spaces():
    """The mount table is read as the kernel writes it: blanks are octal escapes."""
    line = r"36 35 98:0 /mnt1 /mnt\040two\011x rw,noatime shared:1 - ext3 /dev/root rw"
    assert [str(path) for path in reaper.mount_points(line)] == ["/mnt two\tx"]
    assert os.sep in map(str, reaper.mount_points())


def test_a_capsule_is_killed_by_pid_and_start_time(roots, tmp_path):
    """A capsule's first process is ended where number and start time are those of the ledger."""
    child = sleeper()
    run = dead(tmp_path, ("capsule", {"pid": child.pid, "started": start_time(child.pid)}))
    assert undo(run).removed == (f"capsule {child.pid}",)
    assert child.wait(10) == -9


def test_a_capsule_ends_before_what_it_uses_is_removed(roots, tmp_path):
    """A disk is made after the capsule in which it is mounted, and is free once that has ended."""
    state, _ = roots
    (state / "runs/run").mkdir()
    (state / "runs/run/1.img").touch()
    child = sleeper()
    run = dead(
        tmp_path,
        ("capsule", {"pid": child.pid, "started": start_time(child.pid)}),
        ("image", {"path": str(state / "runs/run/1.img")}),
    )
    assert undo(run).removed == (f"capsule {child.pid}", f"image {state / 'runs/run/1.img'}")
    child.wait(10)


def test_F33_a_process_with_another_start_time_is_not_killed(roots, tmp_path):
    """A process id that now belongs to another program is left alone."""
    child = sleeper()
    run = dead(tmp_path, ("capsule", {"pid": child.pid, "started": start_time(child.pid) - 1}))
    assert undo(run) == reaper.Reaped("run", (), ())
    assert child.poll() is None
    child.kill()
    child.wait(10)


def test_the_start_time_is_read_past_any_name(tmp_path):
    """A process may be called anything, blanks and brackets included."""
    name = tmp_path / "a) S (b"
    name.symlink_to("/bin/sleep")
    child = subprocess.Popen([name, "1000"])
    assert start_time(child.pid) > 0
    child.kill()
    child.wait(10)
    assert start_time(child.pid) is None


@pytest.mark.parametrize(
    "item", [("pool", {"name": "x"}), ("image", {}), ("directory", {"path": 5}), ("capsule", {"pid": "x"})]
)
def test_what_the_reaper_does_not_understand_stays_and_is_told(roots, tmp_path, item):
    """An entry of another release, or without its identity, is left with a sentence, and does not end the run."""
    run = dead(tmp_path, item)
    (sentence,) = undo(run).left
    assert item[0] in sentence
    assert run.path.exists()


def test_one_thing_that_will_not_go_does_not_keep_the_others(roots, tmp_path):
    """A failure is noted, everything else is still undone, and the ledger is kept."""
    state, _ = roots
    (state / "runs/run").mkdir()
    refused = str(tmp_path / "outside")
    run = dead(tmp_path, ("directory", {"path": str(state / "runs/run")}), ("directory", {"path": refused}))
    done = undo(run)
    assert len(done.left) == 1
    assert not (state / "runs/run").exists()
    assert run.path.exists()


def test_a_ledger_that_cannot_be_read_does_not_keep_the_others(roots):
    """It is told, stays, and what other ledgers name is removed."""
    state, _ = roots
    (state / "runs/run").mkdir()
    ledger = Ledger(state / "ledgers")
    ledger.intend("directory", path=str(state / "runs/run"))
    ledger.close()
    broken = state / "ledgers/000.jsonl"
    broken.mkdir()
    told, done = reap(ledgers=state / "ledgers")
    assert told.left == (f"all that {broken} names: [Errno 21] Is a directory: '{broken}'",)
    assert (done.run, done.left) == (ledger.run, ())
    assert not (state / "runs/run").exists()


def test_F32_a_living_run_is_not_touched(roots):
    """Reaping passes over runs whose owner is alive, and undoes the dead ones."""
    state, _ = roots
    runs = []
    for name in ("alive", "dead"):
        (state / "runs" / name).mkdir()
        runs.append(Ledger(state / "ledgers"))
        runs[-1].intend("directory", path=str(state / "runs" / name))
    runs[1].close()
    (done,) = reap(ledgers=state / "ledgers")
    assert done.run == runs[1].run
    assert (state / "runs/alive").is_dir()
    assert not (state / "runs/dead").exists()
    assert runs[0].path.exists()
    runs[0].close()


def test_a_kept_run_goes_only_when_asked(roots):
    """What a user wanted to keep is removed by an explicit reap alone."""
    state, _ = roots
    (state / "runs/kept").mkdir()
    ledger = Ledger(state / "ledgers")
    ledger.intend("directory", path=str(state / "runs/kept"))
    ledger.keep()
    ledger.close()
    assert reap(ledgers=state / "ledgers") == []
    assert (state / "runs/kept").is_dir()
    assert len(reap(kept=True, ledgers=state / "ledgers")) == 1
    assert not (state / "runs/kept").exists()


def test_nothing_to_reap_is_nothing(tmp_path):
    """A host on which no run ever was has nothing to reap."""
    assert reap(ledgers=tmp_path / "nowhere") == []


def test_a_loop_device_is_known_by_the_kernels_form_of_its_files_device():
    """Large minor numbers are split around the major number, as the kernel's huge_encode_dev does."""
    assert reaper.kernel_device(os.makedev(8, 1)) == 0x801
    assert reaper.kernel_device(os.makedev(0x103, 0x12345)) == 0x12310345
