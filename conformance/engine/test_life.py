"""The life of a container: what it leaves behind, what it keeps over a stop, and its mounts and directories."""

from os import O_RDWR

import pytest

from roadworthy import LAYERS, check, lower, needs

MIB = 1 << 20

pytestmark = pytest.mark.slow


@check("life/rw-layer-removed", source="Docker documentation, docker rm")
@needs(LAYERS)
def test_removed_container_leaves_no_file(containers, storage, observe):
    """A file that a container wrote is nowhere below the data root once the container is removed."""
    live = containers.run(containers.image({}))
    containers.process(live).store("roadworthy-payload", b"data")
    before = storage.find("roadworthy-payload")
    live.remove()
    after = storage.find("roadworthy-payload")
    observe("places", f"{len(before)} before, {len(after)} after")
    assert before != []
    assert after == []


@check("life/image-unchanged-after-rm", source="Docker documentation, docker rm")
@needs(LAYERS)
@lower(f=b"image", g=b"image")
def test_removed_container_leaves_the_image_alone(containers, storage, observe):
    """The layers of the image are the same before a container changes its files and after the container is removed."""
    before = storage.fingerprint()
    fs = containers.process(live := containers.run())
    fs.store("f", b"other")
    fs.unlink("g")
    live.remove()
    after = storage.fingerprint()
    observe("image layers", "unchanged" if after == before else "changed")
    assert after == before


@check("life/persist-over-stop-start", source="Docker documentation, docker start")
@lower(f=b"image", gone=b"image")
def test_stopped_container_keeps_its_changes(containers, observe):
    """A container's writes, new directories and deletions persist after it was stopped and started again."""
    fs = containers.process(live := containers.run())
    fs.store("f", b"written")
    fs.mkdir("new")
    fs.unlink("gone")
    live.stop()
    again = containers.process(live.start())
    content, names = again.load("f"), again.listdir()
    observe("after the stop", f"{content.decode()}, {' '.join(names)}")
    assert content == b"written"
    assert names == ["f", "new"]
    assert again.listdir("new") == []


@check("life/identity-over-stop-start", source="xfstests overlay/017")
@lower({"image": b"image", "d/below": b"image"})
def test_stopped_container_keeps_inode_numbers(containers, observe):
    """What a container wrote and what it left alone have their inode numbers after it was stopped and started again."""
    fs = containers.process(live := containers.run())
    fs.store("new", b"written")
    fs.store("d/new", b"written")
    names = ("image", "d", "d/below", "new", "d/new")
    before = [fs.stat(name).ino for name in names]
    live.stop()
    again = containers.process(live.start())
    after = [again.stat(name).ino for name in names]
    changed = [name for name, was, found in zip(names, before, after, strict=True) if was != found]
    observe("with another inode", " ".join(changed) or "none")
    assert changed == []


@check("life/mount-per-running-container", source="Docker documentation, Use the AUFS storage driver")
@needs(LAYERS)
def test_running_container_has_one_mount_and_a_stopped_one_none(containers, storage, driver, observe):
    """The driver mounts one root file system for a running container, if it mounts any, and none for a stopped one."""
    before = len(storage.layer_mounts())
    containers.process(live := containers.run())
    running = len(storage.layer_mounts()) - before
    live.stop()
    stopped = len(storage.layer_mounts()) - before
    observe("mounts", f"{running} while it runs, {stopped} when it is stopped")
    assert running == driver.mounts_root
    assert stopped == 0


@check("life/root-file-system", source="proc_pid_mountinfo(5)")
@needs(LAYERS)
def test_root_of_a_container_is_of_the_driver_s_file_system(containers, storage, driver, observe):
    """A container's root is mounted from the driver's own file system, or else from the backing one."""
    root = next(line.split() for line in containers.run().mounts() if line.split()[4] == "/")
    kind = root[root.index("-") + 1]
    observe("file system of /", kind)
    assert kind == (driver.root_file_system or storage.backing.name)


@check("life/on-disk-layout", source="Docker documentation, storage drivers, How … stores images on disk")
@needs(LAYERS)
@lower(f=b"image")
def test_layers_lie_where_the_documentation_says(containers, storage, driver, observe):
    """The driver keeps image layers and containers' layers in the directories that its documentation names."""
    fs = containers.process(live := containers.run())
    fs.store("new", b"")
    there = [name for name in driver.layout if (storage.data_root / name).is_dir()]
    observe("below the data root", " ".join(there))
    observe(
        "beside the writable layer",
        " ".join(sorted(found.name for found in storage.writable_layer(live).parent.iterdir())[:8]),
    )
    assert [name for name in driver.layout if name not in there] == []
    assert storage.upper(live, "new").is_file()
    assert any(storage.lower("f", layer).is_file() for layer in range(len(storage.image_layers())))


@check("life/read-only-rootfs", source="Docker documentation, docker run --read-only; open(2), EROFS")
@needs(LAYERS)
@lower(f=b"image")
def test_read_only_container_refuses_writes(containers, storage, observe):
    """In a container that was started read-only nothing is written, made or deleted, and nothing is copied up."""
    fs = containers.process(live := containers.run(read_only=True))
    outcomes = [fs.attempt.open("f", O_RDWR), fs.attempt.unlink("f"), fs.attempt.mkdir("new"), fs.attempt.chmod("f", 0)]
    observe("open, unlink, mkdir, chmod", " ".join(outcomes))
    assert outcomes == ["EROFS"] * 4
    assert fs.load("f") == b"image"
    changes = live.diff()
    observe("docker diff", ", ".join(f"{kind} {path}" for path, kind in sorted(changes.items())) or "nothing")
    assert changes == {}


@check("life/tmpfs-and-shm-bypass", source="Docker documentation, tmpfs mounts", control=True)
def test_tmpfs_of_a_container_takes_nothing_from_the_driver(containers, storage, observe):
    """What a container writes to a tmpfs of its own and to /dev/shm takes no space of the data root."""
    fs = containers.process(containers.run(tmpfs={"/tmp": "size=64m"}))
    with storage.growth() as growth:
        fs.store("/tmp/f", bytes(8 * MIB))
        fs.store("/dev/shm/f", bytes(8 * MIB))
    observe("data root", growth)
    assert (fs.stat("/tmp/f").size, fs.stat("/dev/shm/f").size) == (8 * MIB, 8 * MIB)
    # The daemon writes logs and records of its own; 0.0 MiB were measured.
    assert growth.bytes < MIB


@check("life/rm-while-fd-open-elsewhere", source="moby/moby issues 27381 and 20153")
@needs(LAYERS)
def test_container_is_removed_while_the_host_reads_its_file(containers, observe):
    """A container can be removed while a process of the host has a file of its root open."""
    fs = containers.process(live := containers.run(containers.image({"f": b"data"})))
    with live.opened_from_outside(f"{fs.directory}/f") as file:
        said = containers.attempt.remove(live)
        observe("docker rm -f", said)
        assert file.read_bytes() == b"data"
    assert said == "success"


@check("life/rm-with-leaked-mount", source="moby/moby issue 26510; mount_namespaces(7)")
@needs(LAYERS)
def test_container_is_removed_while_another_namespace_has_its_mount(containers, engine, observe):
    """A container can be removed while a mount namespace made in the meantime still holds its root's mount."""
    live = containers.run(containers.image({"f": b"data"}))
    with engine.leaked_mounts():
        said = containers.attempt.remove(live)
    observe("docker rm -f", said)
    assert said == "success"
