"""The daemon's information on its driver, and the layout of the driver's directories and mounts."""

import pytest

from roadworthy import COPY_UP, LAYERS, check, layers, needs


@check("plumb/info-fields", claim="S13", source="Docker documentation, docker info; the page of each storage driver")
@needs(LAYERS)
def test_info_has_the_documented_fields(engine, driver, observe):
    """docker info names the driver, and the fields that the driver's documentation shows."""
    info = engine.info()
    fields = [name for name, _ in info["DriverStatus"] or []]
    observe("fields", ", ".join(fields) or "none")
    assert info["Driver"] == driver.daemon_name
    assert [name for name in driver.info_fields if name not in fields] == []


@check("plumb/info-backing", claim="S13", source="Docker documentation, docker info, Backing Filesystem")
@needs(LAYERS)
def test_info_names_the_backing_file_system(engine, storage, observe):
    """docker info names the file system that the data root lies on."""
    said = dict(engine.info()["DriverStatus"] or []).get("Backing Filesystem", "not said")
    observe("Backing Filesystem", said)
    assert said == storage.backing.kind.reported


@check("plumb/info-root", claim="S13", source="Docker documentation, docker info, Docker Root Dir")
def test_info_names_the_data_root(engine, driver, storage, observe):
    """The directory that docker info names as root holds the driver's directories."""
    info = engine.info()
    place = storage.on_host(info["DockerRootDir"])
    held = [name for name in driver.layout if (place / name).is_dir()]
    observe("holds", " ".join(held))
    assert [name for name in driver.layout if name not in held] == []


@check("plumb/df-shows-data-root", claim="S23", source="statvfs(3); Docker documentation, Use the AUFS storage driver")
def test_container_sees_the_capacity_of_the_data_root(fs, storage, observe):
    """df(1) in a container shows the size of the file system under the data root."""
    inside, outside = fs.statvfs("."), storage.data_root.statvfs()
    size, whole = inside.f_blocks * inside.f_frsize, outside.f_blocks * outside.f_frsize
    observe("size", f"{size / (1 << 30):.1f} GiB")
    observe("of the data root's", f"{100 * size / whole:.0f} %")
    assert size == whole


@check("plumb/inodes-shown", claim="S47", source="statvfs(3), f_files")
def test_container_sees_the_inodes_of_the_data_root(fs, storage, observe):
    """df -i in a container shows the inodes of the file system under the data root."""
    inside, outside = fs.statvfs("."), storage.data_root.statvfs()
    observe("inodes", inside.f_files)
    observe("of the data root's", f"{100 * inside.f_files / max(outside.f_files, 1):.0f} %")
    assert inside.f_files == outside.f_files


@pytest.mark.slow
@check("plumb/driver-flag-on-create", claim="S15", source="Docker documentation, docker create")
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


@check("plumb/lower-is-two-layers", claim="S42", source="Docker documentation, Use the OverlayFS storage driver")
@needs(COPY_UP)
@layers({"f": b"1"}, {"g": b"2"}, {"h": b"3"})
def test_every_layer_of_the_image_is_a_lower_directory(containers, storage, driver, observe):
    """Every layer of the image, and each that the engine adds, is a lower directory of the container's root."""
    below = len(storage.lower_directories(containers.run()))
    expected = len(storage.image_layers()) + driver.layers_added
    observe("lower directories", f"{below} of {expected}")
    assert below == expected, f"{below} of {expected} lower directories"


@check("plumb/hardlink-farm", claim="S47", source="Docker documentation, Use the OverlayFS storage driver, overlay")
@needs(LAYERS)
@layers({"f": b"1"}, {"g": b"2"})
def test_layer_does_not_hold_the_files_of_the_one_below(storage, observe):
    """A layer of the image has no entry of its own for a file that only an older layer brought."""
    form = storage.repeated("f", older=0, newer=1)
    observe("entry in the next layer", form)
    assert form == "none"


@check("image/layer-ids-vs-dirs", claim="S18", source="OCI image-spec, config.md, Layer DiffID")
@needs(LAYERS)
@layers({"f": b"1"}, {"g": b"2"})
def test_layer_directories_are_not_named_by_digest(containers, storage, observe):
    """The directory of an image layer below the data root does not have the layer's digest as its name."""
    digests = {digest.partition(":")[2] for digest in containers.layer_ids("roadworthy:lane")}
    places = [layer.relative_to(storage.data_root) for layer in storage.image_layers()]
    observe("a layer's directory", "/".join(places[0].parts)[:60])
    named = {part for place in places for part in place.parts} & digests
    observe("layers named by their digest", len(named))
    assert named == set()
    assert len(digests) >= 2


@pytest.mark.slow
@check("plumb/no-driver-named", claim="S15", source="Docker documentation, Select a storage driver")
@needs(LAYERS)
def test_daemon_without_a_driver_takes_the_one_that_the_data_root_has(lane_daemon, driver, observe):
    """A daemon that is started without a driver's name uses the driver whose images the data root holds."""
    lane_daemon.container().remove()
    lane_daemon.engine.restart(storage_driver="")
    taken = observe("docker info", lane_daemon.engine.info()["Driver"])
    assert taken == driver.daemon_name
