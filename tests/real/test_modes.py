"""Daemons in modes with a user namespace: what they are told is theirs alone, and goes with them."""

from pathlib import Path

import pytest
from private_daemon import private_daemon

from roadworthy.upkeep.ledger import RUNTIME

pytestmark = pytest.mark.real

HOSTS_FILES = [Path("/etc", name) for name in ("passwd", "group", "subuid", "subgid")]


def hosts():
    """What this host's files of users say."""
    return [path.read_text() if path.exists() else None for path in HOSTS_FILES]


def test_remapped_users_are_those_of_the_place():
    """The daemon finds its subordinate ids; this host's files have none of them, and no directory is left behind."""
    before, there = hosts(), {path.name for path in RUNTIME.iterdir()}
    with private_daemon("vfs", mode="userns-remap") as engine:
        said = engine.info()
        assert "name=userns" in said["SecurityOptions"]
        assert said["DockerRootDir"] == str(engine.data_root)
        assert engine.data_root.name == "100000.100000"
        assert hosts() == before
    assert {path.name for path in RUNTIME.iterdir() if ".100000" in path.name} <= there


@pytest.mark.builds
def test_a_rootless_daemon_is_a_user_of_the_place():
    """The daemon says so, its process is no root of this host, and this host's files do not know the user."""
    before = hosts()
    with private_daemon("vfs", root="docker-28.5", mode="rootless") as engine:
        assert "name=rootless" in engine.info()["SecurityOptions"]
        status = (engine.proc(engine.daemon_pid()) / "status").read_text()
        assert next(line.split()[1] for line in status.splitlines() if line.startswith("Uid:")) == "99999"
        assert hosts() == before
