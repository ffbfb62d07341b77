"""What a node of a fleet is asked: can this lane run here, and if not, what is the one thing to do."""

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.engine_name import EngineName
from roadworthy.lane import can_run
from roadworthy.lane.can_run import why_not
from roadworthy.lane.lanes import Lane
from roadworthy.machines.host import Host
from roadworthy.machines.machine import Requirement

MET = Requirement(True, "")


@pytest.fixture
def host(monkeypatch):
    """A host on which every need is met, but for those that a test names."""
    lacking = {}
    for name in ("filesystem", "command", "module"):
        monkeypatch.setattr(Host, name, lambda self, what, *_: lacking.get(what, MET))
    for name in ("privilege", "disk"):
        monkeypatch.setattr(Host, name, lambda self: MET)
    monkeypatch.setattr(can_run, "cached_root", lambda root: None)
    found = Host()
    found.lacking = lacking
    return found


def lane(driver="overlay2", series="20.10", root="", source="host"):
    return Lane(
        DRIVERS[driver], DRIVERS[driver].backings[0], EngineName("docker", series), "linux6.1", (), root, source
    )


@pytest.mark.parametrize(
    ("asked", "lacks"),
    [
        (lane(), "overlay"), (lane(), "mkfs.ext4"), (lane(root="docker-28.5"), "overlay"),
        (lane(root="docker-28.5"), "mmdebstrap"), (lane(root="docker-28.5", source="6.1"), "qemu-system-x86_64"),
    ],
    ids=["file system", "program", "file system of an engine root", "what makes the root", "what boots the kernel"],
)  # fmt: skip
def test_what_is_missing_is_told(host, asked, lacks):
    """And nothing if it is there."""
    assert why_not(asked, host) == ""
    host.lacking[lacks] = Requirement(False, f"needs {lacks}")
    assert why_not(asked, host) == f"needs {lacks}"


def test_a_guest_has_a_kernel_of_its_own(host):
    """What this host's kernel lacks does not matter to a lane that boots another."""
    host.lacking["overlay"] = Requirement(False, "needs overlay")
    assert why_not(lane(root="docker-28.5", source="6.1"), host) == ""


def test_an_engine_that_lacks_the_driver_and_a_kernel_that_is_elsewhere(host):
    assert "removed in Docker 24.0" in why_not(lane("overlay", "28.5", "docker-28.5"), host)
    said = why_not(lane(root="docker-28.5", source="/nowhere/bzImage"), host)
    assert said == "needs the kernel /nowhere/bzImage, which is not on this host"


def test_a_lane_travels_as_values():
    """What is made from them on another host is the lane."""
    for one in (lane(), lane("vfs", "28.5", "docker-28.5", "6.1")):
        there = Lane.from_values(one.as_values())
        assert there == one
        assert there.id == one.id
