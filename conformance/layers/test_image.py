"""Commits: the image that a container's layer becomes, and the tree that the next container finds in it."""

import os
import stat
from os import O_WRONLY
from zlib import crc32

import pytest

from roadworthy import (
    LAYERS,
    Device,
    Directory,
    Fifo,
    File,
    Hardlink,
    Opaque,
    Symlink,
    Whiteout,
    acl,
    check,
    file_capability,
    needs,
    overlapped,
)

pytestmark = pytest.mark.slow

MIB = 1 << 20
SECOND = 10**9
#: A time in whole seconds, and one with nanoseconds.
WHOLE, FINE = 1_100_000_000 * SECOND, 1_100_000_000 * SECOND + 123_456_789

#: A tree with every kind of entry that an image archive can hold.
TREE = {
    "file": File(b"base", mode=0o640, uid=1000, gid=100),
    "other-name": Hardlink(target="file"),
    "link": Symlink(target="file"),
    "pipe": Fifo(),
    "null": Device(major=1, minor=3),
    "d": Directory(mode=0o2775),
    "d/deleted": b"soon gone",
    "d/kept": b"kept",
    "bin": File(b"set-id", mode=0o4755),
}


def changed(fs):
    """Change, add and delete in a place that holds TREE."""
    fs.store("d/kept", b"changed")
    fs.unlink("d/deleted")
    fs.chmod("bin", 0o755)
    fs.mkdir("new", 0o700)
    fs.symlink("../d/kept", "new/link")
    fs.store("new/file", b"new")
    fs.chown("new/file", 1000, 100)
    fs.link("new/file", "new/twin")
    for path in ("d/kept", "new/file", "d", "new"):
        fs.utimens(path, WHOLE, WHOLE)
    fs.utimens("new/link", WHOLE, WHOLE, False)


@check("image/live-equals-committed", source="Docker documentation, docker commit")
@needs(LAYERS)
def test_committed_image_holds_what_the_container_held(containers, observe):
    """A container of a committed image finds exactly the tree that was committed."""
    fs = containers.process(live := containers.run(containers.image(TREE)))
    changed(fs)
    held = fs.manifest()
    committed = containers.process(containers.run(containers.commit(live.stop())))
    lost, moved = held.became(committed.manifest())
    observe("differences", "; ".join(lost) or f"none in {held}")
    observe("directories' times", "; ".join(moved) or "kept")
    assert lost == []
    assert moved == []


@check("image/cross-driver-identical", source="OCI image-spec, layer.md, Applying Changesets")
@needs(LAYERS)
def test_image_equals_the_same_changes_on_a_plain_file_system(containers, observe):
    """An image committed after changes holds the tree that equal changes make on a file system without layers."""
    live = containers.run(containers.image({}))
    fs, plain = containers.process(live), containers.process(live, "plain")
    plain.mkdir("/volume/plain-tree")
    plain.chdir("/volume/plain-tree")
    for process in (fs, plain):
        process.mkdir("d", 0o2775)
        process.store("d/deleted", b"soon gone")
        process.store("d/kept", b"kept")
        process.store("bin", b"set-id", 0o755)
        changed(process)
        process.utimens("bin", WHOLE, WHOLE)
    held = plain.manifest()
    committed = containers.process(containers.run(containers.commit(live.stop())))
    lost, moved = held.became(committed.manifest())
    observe("differences", "; ".join(lost) or f"none in {held}")
    observe("directories' times", "; ".join(moved) or "kept")
    assert lost == []
    assert moved == []


@check("image/same-size-same-mtime-change", source="moby/moby issue 31805")
@needs(LAYERS)
def test_change_that_leaves_size_and_time_is_committed(containers, observe):
    """A file whose content changed is committed changed, though its size and modification time are what they were."""
    fs = containers.process(live := containers.run(containers.image({"f": File(b"AAAA", mtime_ns=WHOLE)})))
    fs.store("f", b"BBBB")
    fs.utimens("f", WHOLE, WHOLE)
    content = containers.process(containers.run(containers.commit(live.stop()))).load("f")
    observe("content in the image", content)
    assert content == b"BBBB"


@check("image/hardlink-within-layer", source="OCI image-spec, layer.md, Hardlinks")
@needs(LAYERS)
def test_hard_link_made_in_one_layer(containers, observe):
    """Two names of one file that were made in one layer are one file in the image."""
    fs = containers.process(live := containers.run(containers.image({})))
    fs.store("a", b"data")
    fs.link("a", "b")
    image = containers.process(containers.run(containers.commit(live.stop())))
    a, b = image.stat("a"), image.stat("b")
    observe("links", a.nlink)
    assert a.nlink == 2
    assert a.identity == b.identity


@check("image/hardlink-across-layers", source="OCI image-spec, layer.md, Hardlinks; moby/moby issue 5632")
@needs(LAYERS)
def test_hard_link_to_a_file_of_an_older_layer(containers, observe):
    """A new name of a file that an older layer has under two names is the same file in the image."""
    fs = containers.process(live := containers.run(containers.image({"a": b"data", "b": Hardlink(target="a")})))
    fs.link("a", "c")
    image = containers.process(containers.run(containers.commit(live.stop())))
    group = [name for name in "abc" if image.stat(name).identity == image.stat("c").identity]
    observe("names of the new link's file", " ".join(group))
    assert group == ["a", "b", "c"]


@check("image/hardlink-across-layers-size", source="moby/moby issue 48140")
@needs(LAYERS)
def test_hard_link_to_an_older_layer_adds_no_content(containers, observe):
    """A layer that only adds a name to a file of 1 MiB does not carry the file's content."""
    fs = containers.process(live := containers.run(containers.image({"a": bytes(MIB)})))
    fs.link("a", "b")
    live.stop()
    size = containers.layer_size(containers.commit(live))
    observe("layer", f"{size / MIB:.1f} MiB")
    # The layer is a name, and the sum is that of the contents in its archive.
    assert size == 0, f"layer of {size / MIB:.1f} MiB"


@check("image/opaque-roundtrip", source="OCI image-spec, layer.md, Opaque Whiteout")
@needs(LAYERS)
def test_directory_that_was_made_anew_stays_so(containers, observe):
    """A directory that was removed and made again holds in the image only what was put into it since."""
    fs = containers.process(live := containers.run(containers.image({"d": Directory(), "d/old": b"", "d/e/f": b""})))
    fs.unlink("d/e/f")
    fs.rmdir("d/e")
    fs.unlink("d/old")
    fs.rmdir("d")
    fs.mkdir("d")
    fs.store("d/new", b"")
    names = containers.process(containers.run(containers.commit(live.stop()))).listdir("d")
    observe("names in the image", " ".join(names))
    assert names == ["new"]


@check("image/whiteout-tar-form", source="OCI image-spec, layer.md, Whiteouts")
@needs(LAYERS)
def test_deletions_are_saved_as_whiteout_files(containers, observe):
    """docker save writes the deletion of a file and of a directory as files named .wh.NAME, and as nothing else."""
    base = containers.image({"f": b"", "d": Directory(), "d/g": b"", "kept": b""})
    fs = containers.process(live := containers.run(base))
    fs.unlink("f")
    fs.unlink("d/g")
    fs.rmdir("d")
    members = containers.last_layer_saved(containers.commit(live.stop()))
    observe("members of the layer", ", ".join(f"{path} ({kind})" for path, kind in sorted(members.items())))
    assert members == {".wh.f": "file", ".wh.d": "file"}


@check("image/kind-swap-roundtrip", source="OCI image-spec, layer.md, Applying Changesets")
@needs(LAYERS)
@pytest.mark.parametrize(
    ("older", "newer", "wanted"),
    [
        pytest.param(File(b"old"), Directory(), "x is a directory, x/in is a file", id="file-to-directory"),
        pytest.param(Directory(), File(b"new"), "x is a file", id="directory-to-file"),
        pytest.param(
            Symlink(target="/tmp"), Directory(), "x is a directory, x/in is a file", id="symlink-to-directory"
        ),
        pytest.param(Directory(), Symlink(target="/tmp"), "x is a symlink", id="directory-to-symlink"),
    ],
)
def test_last_layer_decides_what_a_name_is(containers, observe, older, newer, wanted):
    """A name that has different types in two layers has the newer layer's type, also after save and load."""
    lower, upper = ({"x": kind, **({"x/in": b""} if isinstance(kind, Directory) else {})} for kind in (older, newer))
    image = containers.process(containers.run(containers.reload(containers.image(lower, upper))))
    found = ", ".join(f"{path} is a {seen['kind']}" for path, seen in image.manifest().entries.items())
    observe("in the image", found)
    assert found == wanted


@check("image/rename-dir-roundtrip", source="moby/moby issue 35058")
@needs(LAYERS)
def test_directory_that_was_moved_is_moved_in_the_image(containers, observe, toolbox):
    """A directory that mv(1) moved has its new name and all its files in the image, and its old name is gone."""
    fs = containers.process(live := containers.run(containers.image({"d": Directory(), "d/e/f": b"data"})))
    assert fs.run(*toolbox.command("mv", "d", "moved")) == (0, "")
    image = containers.process(containers.run(containers.commit(live.stop())))
    found = sorted(image.manifest().entries)
    observe("names in the image", " ".join(found))
    assert found == ["moved", "moved/e", "moved/e/f"]
    assert image.load("moved/e/f") == b"data"


@check("image/chmod-only-roundtrip", source="moby/moby issue 21555")
@needs(LAYERS)
def test_change_of_mode_alone_is_committed(containers, observe):
    """A change of nothing but a file's mode is committed, and the content stays."""
    fs = containers.process(live := containers.run(containers.image({"f": b"data"})))
    fs.chmod("f", 0o600)
    image = containers.process(containers.run(containers.commit(live.stop())))
    mode = observe("mode in the image", f"{image.stat('f').permissions:04o}")
    assert mode == "0600"
    assert image.load("f") == b"data"


@check("image/mtime-preserved", source="POSIX.1-2017, pax, mtime")
@needs(LAYERS)
@pytest.mark.parametrize("moment", [pytest.param(WHOLE, id="seconds"), pytest.param(FINE, id="nanoseconds")])
def test_file_times_survive_a_commit(containers, observe, moment):
    """A file's modification time is the same in the image."""
    fs = containers.process(live := containers.run(containers.image({})))
    fs.store("f", b"data")
    fs.utimens("f", moment, moment)
    live.stop()
    lost = moment - containers.process(containers.run(containers.commit(live))).stat("f").mtime_ns
    observe("lost", f"{lost} ns")
    assert lost == 0


@check("image/dir-mtime", source="moby/moby issue 9874")
@needs(LAYERS)
@pytest.mark.parametrize("place", [pytest.param("old", id="from-the-image"), pytest.param("new", id="new")])
def test_directory_times_survive_a_commit(containers, observe, place):
    """A directory's modification time, set after the last change in it, is the same in the image."""
    fs = containers.process(live := containers.run(containers.image({"old": Directory(), "old/f": b""})))
    fs.attempt.mkdir(place)
    fs.store(f"{place}/added", b"")
    changed_at = fs.stat(f"{place}/added").mtime_ns
    fs.utimens(place, WHOLE, WHOLE)
    found = containers.process(containers.run(containers.commit(live.stop()))).stat(place).mtime_ns
    seen = "kept" if found == WHOLE else "that of a later copy" if found > changed_at else f"{found} ns"
    assert observe("mtime", seen) == "kept"


@check("image/device-fifo-roundtrip", source="OCI image-spec, layer.md, File Types")
@needs(LAYERS)
def test_devices_and_pipes_survive_a_commit(containers, observe):
    """A character device and a named pipe made in a container have type and device number in the image."""
    fs = containers.process(live := containers.run(containers.image({})))
    fs.mknod("device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    fs.mkfifo("pipe")
    image = containers.process(containers.run(containers.commit(live.stop()))).manifest().entries
    observe("in the image", ", ".join(f"{path} ({seen['kind']})" for path, seen in image.items()))
    assert {path: seen["kind"] for path, seen in image.items()} == {"device": "character device", "pipe": "fifo"}
    assert image["device"]["device"] == "1:3"


@check("image/save-load-digest", source="OCI image-spec, config.md, Layer DiffID")
@needs(LAYERS)
def test_saved_image_loads_with_the_same_digests(containers, observe):
    """An image that was saved, removed and loaded has the layer digests that it had."""
    fs = containers.process(live := containers.run(containers.image(TREE, {"d": Opaque(), "link": Whiteout()})))
    fs.store("new", b"")
    fs.unlink("bin")
    before = containers.layer_ids(image := containers.commit(live.stop()))
    live.remove()
    after = containers.layer_ids(containers.reload(image))
    observe("layers with the same digest", f"{len({*before} & {*after})} of {len(before)}")
    assert after == before


@check("image/export-import-flat", source="Docker documentation, docker export")
@needs(LAYERS)
def test_exported_and_imported_tree_is_the_container_s(containers, observe):
    """docker export and docker import give the tree that the container saw, in one layer."""
    fs = containers.process(live := containers.run(containers.image(TREE, {"d/older": b"", "d/deleted": Whiteout()})))
    fs.store("d/kept", b"changed")
    fs.utimens("d/kept", WHOLE, WHOLE)
    fs.utimens("d", WHOLE, WHOLE)
    image = containers.import_tree(live.export())
    held = fs.manifest()
    lost, moved = held.became(containers.process(containers.run(image)).manifest())
    observe("differences", "; ".join(lost) or f"none in {held}")
    observe("directories' times", "; ".join(moved) or "kept")
    assert len(containers.layer_ids(image)) == 1
    assert lost == []
    assert moved == []


@check("image/rebuild-reproducible", source="OCI image-spec, config.md, Layer DiffID")
@needs(LAYERS)
def test_same_changes_give_the_same_layer(containers, observe):
    """Equal changes made at two moments, with equal times set, are committed as layers of one digest."""
    base = containers.image({"d": Directory(), "d/old": b"old"})
    digests = []
    for _ in range(2):
        fs = containers.process(live := containers.run(base))
        fs.store("d/new", b"new")
        fs.chmod("d/old", 0o600)
        for path in ("d/new", "d", ".", ".."):
            fs.utimens(path, WHOLE, WHOLE)
        digests.append(containers.layer_ids(containers.commit(live.stop()))[-1])
        containers.another_second()
    observe("digests", same := "equal" if digests[0] == digests[1] else "differ")
    assert same == "equal"


@check("image/sibling-image-untouched", source="OCI image-spec, layer.md, Applying Changesets")
@needs(LAYERS)
def test_deletions_in_one_image_do_not_reach_its_base(containers, observe):
    """Files that an image deletes or changes stay as they were in the image that it was made from."""
    base = containers.image({"f": b"base", "d": Directory(), "d/g": b""})
    fs = containers.process(live := containers.run(base))
    fs.store("f", b"other")
    fs.unlink("d/g")
    fs.rmdir("d")
    containers.commit(live.stop())
    found = containers.process(containers.run(base))
    content = observe("the base's content", found.load("f"))
    assert content == b"base"
    assert found.listdir("d") == ["g"]


@check("image/pause-commit-unpause", source="Docker documentation, docker commit")
@needs(LAYERS)
def test_commit_of_a_paused_container(containers, observe):
    """A paused container can be committed, and its open descriptors work once it goes on."""
    fs = containers.process(live := containers.run(containers.image({"f": b"data"})))
    writer = fs.open("f", O_WRONLY)
    live.pause()
    image = containers.commit(live)
    live.unpause()
    fs.pwrite(writer, b"late", 0)
    content = observe("in the image", containers.process(containers.run(image)).load("f"))
    assert content == b"data"
    assert fs.load("f") == b"late"


def attribute_of_the_image(containers, name, value):
    """The value, in hex, of an attribute set in a container, after commit, save and load; `lost` if it is not there."""
    fs = containers.process(live := containers.run(containers.image({"f": File(b"data", mode=0o755)})))
    fs.setxattr("f", name, value)
    live.stop()
    image = containers.process(containers.run(containers.reload(containers.commit(live))))
    assert image.load("f") == b"data"
    return image.getxattr("f", name).hex() if name in image.listxattr("f") else "lost"


@check("xattr/build-keeps-user", source="moby/moby issue 20331; OCI image-spec, layer.md, File Attributes")
@needs(LAYERS)
def test_user_attribute_is_committed(containers, observe):
    """A user attribute that a file got in a container is in the image."""
    observed = attribute_of_the_image(containers, "user.note", b"kept")
    observe("attribute in the image", observed)
    assert observed == b"kept".hex()


@check("acl/lost-in-image", source="moby/moby issue 20331; OCI image-spec, layer.md, File Attributes")
@needs(LAYERS)
def test_access_control_list_is_committed(containers, observe):
    """An access control list that a file got in a container is in the image."""
    rules = acl((1, 7, None), (2, 6, 1000), (4, 5, None), (16, 7, None), (32, 5, None))
    observed = attribute_of_the_image(containers, "system.posix_acl_access", rules)
    observe("attribute in the image", observed)
    assert observed == rules.hex()


@check("caps/kept-in-image", source="capabilities(7); moby/moby issue 20658")
@needs(LAYERS)
def test_file_capability_is_committed(containers, observe):
    """A capability that a file got in a container is in the image."""
    capability = file_capability(1 << 13)
    observed = attribute_of_the_image(containers, "security.capability", capability)
    observe("attribute in the image", observed)
    assert observed == capability.hex()


@check("special/socket-in-image", source="OCI image-spec, layer.md, File Types", control=True)
@needs(LAYERS)
def test_socket_is_not_committed(containers, observe):
    """A unix socket of a container is not in its image, because layers have no form for sockets."""
    fs = containers.process(live := containers.run(containers.image({"f": b"data"})))
    fs.bind("socket")
    live.stop()
    names = containers.process(containers.run(containers.commit(live))).listdir()
    observe("names in the image", " ".join(names))
    assert names == ["f"]


@check("image/commit-while-writing", source="Docker documentation, docker commit --pause")
@needs(LAYERS)
def test_commit_while_a_process_writes(containers, observe):
    """A file to which a process appends while its container is committed has what it had then, in whole records."""
    fs = containers.process(live := containers.run(containers.image({"f": b""})))
    record, times = b"r" * 63 + b"\n", 200_000
    looking = containers.process(live, "B")
    writing = fs.begin("append_often", "f", record, times)
    assert any(looking.stat("f").size for _ in range(10_000))
    before = looking.stat("f").size
    image = containers.process(containers.run(containers.commit(live)))
    writing.answer(100)
    checksum, size = image.digest("f")
    observe("records in the image", f"{size // len(record)} of {times}")
    overlapped(size < times * len(record), "the writing")
    assert size >= before
    assert size % len(record) == 0
    assert checksum == crc32(record * (size // len(record)))


@check("conc/parallel-builds", source="moby/moby issue 21555; Docker documentation, docker commit")
@needs(LAYERS)
def test_commits_at_the_same_time(containers, observe):
    """Three containers with equal changes, committed at once, give images that hold the tree of one committed alone."""
    base = containers.image({"d/old": b"old"})
    made = [containers.run(base) for _ in range(4)]
    for container in made:
        fs = containers.process(container)
        fs.store("d/new", bytes(MIB))
        fs.chmod("d/old", 0o600)
        for path in ("d/new", "d", ".", ".."):
            fs.utimens(path, WHOLE, WHOLE)
        container.stop()
    alone = containers.process(containers.run(containers.commit(made[0]))).manifest()
    images = []
    containers.all_at_once(*(lambda live=live: images.append(containers.commit(live)) for live in made[1:]))
    lost, moved = zip(
        *(alone.became(containers.process(containers.run(image)).manifest()) for image in images), strict=True
    )
    observe("differences", "; ".join(lost[0] + lost[1] + lost[2]) or f"none in {alone}")
    observe("directories' times", "; ".join(moved[0] + moved[1] + moved[2]) or "kept")
    assert lost == ([], [], [])
    assert moved == ([], [], [])
