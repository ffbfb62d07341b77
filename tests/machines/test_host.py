"""This host as a machine: what its kernel has, and what its owner is told where it has not."""

import os
from types import SimpleNamespace

import pytest

from roadworthy.machines import host as machines
from roadworthy.machines import loop_device
from roadworthy.machines.host import Host
from roadworthy.programs import ENVIRONMENT
from roadworthy.supplies.packages import needs
from roadworthy.versions import series

RELEASE = "6.1.0-50-amd64"


@pytest.fixture
def host(tmp_path):
    """A host whose root directory is a fake one, with these files."""

    def host(**files):
        names = {
            "filesystems": "proc/filesystems",
            "dep": f"lib/modules/{RELEASE}/modules.dep",
            "builtin": f"lib/modules/{RELEASE}/modules.builtin",
            "tainted": "proc/sys/kernel/tainted",
        }
        for name, text in files.items():
            path = tmp_path / names[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        found = Host(tmp_path)
        found.release = RELEASE
        return found

    return host


def test_a_file_system_that_the_kernel_lists_is_met(host):
    """A file system in /proc/filesystems can be used, with or without a device."""
    found = host(filesystems="nodev\toverlay\n\text4\n")
    assert found.filesystem("overlay").met
    assert found.filesystem("ext4").met


def test_a_file_system_as_a_module_is_a_sentence_to_act_on(host):
    """A file system whose module lies there takes a modprobe, which the user can do."""
    need = host(filesystems="\text4\n", dep="kernel/fs/btrfs/btrfs.ko.xz: kernel/lib/raid6.ko\n").filesystem("btrfs")
    assert (need.met, need.reason, need.host) == (False, "needs the btrfs file system: modprobe btrfs", True)


def test_F28_a_file_system_that_the_kernel_has_not_is_unsupported(host):
    """A file system that is nowhere cannot be had on this kernel, and its release is named."""
    need = host(filesystems="\text4\n", dep="kernel/fs/notbtrfs.ko:\n").filesystem("btrfs")
    assert not need.met
    assert not need.host
    assert need.reason == f"needs the btrfs file system: this kernel ({RELEASE}) has none"


def test_a_host_that_shows_nothing_has_nothing(host):
    """Where /proc and /lib/modules are missing, nothing is met and nothing raises."""
    assert not host().filesystem("overlay").met
    assert not host().module("dm_mod", "the device mapper").met


@pytest.mark.parametrize("where", ["loaded", "builtin"])
def test_a_module_is_met_loaded_or_built_in(host, tmp_path, where):
    """A module counts where it is loaded, and where it is built in under its file's name."""
    found = host(builtin="kernel/drivers/md/dm-mod.ko\n" if where == "builtin" else "")
    if where == "loaded":
        (tmp_path / "sys/module/dm_mod").mkdir(parents=True)
    assert found.module("dm_mod", "the device mapper").met


def test_a_module_that_can_be_loaded_is_a_sentence_to_act_on(host):
    """A module that lies there takes a modprobe; dashes and underlines are the same."""
    need = host(dep="kernel/drivers/md/dm-thin-pool.ko.xz: kernel/drivers/md/dm-mod.ko\n").module(
        "dm_thin_pool", "thin targets"
    )
    assert (need.met, need.reason, need.host) == (False, "needs thin targets: modprobe dm_thin_pool", True)


def test_a_module_that_is_nowhere_is_unsupported(host):
    """A module that the kernel has not cannot be had by its user."""
    need = host(dep="", builtin="").module("dm_mod", "the device mapper")
    assert (need.met, need.reason, need.host) == (False, "needs the device mapper: this kernel has no dm_mod", False)


def test_a_program_that_is_missing_is_a_package_to_install(host, tmp_path, monkeypatch):
    """It is looked for where daemons will find it."""
    monkeypatch.setitem(ENVIRONMENT, "PATH", str(tmp_path))
    need = host().command("dockerd")
    assert (need.met, need.reason, need.host) == (False, needs("dockerd"), True)
    (tmp_path / "dockerd").write_text("")
    (tmp_path / "dockerd").chmod(0o755)
    assert host().command("dockerd").met


def test_root_of_the_host_is_a_precondition(host, monkeypatch):
    """Without root, or with less than its rights, the user is told what they are needed for."""
    monkeypatch.setattr(machines, "effective", lambda: 0)
    monkeypatch.setattr(machines, "user_ids", lambda: ["0", "1000", "1"])
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    need = host().privilege()
    assert (need.met, need.host) == (False, True)
    assert "run it as root, or with sudo" in need.reason
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for reason in ("needs CAP_SYS_ADMIN", "root of a user namespace only"):
        need = host().privilege()
        assert (need.met, need.host, reason in need.reason) == (False, True, True)
        monkeypatch.setattr(machines, "effective", lambda: 1 << machines.CAP_SYS_ADMIN)
    monkeypatch.setattr(machines, "user_ids", lambda: machines.WHOLE_HOST)
    assert host().privilege().met


def test_a_device_is_one_that_can_be_opened(host, tmp_path):
    """A file of another kind, or none, is a precondition, with the command that makes the device."""
    assert host().device("/dev/null", 1, 3).met
    for path in (tmp_path / "none", tmp_path, "/dev/zero"):
        need = host().device(str(path), 1, 3)
        assert (need.met, need.host) == (False, True)
        assert f"mknod {path} c 1 3" in need.reason


def test_parameters_of_a_module_are_read(host, tmp_path):
    """A module's parameters come as text, and those that cannot be read are left out."""
    directory = tmp_path / "sys/module/overlay/parameters"
    directory.mkdir(parents=True)
    (directory / "redirect_dir").write_text("N\n")
    (directory / "unreadable").mkdir()
    assert host().module_parameters("overlay") == {"redirect_dir": "N"}
    assert host().module_parameters("nothing") == {}


def test_facts_are_exact(host):
    """The facts of a kernel carry its whole release and its taint."""
    found = host(tainted="512\n").facts()
    assert (found["release"], found["tainted"]) == (RELEASE, "512")


@pytest.mark.parametrize(
    ("release", "found"), [("6.1.0-50-amd64", "6.1"), ("5.10", "5.10"), ("7.2-rc3", "7.2"), ("odd", "odd")]
)
def test_a_series_is_two_numbers(release, found):
    """Ids carry the series of a kernel only."""
    assert series(release) == found


def test_a_place_whose_disk_writes_a_log_is_not_kept(monkeypatch, tmp_path):
    """With --keep its daemons would stay on disks that the next cut writes over."""
    made = []
    monkeypatch.setattr(machines, "Capsule", lambda ledger, keep, **more: made.append(keep))
    site = SimpleNamespace(ledger=None, keep=True, next=lambda: (tmp_path / "1.img", tmp_path))
    for logged in (False, True):
        Host().place(site, logged)
    assert made == [True, False]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (None, "modprobe loop, or mknod"),
        ("no device", "gives none (Inappropriate ioctl for device)"),
    ],
    ids=["no control", "no device"],
)
def test_F26_loop_devices_that_cannot_be_had_are_a_precondition(host, monkeypatch, tmp_path, made, said):
    """A container without them is told what to make, before a daemon is started on nothing."""
    control = tmp_path / "loop-control"
    if made is not None:
        control.write_text(made)
    monkeypatch.setattr(loop_device, "CONTROL", control)
    need = host().disk()
    assert (need.met, need.host) == (False, True)
    assert said in need.reason
    assert str(control) in need.reason


def test_a_loop_device_without_a_node_is_told(host, monkeypatch, tmp_path):
    """The kernel names a free one; a /dev of a container's own has no file for it."""
    (tmp_path / "loop-control").touch()
    monkeypatch.setattr(loop_device, "CONTROL", tmp_path / "loop-control")
    monkeypatch.setattr(loop_device.fcntl, "ioctl", lambda *_: 7)
    said = f"cannot use {tmp_path}/loop7 (No such file or directory): mknod {tmp_path}/loop7 b 7 7"
    assert said in host().disk().reason
    (tmp_path / "loop7").touch()
    assert host().disk().met
