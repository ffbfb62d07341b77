"""What can be turned follows from a deviation's condition, and leads to no other recorded break of the check."""

from pathlib import Path

import pytest

from roadworthy.verdict.deviations import Deviation, load
from roadworthy.verdict.knobs import knobs

RECORDED = load(Path(__file__).parents[2] / "conformance/deviations").entries


def entry(check="family/behaviour", **when):
    conditions = {key: (value,) if isinstance(value, str) else tuple(value) for key, value in when.items()}
    return Deviation(check, conditions, "signature", "why", "source", "file.toml", 1)


@pytest.mark.parametrize(
    ("when", "turned"),
    [
        ({"driver": "vfs"}, []),
        ({"driver": "overlay2", "metacopy": ["off", "absent"]}, ["metacopy=on"]),
        ({"driver": "overlay2", "backing": ["ext4", "tmpfs"]}, ["a data root on xfs or btrfs"]),
        ({"driver": "overlay2", "kernel": "<5.15"}, ["a kernel that is not <5.15"]),
        ({"engine": "docker <23.0"}, ["an engine that is not docker <23.0"]),
        ({"engine": "docker"}, []),
        ({"driver": "containerd:overlayfs", "sync_fs": "absent"}, ["sync_fs"]),
    ],
)  # fmt: skip
def test_a_condition_names_what_can_be_turned(when, turned):
    assert [knob.partition(",")[0] for knob in knobs(entry(**when), [])] == turned


def test_what_leads_to_another_break_is_none():
    """A backing or a parameter with an entry of its own helps nobody; an entry of another driver does not count."""
    here = entry(driver="overlay2", backing="ext4")
    there = entry(driver="overlay2", backing=["xfs", "tmpfs"])
    foreign = entry(driver="vfs", backing="btrfs")
    assert knobs(here, [here, there, foreign]) == ["a data root on btrfs"]


@pytest.mark.parametrize("switch", ["index", "nfs_export"])
def test_what_an_engine_turns_off_itself_is_none(switch):
    """Docker and containerd mount with index=off, with which the kernel has no NFS export, either."""
    found = entry(built_on="overlayfs", **{switch: "off"})
    assert knobs(found, [], "overlay2") == []
    assert knobs(found, [], "overlay") == [
        f"{switch}=on, a parameter of the module overlay (--kernel-opt=overlay.{switch}=on)"
    ]
    assert "not for overlay2 or containerd:overlayfs" in knobs(found, [])[0]


def test_a_mode_is_an_engine_s_and_no_option_of_the_driver():
    """What helps is another engine, and not a word for the storage driver."""
    assert knobs(entry(mode="rootless"), []) == ["an engine that is not rootless (--mode)"]
    copied = knobs(entry(driver="containerd:overlayfs", layers="copied"), [])
    assert copied == ["an engine that does not remap users, or one of Docker's own storage drivers"]


def test_no_power_cut_is_survived_on_tmpfs():
    assert knobs(entry("durability/x", driver="overlay2", backing=["ext4", "xfs"]), []) == ["a data root on btrfs"]


def test_what_is_turned_is_not_in_the_condition():
    """For every recorded deviation."""
    for one in RECORDED:
        for knob in knobs(one, RECORDED):
            name, _, value = knob.partition(",")[0].partition("=")
            assert value not in one.when.get(name, ())
