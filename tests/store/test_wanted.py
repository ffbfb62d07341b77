"""What a layer has to hold, from the headers of its tar, by the rules of the OCI image-spec's layer.md."""

import io
import stat
import tarfile

from roadworthy.store.wanted import Inode, Layer, Whiteout, ancestors, laid_over
from roadworthy.trees.layers import Directory, File, Hardlink, Opaque, Symlink, entry, layer_tar
from roadworthy.trees.layers import Whiteout as Removed


def layer(tree):
    """A layer of these entries."""
    made = Layer()
    data = io.BytesIO(layer_tar({path: entry(value) for path, value in tree.items()}))
    with tarfile.open(fileobj=data, errors="surrogateescape") as tar:
        for header in tar:
            made.add(header)
    return made


def test_headers_say_mode_owner_attributes_and_size():
    xattrs = {"user.a": b"\0\xff=\n", "trusted.overlay.opaque": b"y", "security.selinux": b"label"}
    found = layer({"f": File(content=b"123", mode=0o4711, uid=1, gid=2, xattrs=xattrs)}).entries["f"]
    assert found == Inode(stat.S_IFREG, {0o4711}, (1, 2), {"user.a": b"\0\xff=\n"}, size=3)


def test_hard_links_share_an_inode():
    entries = layer({"a": b"1", "b": Hardlink(target="a"), "s": Symlink(target="a")}).entries
    assert entries["a"] is entries["b"]
    assert entries["s"].target == "a"


def test_removals_and_opaque_directories_are_no_files():
    found = layer({"gone": Removed(), "d": Opaque(), "d/x": b"1"})
    assert found.entries["gone"] == Whiteout()
    assert found.opaque == {"d"}
    assert set(found.entries) == {"gone", "d", "d/x"}


def test_a_later_entry_replaces_an_earlier_one():
    found = Layer()
    for name, kind in (("./d/", tarfile.DIRTYPE), ("d/x", tarfile.REGTYPE), ("d", tarfile.SYMTYPE)):
        header = tarfile.TarInfo(name)
        header.type = kind
        found.add(header)
    assert list(found.entries) == ["d"]
    assert found.entries["d"].kind == stat.S_IFLNK


BELOW = {"d": Directory(), "d/a": b"1", "d/b": Directory(), "d/b/c": b"1", "f": b"1", "no/parents/x": b"1"}


def over(tree, below=BELOW):
    """The paths of a whole tree after a layer over another."""
    return set(laid_over(laid_over({}, layer(below)), layer(tree)))


def test_a_whole_tree_loses_what_was_removed():
    everything = set(over({}))
    assert over({"d/b": Removed()}) == everything - {"d/b", "d/b/c"}
    assert over({"no": Removed()}) == everything - {"no/parents/x"}
    assert over({"d": Opaque(), "d/new": b"1"}) == everything - {"d/a", "d/b", "d/b/c"} | {"d/new"}


def test_a_whole_tree_keeps_what_lies_in_a_directory_that_comes_again():
    everything = set(over({}))
    assert over({"d": Directory(mode=0o700)}) == everything
    assert over({"d": b"a file now"}) == everything - {"d/a", "d/b", "d/b/c"}
    assert over({"f": Directory(), "f/x": b"1"}) == everything | {"f/x"}
    assert over({"no": b"a file now"}) == everything - {"no/parents/x"} | {"no"}


def test_ancestors_are_the_directories_that_lead_to_a_path():
    assert ancestors(["a/b/c", "a/d", "e"]) == {"a", "a/b"}
