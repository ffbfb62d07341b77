"""What is left of a container after a power cut.

At the cut the device's content is copied, all processes of the daemon and its containers are killed, and a daemon
starts on the copy. The page cache is lost, as in a power cut; a cache of the device's own does not exist here. What the
engine notes of a container is written to the device before the check's own changes: it is not the driver's.
"""

from os import O_APPEND, O_RDONLY, O_WRONLY

import pytest

from roadworthy import LAYERS, check, lower, needs

pytestmark = pytest.mark.slow

LARGE = b"image" * (300 << 10)


def synced(fs, path):
    """fsync(2) of a file or a directory."""
    descriptor = fs.open(path, O_RDONLY)
    fs.fsync(descriptor)
    fs.close(descriptor)


@check("dura/fsync-survives-power-cut", source="POSIX.1-2017, fsync()")
@lower(f=b"image")
def test_what_was_synced_outlives_a_power_cut(own_containers, own_storage, power_cut, observe):
    """After a power cut files have what was written to them and synced, whether they are old or new."""
    fs = own_containers.process(live := own_containers.run())
    own_storage.backing.settle()
    fs.store("f", b"written")
    fs.store("new", b"written")
    for path in ("f", "new", "."):
        synced(fs, path)
    live.forget_agent()
    power_cut()
    found = own_containers.process(live.start())
    content = found.load("f"), found.load("new")
    observe("content", content)
    assert content == (b"written", b"written")


@check("dura/copyup-then-crash", source="xfstests overlay/078; overlayfs.rst, fsync")
@lower(large=LARGE, other=b"")
def test_file_is_whole_if_the_power_is_cut_after_its_first_change(own_containers, own_storage, power_cut, observe):
    """After a power cut a file to which a byte was appended, and not synced, has all that it had before."""
    fs = own_containers.process(live := own_containers.run())
    own_storage.backing.settle()
    fs.write(fs.open("large", O_WRONLY | O_APPEND), b"+")
    synced(fs, "other")  # a journal holds the changes of all files' metadata until then
    synced(fs, ".")
    live.forget_agent()
    power_cut()
    content = own_containers.process(live.start()).load("large")
    observe("bytes of the file", f"{len(content)} of {len(LARGE)}")
    assert content[: len(LARGE)] == LARGE


@check("dura/rename-crash-atomic", source="POSIX.1-2017, rename(), fsync(); dpkg and PostgreSQL rely on it")
@lower({"f": b"image", "g": b"image"})
def test_replaced_file_is_the_new_one_after_a_power_cut(own_containers, own_storage, power_cut, observe):
    """After a power cut a file that a synced one replaced by rename, in a synced directory, is the new one, whole."""
    fs = own_containers.process(live := own_containers.run())
    own_storage.backing.settle()
    for path in ("f", "g"):
        fs.store("made", b"written" * 1000)
        synced(fs, "made")
        fs.rename("made", path)
    synced(fs, ".")
    live.forget_agent()
    power_cut()
    found = own_containers.process(live.start())
    contents = [found.load(path) for path in ("f", "g")]
    observe("content", ", ".join(f"{len(content)} bytes" for content in contents))
    assert contents == [b"written" * 1000] * 2
    assert "made" not in found.listdir()


@check("dura/whiteout-crash", source="POSIX.1-2017, fsync(); fsync(2), directories")
@lower({"gone": b"image", "d/gone": b"image", "kept": b"image"})
def test_removed_file_stays_removed_after_a_power_cut(own_containers, own_storage, power_cut, observe):
    """After a power cut a removed file of the image is still removed, if its directory was synced."""
    fs = own_containers.process(live := own_containers.run())
    own_storage.backing.settle()
    fs.unlink("gone")
    fs.unlink("d/gone")
    for path in (".", "d"):
        synced(fs, path)
    live.forget_agent()
    power_cut()
    found = own_containers.process(live.start())
    names = found.listdir(), found.listdir("d")
    observe("left", " ".join(names[0] + names[1]))
    assert names == (["d", "kept"], [])


@check("dura/unclean-daemon-stop", source="Docker documentation, docker start; moby layer/layer_store.go")
@needs(LAYERS)
@lower(f=b"image")
def test_containers_start_after_a_power_cut(own_containers, own_storage, power_cut, observe):
    """After a power cut running containers can be started again, each with what it synced, and images are whole."""
    image = own_containers.image({"g": b"older"}, {"h": b"newer"})
    before = own_containers.process(shown := own_containers.run(image)).manifest()
    running = [own_containers.run() for _ in range(3)]
    own_storage.backing.settle()
    for number, container in enumerate(running):
        fs = own_containers.process(container)
        fs.store("f", b"%d" % number)
        synced(fs, "f")
    for container in (shown, *running):
        container.forget_agent()
    power_cut()
    contents = [own_containers.process(container.start()).load("f") for container in running]
    lost = before.differences(own_containers.process(own_containers.run(image)).manifest())
    observe("contents", b" ".join(contents))
    observe("differences of the image", "; ".join(lost) or f"none in {before}")
    assert contents == [b"0", b"1", b"2"]
    assert lost == []
