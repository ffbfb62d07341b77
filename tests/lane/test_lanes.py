"""Lanes: how a command line becomes columns, and what it says about words that name none."""

import dataclasses
import json
from types import SimpleNamespace

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.engine_name import EngineName
from roadworthy.lane import lanes as lanes_module
from roadworthy.lane.lanes import Combination, Lane, LaneError, combinations_named, default_lanes, expand
from roadworthy.machines.backing import BACKINGS
from roadworthy.supplies.engine_roots import ENGINES

DOCKER, DOCKER_26, DOCKER_28 = (EngineName("docker", series) for series in ("20.10", "26.1", "28.5"))
PODMAN = EngineName("podman", "5")


def lanes(*drivers, backing=(), options=(), engine=DOCKER, kernel="linux6.1"):
    return [lane.id for lane in expand(drivers, backing, options, [Combination(engine, kernel)])]


def test_an_id_names_driver_backing_engine_and_kernel():
    """A lane's id is driver, backing, engine series and kernel series."""
    assert lanes("overlay2") == ["overlay2-ext4-docker20.10-linux6.1"]


def test_driver_options_are_part_of_the_id():
    """Driver options stand in the id, sorted, so that two settings are two columns."""
    found = lanes("overlay2", options=["overlay2.size=1G", "overlay2.override_kernel_check=true"])
    assert found == ["overlay2+overlay2.override_kernel_check=true+overlay2.size=1G-ext4-docker20.10-linux6.1"]


def test_drivers_come_in_the_order_given_and_once():
    """Repeated options and comma-separated words give one lane a driver, in the order of the command line."""
    found = lanes("vfs,overlay2", "vfs", " native ,")
    assert [lane.split("-")[0] for lane in found] == ["vfs", "overlay2", "native"]


def test_all_is_every_driver():
    """`all` names every driver, each on its default backing."""
    found = lanes("all")
    assert len(found) == len(DRIVERS)
    assert all(
        lane.startswith(f"{name}-{DRIVERS[name].backings[0]}-") for lane, name in zip(found, DRIVERS, strict=True)
    )


def test_a_driver_gets_those_backings_that_it_takes():
    """Of several backings a driver gets those that it accepts."""
    assert lanes("btrfs,vfs", backing=["ext4,btrfs"]) == [
        "btrfs-btrfs-docker20.10-linux6.1",
        "vfs-ext4-docker20.10-linux6.1",
        "vfs-btrfs-docker20.10-linux6.1",
    ]


def test_all_backings_are_those_of_the_driver():
    """`--backing=all` is every backing that the driver takes."""
    assert len(lanes("overlay2", backing=["all"])) == len(DRIVERS["overlay2"].backings)


def test_every_default_backing_can_be_made():
    """Each driver's backings are ones that the suite makes."""
    assert all(name in BACKINGS for driver in DRIVERS.values() for name in driver.backings)


def test_no_driver_is_no_lane():
    """Without a driver there is no lane, and no complaint: planning needs none."""
    assert lanes() == []


@pytest.mark.parametrize(
    ("word", "nearest"),
    [("overlya2", "overlay2"), ("ovelay2", "overlay2"), ("fuse", "fuse-overlayfs"), ("device-mapper", "devicemapper")],
)
def test_a_misspelt_driver_is_told_the_nearest(word, nearest):
    """A misspelt driver is refused with the nearest name and the list of all."""
    with pytest.raises(LaneError, match=f"unknown driver '{word}'; did you mean '{nearest}'") as refused:
        lanes(word)
    assert all(name in str(refused.value) for name in DRIVERS)


def test_a_word_near_nothing_is_told_no_nearest():
    """Where no name is near, none is suggested."""
    with pytest.raises(LaneError, match="unknown driver 'qqq'") as refused:
        lanes("qqq")
    assert "did you mean" not in str(refused.value)


def test_a_misspelt_backing_is_told_the_nearest():
    """A misspelt backing is refused with the nearest name and the list of all."""
    with pytest.raises(LaneError, match="unknown backing 'ext44'; did you mean 'ext4'") as refused:
        lanes("overlay2", backing=["ext44"])
    assert all(name in str(refused.value) for name in BACKINGS)


def test_a_backing_that_the_driver_does_not_take_is_refused():
    """A lane that cannot exist is refused with the backings that the driver takes."""
    with pytest.raises(LaneError, match="btrfs does not run on ext4; it takes btrfs"):
        lanes("btrfs", backing=["ext4"])


@pytest.mark.parametrize("word", ["size", "=1G", "size=", "", " = "])
def test_a_driver_option_without_key_or_value_is_refused(word):
    """A driver option is KEY=VALUE; anything else is refused with an example."""
    with pytest.raises(LaneError, match=r"KEY=VALUE, as in overlay2.size=1G"):
        lanes("overlay2", options=[word])


@pytest.mark.parametrize("value", ["yes", "1", "false"])
def test_a_switch_of_containerd_is_on_or_not_named(value):
    """Any other value would be a label in the lane's id, and no setting."""
    with pytest.raises(LaneError, match=f"takes sync_fs=true, or no sync_fs, which is off; got sync_fs={value}"):
        lanes("containerd:overlayfs", engine=DOCKER_28, options=[f"sync_fs={value}"])
    assert "+sync_fs=true-" in lanes("containerd:overlayfs", engine=DOCKER_28, options=["sync_fs=true"])[0]


def test_a_value_may_hold_an_equals_sign():
    """Only the first equals sign separates key and value."""
    assert "+o=a=b-" in lanes("overlay2", options=["o=a=b"])[0]


def test_the_record_carries_what_the_id_is_made_of():
    """The plan's record of a lane has the parts of its id."""
    (lane,) = expand(["overlay2"], ["xfs"], ["k=v"], [Combination(DOCKER_26, "linux6.12")])
    record = lane.record()
    assert (record.driver, record.backing, record.engine, record.kernel) == ("overlay2", "xfs", "docker26.1", "6.12")
    assert record.options == {"k": "v"}
    assert record.id == lane.id


def test_the_record_carries_the_words_that_ask_for_it():
    """On another engine and kernel too, with a kernel option told from a driver option; a kernel's path stays here."""
    (combination,) = combinations_named(["docker-26.1"], ["6.12"], DOCKER, "linux6.18", ["overlay.metacopy=on"])
    (lane,) = expand(["overlay2"], [], ["k=v"], [combination])
    assert lane.record().words == [
        "--driver=overlay2", "--backing=ext4", "--engine=docker-26.1", "--kernel=6.12", "--driver-opt=k=v",
        "--kernel-opt=overlay.metacopy=on",
    ]  # fmt: skip
    own = dataclasses.replace(lane, source="/home/me/bzImage")
    assert own.words()[3] == "--kernel=/home/me/bzImage"
    assert own.record().words[3] == "--kernel=PATH"


def test_a_lane_is_the_lane_that_another_process_makes_of_its_values():
    """All of it, as JSON carries it; and its repr is the id, by which reports tell the parameters of tests apart."""
    (combination,) = combinations_named(["docker-26.1"], ["6.12"], DOCKER, "linux6.18", ["overlay.metacopy=on"])
    (lane,) = expand(["overlay2"], ["xfs"], ["k=v"], [combination])
    assert Lane.from_values(json.loads(json.dumps(lane.as_values()))) == lane
    assert repr(lane) == lane.id
    assert len({lane, Lane.from_values(lane.as_values())}) == 1


def test_a_driver_has_a_default_lane_for_each_engine_of_its_kind():
    """The installed engine first; a driver of another kind has its own engine alone."""
    found = default_lanes(DRIVERS["overlay2"], DOCKER, "linux6.18")
    assert [lane.root for lane in found] == ["", *(root for root in ENGINES if root.startswith("docker"))]
    assert found[0].id == "overlay2-ext4-docker20.10-linux6.18"
    (lane,) = default_lanes(DRIVERS["podman:vfs"], DOCKER, "linux6.18")
    assert lane.root == DRIVERS["podman:vfs"].default_engine


def test_the_series_of_another_machine_is_what_it_says(monkeypatch):
    """A machine that a distribution adds is a value of --kernel."""
    monkeypatch.setattr(lanes_module, "MACHINES", {"board": SimpleNamespace(series=lambda: "6.6")})
    (found,) = combinations(kernels=["board"])
    assert (found.kernel, found.source, found.root) == ("linux6.6", "board", "")
    with pytest.raises(LaneError, match="is for a virtual machine's kernel"):
        combinations_named([], ["board"], DOCKER, "linux6.18", ["overlay.metacopy=on"])


def combinations(engines=(), kernels=(), installed=DOCKER, running="linux6.18"):
    return combinations_named(engines, kernels, installed, running)


def test_without_options_the_machine_is_this_host():
    """The engine that is installed, on the kernel that runs."""
    assert combinations() == [Combination(DOCKER, "linux6.18")]


def test_another_engine_is_a_root_on_this_kernel():
    """An engine root's series stands in the id, and `host` is the installed engine."""
    assert combinations(["host,docker-28.5"]) == [
        Combination(DOCKER, "linux6.18"), Combination(DOCKER_28, "linux6.18", "docker-28.5"),
    ]  # fmt: skip


def test_another_kernel_boots_with_a_root_like_the_installed_engine():
    """A guest cannot run the host's own engine; it gets the root of that series, or Debian 12's."""
    assert combinations(kernels=["6.1"]) == [Combination(DOCKER, "linux6.1", "docker-20.10", "6.1")]
    assert combinations(kernels=["6.1"], installed=DOCKER_26)[0].root == "docker-26.1"
    assert combinations(kernels=["6.1"], installed=EngineName("docker", "27.3"))[0].root == "docker-20.10"


def test_engines_and_kernels_are_combined():
    """Each kernel runs each engine."""
    found = [(made.kernel, made.engine) for made in combinations(["docker-26.1,podman-5"], ["host", "7.2"])]
    assert found == [
        ("linux6.18", DOCKER_26), ("linux6.18", PODMAN), ("linux7.2", DOCKER_26), ("linux7.2", PODMAN),
    ]  # fmt: skip


def test_misspelt_engines_and_kernels_are_told_the_nearest():
    """An engine or a kernel that does not exist is refused with the nearest name."""
    with pytest.raises(LaneError, match=r"unknown engine 'docker-28'; did you mean 'docker-28\.5'"):
        combinations(["docker-28"])
    with pytest.raises(LaneError, match=r"no kernel 6\.2; did you mean '6\.12'"):
        combinations(kernels=["6.2"])
    assert combinations(kernels=["6.18"])[0].kernel == "linux6.18"


def test_one_lane_asked_for_twice_is_refused():
    """The installed engine and an engine root of its series would be one column."""
    with pytest.raises(LaneError, match="asked for twice"):
        expand(["vfs"], [], [], combinations(["host,docker-20.10"]))


def columns(driver, *engines, kernels=(), backing=()):
    return [lane.id for lane in expand([driver], backing, [], combinations(engines, kernels))]


def test_a_driver_of_podman_brings_its_engine():
    """Where no engine is named, a driver of Podman gets Podman, also on another kernel, and others what they had."""
    assert columns("podman:overlay,overlay2") == [
        "podman:overlay-ext4-podman5-linux6.18", "overlay2-ext4-docker20.10-linux6.18",
    ]  # fmt: skip
    (lane,) = expand(["podman:vfs"], [], [], combinations(kernels=["6.1"]))
    assert (lane.id, lane.root, lane.source) == ("podman:vfs-ext4-podman5-linux6.1", "podman-5", "6.1")


def test_of_several_engines_a_driver_gets_those_that_have_it():
    """Drivers and engines are combined as far as they go together; the reference goes with all."""
    assert columns("podman:vfs,vfs,native", "docker-28.5", "podman-5") == [
        "podman:vfs-ext4-podman5-linux6.18", "vfs-ext4-docker28.5-linux6.18", "native-ext4-docker28.5-linux6.18",
        "native-ext4-podman5-linux6.18",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("driver", "engine", "said"),
    [
        ("podman:overlay", "docker-28.5", r"not a storage driver of docker28\.5; engines that have it: podman-4\.3,"),
        ("podman:overlay", "host", r"not a storage driver of docker20\.10; engines that have it: podman-4\.3,"),
        ("overlay2", "podman-5", r"not a storage driver of podman5; engines that have it: docker-20\.10,"),
    ],
)
def test_a_driver_that_no_engine_has_is_refused(driver, engine, said):
    """A driver with the wrong engine is refused, and told which ones it goes with."""
    with pytest.raises(LaneError, match=said):
        columns(driver, engine)


def test_of_all_drivers_an_engine_gets_its_own():
    """`all` names what there is, and so each engine gets the drivers that it has."""
    assert {lane.partition("-")[0].partition(":")[0] for lane in columns("all", "podman-5")} == {"native", "podman"}
    assert not any(lane.startswith("podman") for lane in columns("all", "docker-28.5"))


@pytest.fixture
def engine(tmp_path):
    """A directory with programs that say they are Docker 29.1."""
    for name in ("dockerd", "containerd", "containerd-shim-runc-v2", "runc"):
        (tmp_path / name).write_text("#!/bin/sh\necho Docker version 29.1.2, build 1\n")
        (tmp_path / name).chmod(0o755)
    return str(tmp_path)


def test_an_engine_at_a_path_is_named_after_its_series(engine):
    """Or as its name says; drivers that need a newer engine than the installed one take it."""
    assert columns("overlay2", engine) == ["overlay2-ext4-docker29.1-linux6.18"]
    assert columns("overlay2", f"mine={engine},{engine}") == [
        "overlay2-ext4-mine-linux6.18", "overlay2-ext4-docker29.1-linux6.18",
    ]  # fmt: skip
    assert columns("overlay2", engine, kernels=["6.1"]) == ["overlay2-ext4-docker29.1-linux6.1"]
    with pytest.raises(LaneError, match=r"podman:vfs is not a storage driver of docker29\.1"):
        columns("podman:vfs", engine)


def test_an_engine_at_a_path_has_what_its_kernel_needs(monkeypatch):
    """In a guest that is more than on this host."""
    asked = []
    monkeypatch.setattr(lanes_module, "engine_at", lambda word, guest: asked.append(guest) or DOCKER_28)
    combinations(["/opt/engine"], ["host", "6.1"])
    assert asked == [False, True]


@pytest.mark.parametrize("name", ["host", "docker-28.5"])
def test_a_file_with_the_name_of_an_engine_is_not_taken_for_it(tmp_path, monkeypatch, name):
    """The name is what `run it again` prints, wherever the user stands; `./host` is the file."""
    monkeypatch.chdir(tmp_path)
    plain = columns("overlay2", name)
    (tmp_path / name).write_text("")
    assert columns("overlay2", name) == plain
    with pytest.raises(LaneError, match="--engine: "):
        columns("overlay2", f"./{name}")


@pytest.mark.parametrize("name", ["", "mine="])
def test_the_path_of_an_engine_stays_on_this_machine(engine, name):
    """A bundle has PATH in its place."""
    (lane,) = expand(["overlay2"], [], [], combinations([name + engine]))
    assert lane.words()[2] == f"--engine={name}{engine}"
    assert lane.record().words[2] == f"--engine={name}PATH"
    assert engine not in str(lane.record())


def test_an_engine_that_cannot_be_used_is_refused_with_the_option(tmp_path):
    """Before anything starts."""
    with pytest.raises(LaneError, match=r"^--engine: .* holds no engine"):
        columns("overlay2", str(tmp_path))


def test_a_choice_of_a_backing_is_part_of_the_id():
    """A driver takes it where it takes the backing; `all` has none."""
    assert lanes("overlay2,btrfs", backing=["xfs:prjquota", "btrfs:compress"]) == [
        "overlay2-xfs:prjquota-docker20.10-linux6.1", "overlay2-btrfs:compress-docker20.10-linux6.1",
        "btrfs-btrfs:compress-docker20.10-linux6.1",
    ]  # fmt: skip
    assert not any(":" in lane for lane in lanes("overlay2", backing=["all"]))
    with pytest.raises(LaneError, match="unknown backing 'xfs:prjqota'; did you mean 'xfs:prjquota'"):
        lanes("overlay2", backing=["xfs:prjqota"])


def test_an_unknown_setting_of_containerd_is_refused_by_name():
    """Before anything starts."""
    with pytest.raises(LaneError, match="unknown setting 'syncfs' of containerd:overlayfs; did you mean 'sync_fs'"):
        lanes("containerd:overlayfs", engine=DOCKER_28, options=["syncfs=true"])


def in_modes(driver, *modes, engines=()):
    return [lane.id for lane in expand([driver], [], [], combinations(engines), modes)]


def test_a_mode_is_part_of_the_id_and_the_usual_one_is_not():
    """Bundles of earlier releases name rootful lanes without a word for it."""
    assert in_modes("overlay2", "rootful,userns-remap") == [
        "overlay2-ext4-docker20.10-linux6.18", "overlay2-ext4-docker20.10-linux6.18-userns-remap",
    ]  # fmt: skip
    assert in_modes("overlay2") == in_modes("overlay2", "rootful")


def test_a_mode_is_in_the_record_the_words_and_the_values():
    """The lane comes back in another process, and from the words that a bundle has."""
    (lane,) = expand(["overlay2"], [], [], combinations(), ["userns-remap"])
    record = lane.record()
    assert (record.options, record.words[-1]) == ({"mode": "userns-remap"}, "--mode=userns-remap")
    assert Lane.from_values(lane.as_values()) == lane


def test_a_misspelt_mode_is_told_the_nearest():
    """With all that there are."""
    with pytest.raises(LaneError, match=r"unknown mode 'userns_remap'; did you mean 'userns-remap'"):
        in_modes("overlay2", "userns_remap")


def test_an_engine_gets_the_modes_that_it_has():
    """As a driver gets the backings that it accepts; an engine that has none of them is refused."""
    assert in_modes("podman:overlay", "rootful,userns-remap") == ["podman:overlay-ext4-podman5-linux6.18"]
    with pytest.raises(LaneError, match=r"podman5 has no mode userns-remap; engines that have it: docker"):
        in_modes("podman:overlay", "userns-remap")
