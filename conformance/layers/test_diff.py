"""The changes that the engine lists, the files that it copies in and out, and the archives that it accepts."""

import pytest

from roadworthy import LAYERS, Directory, Hardlink, Symlink, Whiteout, check, needs

pytestmark = pytest.mark.slow

#: Whiteouts that name no file: of no name at all, of the directory that they lie in, of the one above.
NAMELESS = [
    pytest.param(".wh.", id="of-no-name"),
    pytest.param(".wh..", id="of-dot"),
    pytest.param(".wh...", id="of-dot-dot"),
]


@check("image/docker-diff-content", source="Docker documentation, docker diff")
@needs(LAYERS)
def test_diff_names_every_change_and_nothing_else(containers, observe):
    """docker diff marks what is new with A, what was written or got a new mode with C, and what is gone with D."""
    base = containers.image({"written": b"old", "mode": b"", "gone": b"", "d": Directory(), "d/gone": b"", "kept": b""})
    fs = containers.process(live := containers.run(base))
    fs.store("written", b"longer than before")
    fs.chmod("mode", 0o600)
    fs.unlink("gone")
    fs.unlink("d/gone")
    fs.mkdir("new")
    fs.store("new/file", b"")
    said = containers.changes(live)
    observe("docker diff", ", ".join(f"{kind} {path}" for path, kind in sorted(said.items())))
    assert said == {
        "written": "C", "mode": "C", "gone": "D", "d": "C", "d/gone": "D", "new": "A", "new/file": "A",
    }  # fmt: skip


@check("image/docker-diff-noise", source="Docker documentation, docker diff")
@needs(LAYERS)
def test_diff_of_a_container_that_only_reads_is_empty(containers, observe):
    """docker diff of a container that only reads files and directories is empty."""
    fs = containers.process(live := containers.run(containers.image({"f": b"data", "d": Directory(), "d/g": b""})))
    fs.load("f")
    fs.listdir("d")
    fs.manifest("/etc")
    said = live.diff()
    observe("docker diff", ", ".join(f"{kind} {path}" for path, kind in sorted(said.items())) or "nothing")
    assert said == {}


@check("image/docker-diff-hardlink-sibling", source="POSIX.1-2017, XBD 3.191, Hard Link")
@needs(LAYERS)
def test_diff_names_all_names_of_a_file_that_was_written(containers, observe):
    """docker diff marks both names of a file with C if it was written through one of them."""
    fs = containers.process(live := containers.run(containers.image({"a": b"data", "b": Hardlink(target="a")})))
    fs.store("a", b"longer than before")
    said = containers.changes(live)
    observe("docker diff", ", ".join(f"{kind} {path}" for path, kind in sorted(said.items())))
    assert said == {"a": "C", "b": "C"}


@check("image/docker-cp-whiteout", source="Docker documentation, docker cp")
@needs(LAYERS)
def test_copy_out_of_a_directory_that_was_made_anew(containers, observe):
    """docker cp of a directory that was removed and made again has only what lies in it now."""
    fs = containers.process(live := containers.run(containers.image({"d": Directory(), "d/old": b"old"})))
    fs.unlink("d/old")
    fs.rmdir("d")
    fs.mkdir("d")
    fs.store("d/new", b"new")
    copied = live.copy_out(f"{fs.directory}/d")
    observe("copied", " ".join(copied))
    assert copied == {"d/new": b"new"}


@check("image/docker-cp-into-recreated", source="Docker documentation, docker cp")
@needs(LAYERS)
def test_copy_into_a_directory_that_was_made_anew(containers, observe):
    """What docker cp puts into a directory that was removed and made again is all that the container sees in it."""
    fs = containers.process(live := containers.run(containers.image({"d": Directory(), "d/old": b"old"})))
    fs.unlink("d/old")
    fs.rmdir("d")
    fs.mkdir("d")
    live.copy_in(f"{fs.directory}/d", {"copied": b"in"})
    names = fs.listdir("d")
    observe("names", " ".join(names))
    assert names == ["copied"]
    assert fs.load("d/copied") == b"in"


@check("sec/proc-root-escape-symlink", source="symlink(7); moby/moby pkg/symlink")
@needs(LAYERS)
def test_copy_through_an_absolute_symlink_stays_inside(containers, observe, storage):
    """docker cp through a symbolic link that leads out of the container's root ends inside it."""
    base = containers.image({"out": Symlink(target="/../../../../../../tmp")})
    fs = containers.process(live := containers.run(base))
    live.copy_in(f"{fs.directory}/out", {"roadworthy-escape": b"in"})
    inside = fs.attempt.stat("/tmp/roadworthy-escape")
    outside = storage.on_host("/tmp/roadworthy-escape").exists()
    observe("inside", "there" if inside == "success" else inside)
    observe("on the host", "there" if outside else "nothing")
    assert inside == "success"
    assert fs.load("/tmp/roadworthy-escape") == b"in"
    assert not outside


@check("image/whiteout-order-independence", source="OCI image-spec, layer.md, Opaque Whiteout")
@needs(LAYERS)
@pytest.mark.parametrize("name", [pytest.param("new", id="marker-first"), pytest.param("-new", id="marker-last")])
def test_opaque_marker_may_stand_anywhere_in_the_archive(containers, observe, name):
    """An opaque marker hides what older layers have, and nothing of its own, wherever in the archive it stands."""
    # The archive is sorted by name, and `-` sorts before the marker's dot.
    marked = {"d": Directory(), f"d/{name}": b"", "d/.wh..wh..opq": b""}
    fs = containers.process(containers.run(containers.image({"d": Directory(), "d/old": b""}, marked)))
    names = fs.listdir("d")
    observe("names", " ".join(names))
    assert names == [name]


@check("image/invalid-whiteouts-rejected", source="OCI image-spec, layer.md, Whiteouts")
@needs(LAYERS)
@pytest.mark.parametrize("name", NAMELESS)
def test_whiteout_that_names_no_file_is_refused(containers, observe, name):
    """A layer with a whiteout of no name, of its own directory or of the one above is refused."""
    said = containers.attempt.image({"d/e/f": b"", "kept": b""}, {f"d/e/{name}": b""})
    observe("docker load", said)
    assert said != "success"


@check("image/invalid-whiteouts-contained", source="OCI image-spec, layer.md, Whiteouts")
@needs(LAYERS)
@pytest.mark.parametrize("name", NAMELESS)
def test_whiteout_that_names_no_file_does_no_harm(containers, observe, name):
    """An image that was there before keeps all its files when a layer with such a whiteout is loaded upon it."""
    base = containers.image(tree := {"d/e/f": b"data", "kept": b""})
    before = containers.process(containers.run(base)).manifest()
    containers.attempt.image(tree, {f"d/e/{name}": b""})
    lost, moved = before.became(containers.process(containers.run(base)).manifest())
    observe("differences", "; ".join(lost) or f"none in {before}")
    observe("directories' times", "; ".join(moved) or "kept")
    assert lost == []
    assert moved == []


@check("image/whiteout-of-nothing", source="OCI image-spec, layer.md, Whiteouts")
@needs(LAYERS)
def test_whiteout_of_a_name_that_no_layer_has(containers, observe):
    """A whiteout of a name that no older layer has leaves everything as it is."""
    fs = containers.process(containers.run(containers.image({"d/f": b"data"}, {"d/none": Whiteout(), "d/new": b""})))
    names = fs.listdir("d")
    observe("names", " ".join(names))
    assert names == ["f", "new"]
