"""A directory made where one was removed shows nothing of the removed one."""

import pytest

from roadworthy import WHITEOUTS, Directory, Opaque, Whiteout, check, layers, lower, needs


@check("opaque/rm-and-mkdir", source="POSIX.1-2017, mkdir()", provenance=("lower", "lower-deep", "upper"))
@lower({"d": Directory(), "d/inner": Directory(), "d/inner/file": b"", "d/file": b""})
def test_directory_made_again_is_empty(fs, observe):
    """A directory that is removed with its content, and made again, is empty."""
    fs.unlink("d/inner/file")
    fs.rmdir("d/inner")
    fs.unlink("d/file")
    fs.rmdir("d")
    fs.mkdir("d")
    names = fs.listdir("d")
    observe("entries", " ".join(names) or "none")
    assert names == []
    assert fs.attempt.stat("d/file") == "ENOENT"


@check("opaque/nothing-comes-back", source="POSIX.1-2017, mkdir()")
@lower({"d/inner/file": b""})
@pytest.mark.slow
def test_nothing_comes_back_after_a_restart(containers, observe):
    """A directory that was removed and made again is still empty after its container was stopped and started."""
    container = containers.run()
    fs = containers.process(container)
    fs.unlink("d/inner/file")
    fs.rmdir("d/inner")
    fs.rmdir("d")
    fs.mkdir("d")
    container.stop()
    container.start()
    names = containers.process(container).listdir("d")
    observe("entries after the restart", " ".join(names) or "none")
    assert names == []


@check("opaque/deep-recreate", source="OCI image-spec, layer.md, Whiteouts")
@layers({"d1/d2/foo": b""}, {"d1": Whiteout()}, {"d1/d2": Directory()})
def test_layer_makes_a_removed_tree_again(fs, observe):
    """A tree that one layer removes and a later layer makes again shows nothing of the older layers."""
    names = fs.listdir("d1/d2")
    observe("entries", " ".join(names) or "none")
    assert names == []
    assert fs.listdir("d1") == ["d2"]


@check("opaque/image-directory", source="OCI image-spec, layer.md, Opaque Whiteout")
@layers({"d/old": b"", "d/inner/old": b""}, {"d": Opaque(), "d/inner/new": b""})
def test_opaque_directory_of_a_layer(fs, observe):
    """An opaque directory of a layer shows what its own layer has in it, and nothing older."""
    names, inner = fs.listdir("d"), fs.listdir("d/inner")
    observe("entries", " ".join(names + inner))
    assert names == ["inner"]
    assert inner == ["new"]


@check("opaque/not-copied-up", source="xfstests overlay/014")
@layers({"d/lowest": b""}, {"d": Opaque(), "d/kept": b""})
@pytest.mark.slow
def test_changed_opaque_directory_still_shows_its_layer(containers, observe):
    """An opaque directory in which a container makes a file still shows its own layer's files after a restart."""
    container = containers.run()
    containers.process(container).store("d/made", b"")
    container.stop()
    container.start()
    names = containers.process(container).listdir("d")
    observe("entries after the restart", " ".join(names))
    assert names == ["kept", "made"]


@check("opaque/on-disk-form", source="overlayfs.rst, whiteouts and opaque directories")
@lower({"d/old": b""})
@needs(WHITEOUTS)
def test_mark_of_an_opaque_directory(fs, container, storage, observe):
    """A directory made where the image had one is marked opaque in the writable layer."""
    fs.unlink("d/old")
    fs.rmdir("d")
    fs.mkdir("d")
    form = storage.opaque_form(container, "d")
    observe("in the writable layer", form)
    assert form != "no mark"
