"""`roadworthy doctor`: what can run here, what Docker would choose, and which recorded breaks that meets."""

import json
from pathlib import Path

import pytest
from asked import ask

from roadworthy.command import diagnosis
from roadworthy.command.diagnosis import Choice
from roadworthy.drivers import DRIVERS
from roadworthy.engine_name import EngineName
from roadworthy.machines.host import Host
from roadworthy.machines.machine import Requirement
from roadworthy.supplies import kernel_lists
from roadworthy.supplies.engine_roots import ENGINES
from roadworthy.supplies.kernels import SERIES
from roadworthy.verdict import deviations

ROOT = Path(__file__).parents[2]
RECORDED = deviations.load(ROOT / "conformance/deviations")


@pytest.fixture
def data_root(monkeypatch, tmp_path):
    """A data root of Docker's on ext4, with nothing in it, and no configuration file."""
    monkeypatch.setattr(diagnosis, "CONFIGURATION", tmp_path / "daemon.json")
    monkeypatch.setattr(diagnosis, "DATA_ROOT", tmp_path / "docker")
    monkeypatch.setattr(diagnosis, "file_system", lambda path: "ext4")
    monkeypatch.setattr(Host, "filesystem", lambda self, name: Requirement(True, ""))
    return tmp_path / "docker"


def test_everything_is_in_the_answer(data_root, package_lists, monkeypatch):
    """Every driver on every backing, every engine and every kernel: how it runs, or the one thing to do.

    Kernels are those of releases and, without reading them again, those of the package lists.
    """
    monkeypatch.setattr(kernel_lists, "last_listed", lambda cache: package_lists)
    done = ask("doctor", "--json")
    assert done.exit_code in (0, 3)
    found = json.loads(done.stdout)
    pairs = [(one["name"], one["backing"]) for one in found["drivers"]]
    assert sorted(pairs) == sorted((name, backing) for name, one in DRIVERS.items() for backing in one.backings)
    assert [one["name"] for one in found["engines"]] == ["host", *ENGINES]
    assert [one["name"] for one in found["kernels"]] == ["host", "5.10", "6.1", "6.12", "6.18", "7.2", "7.3"]
    assert {"6.18", "7.3"}.isdisjoint(SERIES)
    for one in [*found["drivers"], *found["engines"], *found["kernels"]]:
        assert bool(one["how"]) is one["yes"], one
        assert bool(one["do"]) is not one["yes"], one


def test_a_host_where_nothing_can_run_has_no_answer(monkeypatch, data_root):
    """Its user is told the one thing to do, and the status says so."""
    said = Requirement(False, "needs root to mount and to start a daemon: run it as root, or with sudo", host=True)
    monkeypatch.setattr(Host, "privilege", lambda self: said)
    done = ask("doctor")
    assert done.exit_code == 3
    assert "run it as root, or with sudo" in done.stdout


def test_a_driver_that_needs_another_kernel_names_one(monkeypatch):
    """The series on which the full matrix has it."""
    monkeypatch.setattr(Host, "privilege", lambda self: Requirement(True, ""))
    monkeypatch.setattr(Host, "command", lambda self, name: Requirement(True, ""))
    monkeypatch.setattr(Host, "module", lambda self, name, purpose: Requirement(False, "this kernel has none"))
    found = {one.name: one for one in diagnosis.drivers(Host(), EngineName("docker", "20.10"))}
    assert (found["devicemapper"].yes, found["devicemapper"].how) == (True, "--kernel=6.1, in a virtual machine")
    monkeypatch.setattr(Host, "command", lambda self, name: Requirement(False, f"needs {name}", host=True))
    found = {one.name: one for one in diagnosis.drivers(Host(), EngineName("docker", "20.10"))}
    assert found["devicemapper"].do == "this kernel has none; --kernel=6.1 has it: needs qemu-system-x86_64"


def test_docker_takes_what_is_preferred_on_the_file_system(data_root, monkeypatch):
    """On an empty data root; the same table says so to the check plumb/auto-selection."""
    assert diagnosis.choice(Host()).driver == "overlay2"
    monkeypatch.setattr(diagnosis, "file_system", lambda path: "btrfs")
    assert diagnosis.choice(Host()).driver == "btrfs"
    monkeypatch.setattr(diagnosis, "file_system", lambda path: "nfs4")
    assert diagnosis.choice(Host()) == Choice(
        "", "nfs4", str(data_root), "no check has asked what Docker chooses on nfs4"
    )


def test_docker_takes_what_the_data_root_has(data_root):
    """Layers of one driver decide; layers of two make the daemon refuse."""
    (data_root / "vfs/dir").mkdir(parents=True)
    (data_root / "overlay2/l").mkdir(parents=True)  # made by every start, also by one that took another driver
    assert (diagnosis.choice(Host()).driver, diagnosis.choice(Host()).why) == ("vfs", "the data root has layers of it")
    (data_root / "overlay2/0123").mkdir()
    assert diagnosis.choice(Host()).driver == ""
    assert "dockerd refuses to choose" in diagnosis.choice(Host()).why


def test_docker_takes_what_its_configuration_names(data_root, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "daemon.json").write_text(json.dumps({"storage-driver": "btrfs", "data-root": str(elsewhere)}))
    found = diagnosis.choice(Host())
    assert (found.driver, found.data_root) == ("btrfs", str(elsewhere))
    (tmp_path / "daemon.json").write_text("[]")
    assert diagnosis.choice(Host()).driver == "overlay2"


def met(driver, backing, monkeypatch, upstream="6.18", **parameters):
    """The ids of the recorded breaks on a host with this kernel and these parameters of overlayfs."""
    monkeypatch.setattr(Host, "upstream", upstream)
    monkeypatch.setattr(Host, "module_parameters", lambda self, name: parameters)
    chosen = Choice(driver, backing, "/", "")
    return {one.check for one in diagnosis.breaks(chosen, Host(), EngineName("docker", "20.10"), RECORDED)}


def test_breaks_are_those_whose_condition_the_host_fulfils(monkeypatch):
    """Driver, backing, kernel and parameters count."""
    assert "rename/merged-dir" in met("overlay2", "ext4", monkeypatch, redirect_dir="N", metacopy="N")
    assert "rename/merged-dir" not in met("overlay2", "ext4", monkeypatch, redirect_dir="Y", metacopy="N")
    assert "rename/merged-dir" not in met("btrfs", "btrfs", monkeypatch)
    assert "copyup/chmod-copies-data" not in met("overlay2", "xfs", monkeypatch)
    assert "copyup/fileattr-flags-kept" in met("overlay2", "ext4", monkeypatch, upstream="5.10")
    assert "copyup/fileattr-flags-kept" not in met("overlay2", "ext4", monkeypatch, upstream="6.1")
    assert met("", "ext4", monkeypatch) == set()


def test_a_file_system_is_that_of_what_is_there(tmp_path):
    """A path that is not there yet lies on the file system of the directory that is."""
    assert diagnosis.file_system(tmp_path / "a/b/c") == diagnosis.file_system(tmp_path)
    assert diagnosis.file_system(Path("/proc/self")) == "proc"
