"""A lane before it is brought up: the reasons why it cannot be."""

import dataclasses
from types import SimpleNamespace

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.engine_name import EngineName
from roadworthy.lane.lanes import Lane
from roadworthy.lane.needs import refuse_unmet, requirements
from roadworthy.machines.host import Host
from roadworthy.machines.machine import Requirement
from roadworthy.machines.mode import USERNS_REMAP
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.supplies.packages import needs


def machine(met, host=False):
    """A machine that has everything, or nothing."""
    answer = Requirement(met, "needs what is not there", host)
    return SimpleNamespace(
        filesystem=lambda *_: answer, module=lambda *_: answer, command=lambda *_: answer, privilege=lambda: answer,
        own_kernel=lambda *_: answer, disk=lambda: answer, calls=(),
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
def test_F46_a_driver_that_the_engine_has_not_is_the_first_reason(met, name, engine, reason):
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


def test_a_mode_with_a_user_namespace_needs_one_of_the_kernel(tmp_path):
    """A kernel that allows none is named with the setting; one that has none with its configuration."""
    host, remapped = Host(tmp_path), dataclasses.replace(lane("vfs", EngineName("docker", "20.10")), mode=USERNS_REMAP)
    for directory in ("proc/self/ns", "proc/sys/user"):
        (tmp_path / directory).mkdir(parents=True)
    asked = [need for need in requirements(remapped, host) if "user namespaces" in need.reason]
    assert [(need.host, need.reason.partition(": ")[2]) for need in asked] == [
        (False, "this kernel is built without CONFIG_USER_NS")
    ]
    (tmp_path / "proc/self/ns/user").touch()
    (tmp_path / "proc/sys/user/max_user_namespaces").write_text("0\n")
    (asked,) = [need for need in requirements(remapped, host) if "user namespaces" in need.reason]
    assert (asked.host, asked.reason.partition(": ")[2]) == (True, "sysctl user.max_user_namespaces=15000")
    (tmp_path / "proc/sys/user/max_user_namespaces").write_text("96365\n")
    assert not [need for need in requirements(remapped, host) if "user namespaces" in need.reason]


def lacking(*, programs=(), root=True, disk=True, module=True, own=True):
    """A machine that has all but this."""
    return SimpleNamespace(
        filesystem=lambda _: Requirement(True, ""),
        module=lambda *_: Requirement(module, "this kernel has no dm_mod"),
        command=lambda name: Requirement(name not in programs, needs(name), host=True, program=name),
        privilege=lambda: Requirement(root, "needs root", host=True),
        disk=lambda: Requirement(disk, "needs loop devices", host=True),
        own_kernel=lambda _: Requirement(own, "run it in a virtual machine", host=True),
        calls=("losetup",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (lacking(programs=["dockerd", "mkfs.ext4", "losetup"]), needs("dockerd", "losetup", "mkfs.ext4")),
        (lacking(programs=["runc"], root=False, disk=False), f"needs root; {needs('runc')}"),
        (lacking(programs=["runc"], disk=False), f"needs loop devices; {needs('runc')}"),
    ],
    ids=["programs", "root and a program", "devices and a program"],
)
def test_all_that_is_missing_is_said_at_once(machine, said):
    """Who has installed one thing is not told of the next; devices are looked for by root, who may."""
    with pytest.raises(Precondition) as raised:
        refuse_unmet(lane("overlay2", EngineName("docker", "20.10")), machine)
    assert str(raised.value) == said


def test_what_nobody_can_mend_is_said_alone():
    """To install programs for a kernel that cannot run the lane would be in vain."""
    with pytest.raises(Unsupported, match=r"^this kernel has no dm_mod$"):
        refuse_unmet(lane("devicemapper", EngineName("docker", "20.10")), lacking(programs=["runc"], module=False))


def test_a_lane_for_a_virtual_machine_says_only_that():
    """Programs of this host play no part there."""
    with pytest.raises(Precondition, match=r"^run it in a virtual machine$"):
        refuse_unmet(lane("devicemapper", EngineName("docker", "20.10")), lacking(programs=["runc"], own=False))
