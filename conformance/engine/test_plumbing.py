"""The daemon's information on its driver, and the layout of the driver's directories and mounts."""

import re

import pytest

from roadworthy import COPY_UP, DRIVER_SWITCH, LAYERS, SNAPSHOTS, check, layers, needs


@check("plumb/info-fields", source="Docker documentation, docker info; the page of each storage driver")
@needs(LAYERS)
def test_info_has_the_documented_fields(engine, driver, observe):
    """docker info names the driver, and the fields that the driver's documentation shows."""
    info = engine.info()
    fields = [name for name, _ in info["DriverStatus"] or []]
    observe("fields", ", ".join(fields) or "none")
    assert info["Driver"] == driver.daemon_name
    assert [name for name in driver.info_fields if name not in fields] == []


@check("plumb/info-backing", source="Docker documentation, docker info, Backing Filesystem")
@needs(LAYERS)
def test_info_names_the_backing_file_system(engine, storage, observe):
    """docker info names the file system that the data root lies on."""
    said = dict(engine.info()["DriverStatus"] or []).get("Backing Filesystem", "not said")
    observe("Backing Filesystem", said)
    assert said == storage.backing.kind.reported


@check("plumb/info-root", source="Docker documentation, docker info, Docker Root Dir")
def test_info_names_the_data_root(engine, driver, storage, observe):
    """The directory that docker info names as root holds the driver's directories."""
    info = engine.info()
    place = storage.on_host(info["DockerRootDir"])
    held = [name for name in driver.layout if (place / name).is_dir()]
    observe("holds", " ".join(held))
    assert [name for name in driver.layout if name not in held] == []


@check("plumb/native-diff-flag", source="moby daemon/graphdriver/overlay2/check.go, doesSupportNativeDiff()")
@needs(LAYERS)
def test_info_says_whether_layers_are_read_as_they_lie(storage, observe):
    """docker info says that differences are read from layers as they lie, unless the kernel writes redirects there."""
    said = storage.status("Native Overlay Diff")
    redirects = [name for name in ("redirect_dir", "metacopy") if storage.overlay_parameter(name)]
    observe("Native Overlay Diff", f"{said}, with {' and '.join(redirects) or 'no redirects'}")
    assert said == ("false" if redirects else "true")


@check("plumb/df-shows-data-root", source="statvfs(3); Docker documentation, Use the AUFS storage driver")
def test_container_sees_the_capacity_of_the_data_root(fs, storage, observe):
    """df(1) in a container shows the size of the file system under the data root."""
    inside, outside = fs.statvfs("."), storage.data_root.statvfs()
    size, whole = inside.f_blocks * inside.f_frsize, outside.f_blocks * outside.f_frsize
    observe("size", f"{size / (1 << 30):.1f} GiB")
    observe("of the data root's", f"{100 * size / whole:.0f} %")
    assert size == whole


@check("plumb/inodes-shown", source="statvfs(3), f_files")
def test_container_sees_the_inodes_of_the_data_root(fs, storage, observe):
    """df -i in a container shows the inodes of the file system under the data root."""
    inside, outside = fs.statvfs("."), storage.data_root.statvfs()
    observe("inodes", inside.f_files)
    observe("of the data root's", f"{100 * inside.f_files / max(outside.f_files, 1):.0f} %")
    assert inside.f_files == outside.f_files


@pytest.mark.slow
@check("plumb/driver-flag-on-create", source="Docker documentation, docker create")
def test_driver_cannot_be_chosen_for_a_container(engine, driver, observe):
    """docker create takes no storage driver: it is the daemon's, and an option that names one is refused."""
    said = engine.command("create", f"--storage-driver={driver.daemon_name}", "roadworthy:lane", "/none")
    observe("docker create --storage-driver", said.partition(": ")[2].partition("\n")[0] or said)
    assert "unknown flag: --storage-driver" in said


@pytest.mark.slow
@check("plumb/unknown-storage-opt", source="Docker documentation, dockerd, Options per storage driver")
@needs(LAYERS)
def test_daemon_refuses_an_option_that_does_not_exist(daemons, driver, storage, observe):
    """A daemon refuses to start with a storage option that its driver lacks, and says so."""
    outcome = daemons.attempt(driver, storage.backing.name, [f"{driver.daemon_name}.nonsense=1"])
    observe("dockerd", outcome)
    observe(
        "the option", {"": "refused", driver.daemon_name: "passed over"}.get(outcome.driver, "taken for another driver")
    )
    assert outcome.driver == "", str(outcome)
    assert "nonsense" in outcome.words, str(outcome)


@check("plumb/lower-is-two-layers", source="Docker documentation, Use the OverlayFS storage driver")
@needs(COPY_UP)
@layers({"f": b"1"}, {"g": b"2"}, {"h": b"3"})
def test_every_layer_of_the_image_is_a_lower_directory(containers, storage, driver, observe):
    """Every layer of the image, and each that the engine adds, is a lower directory of the container's root."""
    below = len(storage.lower_directories(containers.run()))
    expected = len(storage.image_layers()) + driver.layers_added
    observe("lower directories", f"{below} of {expected}")
    assert below == expected, f"{below} of {expected} lower directories"


@check("plumb/hardlink-farm", source="Docker documentation, Use the OverlayFS storage driver, overlay")
@needs(LAYERS)
@layers({"f": b"1"}, {"g": b"2"})
def test_layer_does_not_hold_the_files_of_the_one_below(storage, observe):
    """A layer of the image has no entry of its own for a file that only an older layer brought."""
    form = storage.repeated("f", older=0, newer=1)
    observe("entry in the next layer", form)
    assert form == "none"


@check("image/layer-ids-vs-dirs", source="OCI image-spec, config.md, Layer DiffID")
@needs(LAYERS)
@layers({"f": b"1"}, {"g": b"2"})
def test_layer_directories_are_not_named_by_digest(containers, storage, observe):
    """The directory of an image layer below the data root does not have the layer's digest as its name."""
    digests = {digest.partition(":")[2] for digest in containers.layer_ids()}
    places = [layer.relative_to(storage.data_root) for layer in storage.image_layers()]
    observe("a layer's directory", "/".join(places[0].parts)[:60])
    named = {part for place in places for part in place.parts} & digests
    observe("layers named by their digest", len(named))
    assert named == set()
    assert len(digests) >= 2


@check("plumb/btrfs-subvolume-parentage", source="Docker documentation, Use the BTRFS storage driver, How it works")
@needs(SNAPSHOTS)
@layers({"f": b"1"}, {"g": b"2"}, {"h": b"3"})
def test_each_layer_is_a_snapshot_of_the_one_below(containers, storage, observe):
    """The lowest layer of an image stems from none, each other one from the layer below, a container from the last."""
    made_from = storage.descent(containers.run())
    expected = ["", *[own for own, _ in made_from[:-1]]]
    stems = [origin for _, origin in made_from]
    observe("stem from the layer below", f"{sum(map(str.__eq__, stems[1:], expected[1:]))} of {len(stems) - 1}")
    assert stems == expected


@pytest.mark.slow
@check("plumb/prior-driver-detected", source="moby daemon/graphdriver/driver.go, scanPriorDrivers")
@needs(LAYERS)
@needs(DRIVER_SWITCH)
def test_daemon_without_a_driver_refuses_the_data_root_of_two(lane_daemon, own_storage, driver, observe):
    """A daemon that is told no driver refuses a data root with layers of a driver besides its own, and names that."""
    lane_daemon.container().remove()
    (own_storage.data_root / driver.prior / "layers").mkdir(parents=True)
    said = lane_daemon.engine.attempt_restart(storage_driver="")
    observe("dockerd", said or f"passes over {driver.prior}")
    assert driver.prior in said


@pytest.mark.slow
@check("plumb/auto-selection", source="Docker documentation, Select a storage driver")
@needs(DRIVER_SWITCH)
def test_daemon_without_a_driver_takes_the_preferred_one(daemons, storage, observe):
    """A daemon that is told no driver, and has an empty data root, takes one that is preferred on this file system."""
    outcome = daemons.unnamed(storage.backing.name)
    observe("dockerd", outcome)
    assert outcome.driver in storage.backing.kind.preferred, str(outcome)


@pytest.mark.slow
@check("plumb/removed-drivers-by-version", source="Docker documentation, Deprecated features; Select a storage driver")
@needs(DRIVER_SWITCH)
@pytest.mark.parametrize("name", ["aufs", "btrfs", "devicemapper", "overlay", "overlay2", "vfs", "zfs"])
def test_daemon_has_the_drivers_of_2016(daemons, storage, observe, name):
    """A daemon that is told a driver which Docker had in 2016 knows it, whether it can run here or not."""
    outcome = daemons.told(name, storage.backing.name)
    observe(f"dockerd --storage-driver={name}", outcome)
    assert not re.search("GetDriver graph|deprecated and removed", outcome.words), str(outcome)


@pytest.mark.slow
@check("plumb/no-driver-named", source="Docker documentation, Select a storage driver")
@needs(LAYERS)
def test_daemon_without_a_driver_takes_the_one_that_the_data_root_has(lane_daemon, driver, observe):
    """A daemon that is started without a driver's name uses the driver whose images the data root holds."""
    lane_daemon.container().remove()
    lane_daemon.engine.restart(storage_driver="")
    taken = observe("docker info", lane_daemon.engine.info()["Driver"])
    assert taken == driver.daemon_name
