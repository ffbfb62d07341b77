"""The comparison of a directory with what a layer has to hold: each kind of damage, and what is none."""

import hashlib
import io
import os
import tarfile

import pytest

from roadworthy.store.comparison import Comparison, Form
from roadworthy.store.wanted import Layer, laid_over
from roadworthy.trees.layers import Directory, File, Hardlink, Opaque, Symlink, Whiteout, entry, layer_tar
from roadworthy.trees.on_disk import lay_out

OWNER = {"uid": os.getuid(), "gid": os.getgid()}
LAYERED, WHOLE = Form(whole=False, marked_by_names=True), Form(whole=True)
TREE = {
    "f": File(content=b"1" * 9000, mode=0o640, **OWNER), "g": File(content=b"22", **OWNER), "d": Directory(**OWNER),
    "d/x": File(content=b"3", **OWNER), "d/y": File(**OWNER), "s": Symlink(target="f", **OWNER),
    "l": Hardlink(target="f"), "zeroes": File(content=bytes(5000), **OWNER),
}  # fmt: skip


def layer_of(tree):
    made = Layer()
    with tarfile.open(fileobj=io.BytesIO(layer_tar({path: entry(value) for path, value in tree.items()}))) as tar:
        for header in tar:
            content = tar.extractfile(header).read() if header.isreg() else b""
            made.add(header, ("sha256", hashlib.sha256(content).digest()))
    return made


@pytest.fixture
def top(tmp_path):
    """A layer's directory that is as it should be."""
    place = tmp_path / "layer"
    place.mkdir()
    lay_out(TREE, place)
    return place


def damages(top, tree=TREE, form=LAYERED, removed=()):
    layer = layer_of(tree)
    wanted = laid_over({}, layer) if form.whole else layer.entries
    found = Comparison(form, wanted, layer.entries, layer.opaque, removed).run(top)
    return {(one.path, one.kind) for one in found}


@pytest.mark.parametrize("form", [LAYERED, WHOLE], ids=["layered", "whole"])
def test_what_is_as_it_should_be_has_no_damage(top, form):
    assert damages(top, form=form) == set()


def emptied(top):
    (top / "g").write_bytes(b"")


def zeroed(top):
    (top / "f").write_bytes(bytes(9000))


def changed(top):
    (top / "f").write_bytes(b"1" * 4096 + bytes(4904))


def longer(top):
    (top / "g").write_bytes(b"222")


def gone(top):
    (top / "d/x").unlink()


def directory_gone(top):
    for name in ("x", "y"):
        (top / "d" / name).unlink()
    (top / "d").rmdir()


def mode(top):
    (top / "d").chmod(0o700)


def retargeted(top):
    (top / "s").unlink()
    (top / "s").symlink_to("g")


def unlinked(top):
    content = (top / "f").read_bytes()
    (top / "l").unlink()
    (top / "l").write_bytes(content)
    (top / "l").chmod(0o640)


def replaced(top):
    (top / "g").unlink()
    (top / "g").mkdir()


def added(top):
    (top / "more").mkdir()
    (top / "more/below").write_bytes(b"")


@pytest.mark.parametrize("form", [LAYERED, WHOLE], ids=["layered", "whole"])
@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (emptied, {("g", "cut short")}), (zeroed, {("f", "zeroed")}), (changed, {("f", "changed")}),
        (longer, {("g", "too long")}), (gone, {("d/x", "missing")}), (directory_gone, {("d", "missing")}),
        (mode, {("d", "wrong mode")}), (retargeted, {("s", "wrong target")}), (unlinked, {("l", "wrong link")}),
        (replaced, {("g", "wrong type")}), (added, {("more", "unexpected")}),
    ],
)  # fmt: skip
def test_each_damage_is_named(top, damage, found, form):
    damage(top)
    assert damages(top, form=form) == found


def test_a_layer_that_is_not_there(tmp_path):
    assert damages(tmp_path / "nowhere") == {("", "missing")}


def test_a_removal_is_marked_by_a_file(top):
    """As fuse-overlayfs takes it; without the mark, what lies below is there again."""
    tree = {**TREE, "d": Opaque(**OWNER), "gone": Whiteout()}
    assert damages(top, tree) == {("d", "missing whiteout"), ("gone", "missing whiteout")}
    (top / "d/.wh..wh..opq").touch()
    (top / ".wh.gone").touch()
    assert damages(top, tree) == set()


def test_a_whole_tree_has_nothing_that_was_removed(top):
    (top / "gone").touch()
    assert damages(top, form=WHOLE, removed={"gone"}) == {("gone", "missing whiteout")}


def test_a_tree_that_is_deeper_than_a_path_may_be_long(top):
    """Every directory is reached from the one above it."""
    levels = 40
    deep = {"/".join(["n" * 200] * n): Directory(**OWNER) for n in range(1, levels)}
    descriptor = os.open(top, os.O_RDONLY)
    for _ in range(1, levels):
        os.mkdir("n" * 200, dir_fd=descriptor)
        below = os.open("n" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    assert damages(top, {**TREE, **deep}) == set()
