"""Volumes: they bypass the storage driver, are shared, and outlive the container."""

import pytest

from roadworthy import LAYERS, Directory, File, Hardlink, Symlink, check, needs

MIB = 1 << 20
#: What the backing takes or gives back besides: its own tables, and blocks that it frees late. 0.1 MiB were measured;
#: a thin pool hands out blocks of 512 KiB (moby daemon/graphdriver/devmapper/device_setup.go, --chunksize).
BESIDES = MIB

pytestmark = pytest.mark.slow


@check("volume/data-survives-rm", source="Docker documentation, Volumes")
def test_volume_outlives_its_container(containers, observe):
    """A file on a volume is there for a new container after the one that wrote it was removed."""
    volume = {containers.volume(): {"bind": "/tmp", "mode": "rw"}}
    containers.process(live := containers.run(volumes=volume)).store("/tmp/f", b"kept")
    live.remove()
    found = containers.process(containers.run(volumes=volume)).load("/tmp/f")
    observe("content", found)
    assert found == b"kept"


@check(
    "volume/shared-two-containers",
    source="Docker documentation, Share data between machines",
    control=True,
)
def test_two_containers_share_a_volume(containers, observe):
    """What one container writes to a volume, another that has it open reads at once."""
    volume = {containers.volume(): {"bind": "/tmp", "mode": "rw"}}
    writer = containers.process(containers.run(volumes=volume))
    reader = containers.process(containers.run(volumes=volume))
    writer.store("/tmp/f", b"old")
    descriptor = reader.open("/tmp/f", 0)
    writer.pwrite(writer.open("/tmp/f", 1), b"new", 0)
    seen = observe("read by the other", reader.pread(descriptor, 3, 0))
    assert seen == b"new"


@check("volume/bypass-bytes", source="Docker documentation, Volumes")
@needs(LAYERS)
def test_what_is_written_to_a_volume_is_not_in_the_layer(containers, storage, observe):
    """A file of 8 MiB on a volume adds nothing to the container's layer, and its size once to the backing."""
    volume = {containers.volume(): {"bind": "/tmp", "mode": "rw"}}
    fs = containers.process(live := containers.run(containers.image({}), volumes=volume))
    before, changes = live.size(), live.diff()
    with storage.growth() as growth:
        fs.store("/tmp/f", bytes(8 * MIB))
    added = live.size() - before
    observe("layer and backing", f"{added / MIB:.0f} MiB and {growth.bytes / MIB:.0f} MiB")
    assert added == 0
    assert live.diff() == changes
    assert abs(growth.bytes - 8 * MIB) < BESIDES


@check("volume/bypass-fstype", source="statfs(2), f_type", control=True)
def test_volume_shows_the_file_system_of_the_host(containers, storage, observe):
    """A container sees a volume as the file system under the data root."""
    fs = containers.process(containers.run(volumes={containers.volume(): {"bind": "/tmp", "mode": "rw"}}))
    kind, _ = fs.statfs("/tmp")
    observe("f_type", f"{kind:#x}")
    assert kind == storage.backing.kind.magic


@check("volume/prepopulate", source="Docker documentation, Populate a volume using a container")
@needs(LAYERS)
def test_new_volume_begins_with_the_image_s_files(containers, observe):
    """A new named volume is filled with the image's files below its mount point, with modes, owners and targets."""
    image = containers.image(
        {
            "data": Directory(mode=0o750, uid=1000),
            "data/f": File(b"image", mode=0o4711, uid=1000, gid=100),
            "data/link": Symlink(target="f"),
            "data/d/e": b"",
        }
    )
    plain = containers.process(containers.run(image)).manifest()
    place = f"{containers.process(containers.run(image)).directory}/data"
    fs = containers.process(containers.run(image, volumes={containers.volume(): {"bind": place, "mode": "rw"}}))
    lost = plain.differences(fs.manifest(), besides="mtime")
    observe("differences", "; ".join(lost) or "none")
    assert lost == []


@check("volume/prepopulate-hardlink", source="Docker documentation, Populate a volume using a container")
@needs(LAYERS)
def test_new_volume_keeps_hard_links(containers, observe):
    """Two names of one file of the image are one file on a new volume that is filled from the image."""
    image = containers.image({"data": Directory(), "data/a": b"data", "data/b": Hardlink(target="data/a")})
    place = f"{containers.process(containers.run(image)).directory}/data"
    fs = containers.process(containers.run(image, volumes={containers.volume(): {"bind": place, "mode": "rw"}}))
    a, b = fs.stat("data/a"), fs.stat("data/b")
    observe("file", "the same" if a.identity == b.identity else f"two, the first with {a.nlink} links")
    assert a.identity == b.identity


@check("volume/prepopulate-times", source="Docker documentation, Populate a volume using a container")
@needs(LAYERS)
@pytest.mark.parametrize("name", [pytest.param("data/f", id="file"), pytest.param("data/d", id="directory")])
def test_new_volume_keeps_times(containers, observe, name):
    """Files and directories of the image keep their modification times on a new volume that is filled from it."""
    moment = 1_100_000_000_123_456_789
    tree = {"data/f": File(b"", mtime_ns=moment), "data/d": Directory(mtime_ns=moment), "data/d/g": b""}
    place = f"{containers.process(containers.run(image := containers.image(tree))).directory}/data"
    fs = containers.process(containers.run(image, volumes={containers.volume(): {"bind": place, "mode": "rw"}}))
    kept = "kept" if fs.stat(name).mtime_ns == moment else "another"
    observe("modification time", kept)
    assert kept == "kept"


@check(
    "volume/nocopy-bind-hides",
    source="Docker documentation, Bind mounts, Mount into a non-empty directory",
    control=True,
)
@needs(LAYERS)
def test_bind_mount_hides_the_image_s_files(containers, observe):
    """A bind mount over a directory of the image hides what the image has there, and adds nothing to the mount."""
    image = containers.image({"data": Directory(), "data/image": b""})
    first = containers.process(containers.run(image))
    first.mkdir("/volume/bound")
    bind = {containers.host_path("/volume/bound"): {"bind": f"{first.directory}/data", "mode": "rw"}}
    fs = containers.process(containers.run(image, volumes=bind))
    fs.store("data/new", b"")
    names = fs.listdir("data")
    observe("names", " ".join(names))
    assert names == ["new"]
    assert first.listdir("/volume/bound") == ["new"]
    assert first.listdir("data") == ["image"]


@check("volume/host-path", source="Docker documentation, docker volume inspect")
def test_volume_lies_where_inspect_says(containers, storage, engine, observe):
    """A file on a volume lies in the directory of the host that docker volume inspect names."""
    name = containers.volume()
    fs = containers.process(containers.run(volumes={name: {"bind": "/tmp", "mode": "rw"}}))
    fs.store("/tmp/f", b"data")
    place = engine.client.volumes.get(name).attrs["Mountpoint"]
    observe("below the data root", place.removeprefix(str(engine.data_root)).replace(name, "NAME"))
    assert storage.on_host(f"{place}/f").read_bytes() == b"data"


@check("volume/no-copy-up", source="Docker documentation, Volumes")
def test_one_byte_in_a_large_file_of_a_volume_costs_one_block(containers, storage, observe):
    """Writing one byte to a file of 8 MiB on a volume does not copy the file."""
    volume = {containers.volume(): {"bind": "/tmp", "mode": "rw"}}
    containers.process(live := containers.run(volumes=volume)).store("/tmp/f", bytes(8 * MIB))
    live.remove()
    fs = containers.process(containers.run(volumes=volume))
    with storage.growth() as growth:
        fs.pwrite(fs.open("/tmp/f", 1), b"x", 4 * MIB)
    observe("backing", growth)
    assert growth.bytes < BESIDES
