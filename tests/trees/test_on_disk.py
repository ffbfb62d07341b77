"""Trees without layers: what `native` finds on its volume."""

import os
import stat
from dataclasses import replace

import pytest

from roadworthy.trees.layers import Directory, Fifo, File, Hardlink, Socket, SparseFile, Symlink, Whiteout
from roadworthy.trees.on_disk import lay_out

MOMENT = 1_234_567_890_123_456_789


@pytest.fixture
def laid(tmp_path):
    """Lay out a tree whose entries belong to whoever runs the tests."""

    def laid(tree):
        own = {"uid": os.getuid(), "gid": os.getgid()}
        lay_out({path: replace(value, **own) for path, value in tree.items()}, tmp_path)
        return tmp_path

    return laid


def test_a_file_has_content_mode_and_time(laid):
    """A file has its content, its set-id bits and its time to the nanosecond."""
    root = laid({"f": File(b"data", mode=0o4711, mtime_ns=MOMENT)})
    found = (root / "f").stat()
    assert (root / "f").read_bytes() == b"data"
    assert stat.S_IMODE(found.st_mode) == 0o4711
    assert found.st_mtime_ns == MOMENT


def test_a_directory_keeps_its_time_although_children_were_made(laid):
    """A directory's time is what the tree says, not when its children were made."""
    root = laid({"d/f": File(b""), "d": Directory(mtime_ns=MOMENT), "d/e": Directory(mtime_ns=MOMENT + 1)})
    assert (root / "d").stat().st_mtime_ns == MOMENT
    assert (root / "d/e").stat().st_mtime_ns == MOMENT + 1


def test_a_directory_may_be_unwritable(laid):
    """A directory without write permission still gets its children."""
    root = laid({"d": Directory(mode=0o555), "d/f": File(b"x")})
    assert stat.S_IMODE((root / "d").stat().st_mode) == 0o555
    (root / "d").chmod(0o755)


def test_a_hard_link_is_the_same_file(laid):
    """A hard link is one file with its target, also where its name comes first."""
    root = laid({"a": Hardlink(target="d/z"), "d": Directory(), "d/z": File(b"data")})
    assert (root / "a").samefile(root / "d/z")
    assert (root / "a").stat().st_nlink == 2


def test_a_symlink_is_not_followed(laid):
    """A symbolic link has its target and time, and what it points at is not touched."""
    root = laid({"l": Symlink(target="f", mtime_ns=MOMENT), "f": File(b"", mode=0o600)})
    assert os.readlink(root / "l") == "f"
    assert (root / "l").lstat().st_mtime_ns == MOMENT
    assert stat.S_IMODE((root / "f").stat().st_mode) == 0o600


def test_a_fifo_is_a_fifo(laid):
    """A named pipe is one."""
    assert (laid({"p": Fifo(mode=0o620)}) / "p").is_fifo()


def test_a_sparse_file_has_a_hole(laid):
    """A sparse file is long, ends in its tail, and takes few blocks."""
    root = laid({"s": SparseFile(size=1 << 24, tail=b"end")})
    found = (root / "s").stat()
    assert found.st_size == 1 << 24
    assert (root / "s").read_bytes().endswith(b"\0end")
    assert found.st_blocks * 512 < 1 << 20


@pytest.mark.parametrize("value", [Socket(), Whiteout()], ids=["socket", "whiteout"])
def test_what_only_layers_have_is_refused(laid, value):
    """A whiteout means nothing without layers, and is refused with its path."""
    with pytest.raises(ValueError, match=f"x: a tree without layers cannot hold a {type(value).__name__.lower()}"):
        laid({"x": value})
