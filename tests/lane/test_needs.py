"""A lane before it is brought up: the first reason why it cannot be."""

from types import SimpleNamespace

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.engine_name import EngineName
from roadworthy.lane.lanes import Lane
from roadworthy.lane.needs import refuse_unmet
from roadworthy.machines.machine import Requirement
from roadworthy.reasons import Precondition, Unsupported


def machine(met, host=False):
    """A machine that has everything, or nothing."""
    answer = Requirement(met, "needs what is not there", host)
    return SimpleNamespace(
        filesystem=lambda *_: answer, module=lambda *_: answer, command=lambda *_: answer, privilege=lambda: answer,
        own_kernel=lambda *_: answer,
    )  # fmt: skip


def lane(name, engine):
    return Lane(DRIVERS[name], DRIVERS[name].backings[0], engine, "linux6.1")


@pytest.mark.parametrize("met", [True, False])
@pytest.mark.parametrize(
    ("name", "engine", "reason"),
    [
        ("overlay", EngineName("docker", "26.1"), "removed in Docker 24.0"),
        ("aufs", EngineName("docker", "26.1"), "removed in Docker"),
        ("devicemapper", EngineName("docker", "25.0"), "removed in Docker 25.0"),
        ("containerd:erofs", EngineName("docker", "26.1"), "came with Docker 28.5"),
        ("containerd:overlayfs", EngineName("docker", "20.10"), "came with Docker 25.0"),
    ],
)
def test_a_driver_that_the_engine_has_not_is_the_first_reason(met, name, engine, reason):
    """What the kernel lacks besides would be advice that helps nobody."""
    with pytest.raises(Unsupported, match=reason):
        refuse_unmet(lane(name, engine), machine(met))


@pytest.mark.parametrize(
    ("name", "engine"), [("overlay", EngineName("docker", "20.10")), ("containerd:erofs", EngineName("docker", "28.5"))]
)
def test_a_driver_that_the_engine_has_is_asked_about_the_machine(name, engine):
    """A lack that the user can mend is a precondition, another one is unsupported."""
    refuse_unmet(lane(name, engine), machine(True))
    for host, kind in ((True, Precondition), (False, Unsupported)):
        with pytest.raises(kind, match="needs what is not there"):
            refuse_unmet(lane(name, engine), machine(False, host))
