"""Layers: trees as tar members, archives, and what trees become where there are no layers."""

import hashlib
import io
import json
import re
import tarfile

import pytest

from roadworthy.trees.layers import (
    Device,
    Directory,
    Fifo,
    File,
    Hardlink,
    Opaque,
    Socket,
    SparseFile,
    Symlink,
    Whiteout,
    acl,
    beneath,
    entry,
    file_capability,
    flattened,
    layer_tar,
    mistake_in,
    stacked,
    write_archive,
)

MOMENT = 1_234_567_890 * 10**9


def read(tree):
    """The members of a layer by name, and the archive that they are read from."""
    tar = tarfile.TarFile(fileobj=io.BytesIO(layer_tar(tree)), errors="surrogateescape")
    return {member.name: member for member in tar}, tar


def xattr(member, name):
    return member.pax_headers[f"SCHILY.xattr.{name}"].encode("utf-8", "surrogateescape")


def test_a_file_carries_content_owner_mode_and_time():
    """A regular file comes back with its content, owner, mode and modification time."""
    tree = {"f": File(b"data", mode=0o4750, uid=3, gid=70000, mtime_ns=MOMENT)}
    found, tar = read(tree)
    member = found["f"]
    assert (member.mode, member.uid, member.gid, member.mtime) == (0o4750, 3, 70000, 1_234_567_890)
    assert tar.extractfile(member).read() == b"data"


@pytest.mark.parametrize("nanoseconds", [1, 500_000_000, 999_999_999])
def test_a_time_keeps_its_nanoseconds(nanoseconds):
    """A modification time between two seconds is a PAX header with nine digits."""
    found, _ = read({"f": File(b"", mtime_ns=MOMENT + nanoseconds)})
    assert found["f"].pax_headers["mtime"] == f"1234567890.{nanoseconds:09d}"


def test_a_time_on_the_second_needs_no_header():
    """A whole second stands in the plain header."""
    found, _ = read({"f": File(b"", mtime_ns=MOMENT)})
    assert "mtime" not in found["f"].pax_headers


@pytest.mark.parametrize("value", [b"", b"text", b"\0\xff\xfe", bytes(range(256)), "läuft".encode()], ids=range(5))
def test_an_attribute_travels_byte_for_byte(value):
    """An extended attribute's value is not changed, whatever bytes it holds."""
    found, _ = read({"f": File(b"", xattrs={"user.x": value})})
    assert xattr(found["f"], "user.x") == value


def test_an_attribute_and_nanoseconds_go_together():
    """An entry may have both a fractional time and attributes."""
    found, _ = read({"f": File(b"", mtime_ns=MOMENT + 7, xattrs={"user.a": b"\xff", "security.capability": b"\1"})})
    assert xattr(found["f"], "user.a") == b"\xff"
    assert found["f"].pax_headers["mtime"].endswith(".000000007")


def test_kinds_of_entry_have_their_tar_types():
    """Every kind of entry is written as the tar type of its name."""
    found, _ = read(
        {
            "d": Directory(mode=0o1777),
            "l": Symlink(target="../anywhere"),
            "p": Fifo(),
            "c": Device(major=1, minor=3),
            "b": Device(major=7, minor=200, block=True),
        }
    )
    assert found["d"].isdir()
    assert found["d"].mode == 0o1777
    assert found["l"].issym()
    assert found["l"].linkname == "../anywhere"
    assert found["p"].isfifo()
    assert found["c"].ischr()
    assert (found["c"].devmajor, found["c"].devminor) == (1, 3)
    assert found["b"].isblk()
    assert (found["b"].devmajor, found["b"].devminor) == (7, 200)


def test_a_hard_link_follows_its_target():
    """A hard link stands after its target, wherever its name sorts."""
    names = list(read({"a": Hardlink(target="z"), "z": File(b"data"), "m": File(b"")})[0])
    assert names.index("z") < names.index("a")


def test_a_parent_stands_before_its_children():
    """Directories come before what is in them, also where a sibling's name sorts between."""
    tree = {"d/f": File(b""), "d-e": File(b""), "d": Directory(), "d/e/g": File(b""), "d/e": Directory()}
    names = list(read(tree)[0])
    assert names.index("d") < names.index("d/e") < names.index("d/e/g")
    assert names.index("d") < names.index("d/f")


def test_a_sparse_file_carries_its_holes_as_zeroes():
    """A sparse file is as long as it says and ends in its tail."""
    found, tar = read({"s": SparseFile(size=10_000, tail=b"end")})
    assert tar.extractfile(found["s"]).read() == bytes(9_997) + b"end"


def test_a_whiteout_is_a_marker_beside_the_name():
    """A removal is an empty `.wh.` file in the same directory."""
    found, _ = read({"d/f": Whiteout(), "top": Whiteout()})
    assert set(found) == {"d/.wh.f", ".wh.top"}
    assert found["d/.wh.f"].size == 0


def test_an_opaque_directory_is_a_directory_with_a_marker_inside():
    """An opaque directory is itself, then its marker."""
    found, _ = read({"d": Opaque(mode=0o700)})
    assert list(found) == ["d", "d/.wh..wh..opq"]
    assert found["d"].mode == 0o700


def test_a_socket_is_refused():
    """No image archive has a form for sockets, so writing one is an error that names the path."""
    with pytest.raises(ValueError, match="d/s: an image archive has no form for a socket"):
        layer_tar({"d/s": Socket()})


def test_a_name_may_be_long_or_not_ascii():
    """A long name and a name beyond ASCII come back as they were."""
    long, other = "n" * 255, "größe"
    assert set(read({long: File(b""), other: File(b"")})[0]) == {long, other}


def test_the_same_trees_give_the_same_bytes():
    """An archive depends on its trees alone, not on the order in which they were written down."""
    tree = {
        "a": File(b"1", xattrs={"user.x": b"\xff"}, mtime_ns=MOMENT + 5),
        "d": Directory(),
        "d/l": Hardlink(target="a"),
    }
    backwards = dict(reversed(tree.items()))
    assert layer_tar(tree) == layer_tar(backwards)
    first, second = io.BytesIO(), io.BytesIO()
    write_archive(first, "name:tag", [layer_tar(tree)])
    write_archive(second, "name:tag", [layer_tar(backwards)])
    assert first.getvalue() == second.getvalue()


def test_an_archive_lists_its_layers_and_their_digests():
    """The archive's manifest names configuration and layers, and the configuration has each layer's digest."""
    layers = [layer_tar({"a": File(b"1")}), layer_tar({"b": File(b"2")})]
    target = io.BytesIO()
    write_archive(target, "name:tag", layers)
    target.seek(0)
    with tarfile.open(fileobj=target) as tar:
        content = {member.name: tar.extractfile(member).read() for member in tar}
    (manifest,) = json.loads(content["manifest.json"])
    configuration = content[manifest["Config"]]
    assert manifest["RepoTags"] == ["name:tag"]
    assert manifest["Config"] == f"{hashlib.sha256(configuration).hexdigest()}.json"
    assert [content[name] for name in manifest["Layers"]] == layers
    digests = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    assert json.loads(configuration)["rootfs"]["diff_ids"] == digests


def test_bytes_are_short_for_a_file():
    """Bytes stand for a regular file with that content."""
    assert entry(b"x") == File(b"x")
    assert entry(Fifo()) == Fifo()


def test_beneath_moves_a_tree_and_its_links():
    """A moved tree has the directories that lead to it, and its hard links still point into it."""
    moved = beneath("c/x", {"a/f": b"1", "l": Hardlink(target="a/f"), "s": Symlink(target="a")})
    assert moved["c/x/l"] == Hardlink(target="c/x/a/f")
    assert moved["c/x/s"].target == "a"
    assert all(isinstance(moved[name], Directory) for name in ("c", "c/x", "c/x/a"))


def test_beneath_keeps_a_directory_that_the_tree_names():
    """A directory that the tree itself describes keeps its mode."""
    assert beneath("c", {"d": Directory(mode=0o700), "d/f": b""})["c/d"].mode == 0o700
    assert beneath("c", {"d/f": b"", "d": Directory(mode=0o700)})["c/d"].mode == 0o700


def test_beneath_of_nothing_is_the_directory():
    """An empty tree still has its directory."""
    assert set(beneath("c/x", {})) == {"c/x"}


def entries(*trees):
    return flattened([{path: entry(value) for path, value in tree.items()} for tree in trees])


def test_flattened_lets_the_upper_file_win():
    """Of one path in two layers the upper one is seen."""
    assert entries({"f": b"old"}, {"f": b"new"})["f"].content == b"new"


def test_flattened_removes_what_is_whited_out():
    """A whiteout takes a file, or a directory with everything in it, and leaves neighbours alone."""
    found = entries({"d": Directory(), "d/f": b"", "de": b""}, {"d": Whiteout()})
    assert set(found) == {"de"}


def test_flattened_empties_an_opaque_directory():
    """An opaque directory hides what lower layers have in it and shows what its own layer has."""
    found = entries({"d": Directory(), "d/old": b""}, {"d": Opaque(mode=0o711), "d/new": b""})
    assert set(found) == {"d", "d/new"}
    assert found["d"] == Directory(mode=0o711)


def test_flattened_merges_directories():
    """A directory in two layers has the entries of both and the attributes of the upper one."""
    found = entries({"d": Directory(mode=0o700), "d/a": b""}, {"d": Directory(mode=0o755), "d/b": b""})
    assert set(found) == {"d", "d/a", "d/b"}
    assert found["d"].mode == 0o755


def test_flattened_replaces_a_directory_by_a_file():
    """A file over a directory hides everything that was in it."""
    assert set(entries({"d": Directory(), "d/a": b""}, {"d": b"file"})) == {"d"}


def test_flattened_replaces_a_file_by_a_directory():
    """A directory over a file replaces it."""
    found = entries({"d": b"file"}, {"d": Directory(), "d/a": b""})
    assert isinstance(found["d"], Directory)


def test_an_acl_has_the_kernels_form():
    """An ACL is version 2, then eight bytes a rule, with all ones where a rule names nobody."""
    assert acl((1, 7, None), (2, 4, 1000)) == bytes.fromhex("02000000 01000700ffffffff 02000400e8030000")


def test_a_file_capability_has_the_kernels_form():
    """A file capability is revision 2 with the effective bit, low words before high words."""
    assert file_capability(1 << 13 | 1 << 33) == bytes.fromhex("01000002 00200000 00000000 02000000 00000000")


def test_a_hard_link_has_its_targets_metadata():
    """A link's header carries what its target has, because an engine applies it to the inode that both share."""
    file = File(b"x", mode=0o640, uid=1000, gid=1001, mtime_ns=MOMENT, xattrs={"user.a": b"b"})
    with tarfile.open(fileobj=io.BytesIO(layer_tar({"f": file, "g": Hardlink(target="f")}))) as tar:
        first, second = tar.getmember("f"), tar.getmember("g")
    for name in ("mode", "uid", "gid", "mtime"):
        assert getattr(first, name) == getattr(second, name)
    assert second.pax_headers["SCHILY.xattr.user.a"] == "b"


def test_a_hard_link_to_nothing_is_refused():
    """A link needs its target in the same layer."""
    with pytest.raises(ValueError, match="a hard link to f, which this layer does not have"):
        layer_tar({"g": Hardlink(target="f")})


def test_stacked_layers_have_a_directory_for_each_depth():
    """The uppermost n layers have `dn`; the files lie in the lowest of them, and each has its own names if asked."""
    layers = stacked((1, 3), {"f": b"x"}, own=1)
    assert [sorted(layer) for layer in layers] == [
        ["d3", "d3/f", "d3/own-0-0"],
        ["d3", "d3/own-1-0"],
        ["d1", "d1/f", "d1/own-0-0", "d3", "d3/own-2-0"],
    ]
    assert set(flattened(layers)) == {path for layer in layers for path in layer}


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"d": {"f": b"x"}}, "'d' is a dict: a tree maps paths to bytes or to Device, Directory, .*; what lies in a "
         "directory is 'd/NAME' of its tree"),
        ({"f": "text"}, "'f' is a str: a tree maps paths to bytes or to Device, Directory, "),
        ({"f": None}, "'f' is a NoneType"),
        ({"/f": b""}, "'/f' is no path below the check's directory"),
        ({"../f": b""}, "'../f' is no path below"),
        ({"": b""}, "'' is no path below"),
        ({"s": Socket()}, "'s' is a Socket, for which an image archive has no form: make it in the check"),
        ({"f": Hardlink("g")}, "'f' is a Hardlink to 'g', which is not in the tree"),
    ],
)  # fmt: skip
def test_a_tree_that_cannot_be_made_is_told(tree, said):
    """The words have the path, what is there, and what may be."""
    assert re.match(said, mistake_in(tree, archived=True))


def test_a_tree_that_can_be_made_has_no_mistake():
    """Everything that checks use can be written into an archive; a socket can be made on a volume."""
    tree = {
        "d": Directory(), "d/f": b"x", "g": File(b"y"), "h": Hardlink("g"), "l": Symlink("nowhere"), "gone": Whiteout(),
        "o": Opaque(), "p": Fifo(), "c": Device(major=1, minor=3), "s": SparseFile(size=8),
    }  # fmt: skip
    assert mistake_in(tree, archived=True) == ""
    assert layer_tar({path: entry(value) for path, value in tree.items()})
    assert mistake_in({"s": Socket()}, archived=False) == ""


def test_what_an_entry_is_given_first_is_what_it_is_about():
    """`Symlink("target")` is no link with a mode of "target"."""
    assert (Symlink("a"), Hardlink("a"), File(b"a")) == (Symlink(target="a"), Hardlink(target="a"), File(content=b"a"))
    with pytest.raises(TypeError):
        Directory(0o700)
