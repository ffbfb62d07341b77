"""Provenance: the objects under test made in the container, before the first recorded call."""

import pytest

from roadworthy.checks import Declared
from roadworthy.layers import LONG_AGO_NS, Directory, File, Symlink
from roadworthy.preparation import PIECE, prepared


class FakeProcess:
    """Records calls by name; everything exists that was made."""

    def __init__(self):
        self.evidence = "the check's"
        self.made = []
        self.attempt = self

    def lstat(self, path):
        return "success" if ("mkdir", path) in self.made else "ENOENT"

    def __getattr__(self, name):
        return lambda *arguments, **_: self.made.append((name, *arguments[:1]))


def declared(trees, provenance="upper"):
    return Declared("a/b", "a", "p", "", "", provenance, "a.b", trees)


def test_a_nested_file_gets_its_directories():
    """Directories that the tree does not name are made on the way to a file."""
    process = FakeProcess()
    prepared(process, declared(({"a/b/f": File(b"x"), "a/b/g": File(b"y")},)))
    assert [call for call in process.made if call[0] in ("mkdir", "store")] == [
        ("mkdir", "a"), ("mkdir", "a/b"), ("store", "a/b/f"), ("store", "a/b/g"),
    ]  # fmt: skip


def test_a_symlink_gets_its_owner_and_times():
    """A symbolic link is owned and dated like everything else."""
    process = FakeProcess()
    prepared(process, declared(({"s": Symlink(target="t", uid=7, mtime_ns=LONG_AGO_NS)},)))
    assert [call[0] for call in process.made] == ["symlink", "lchown", "utimens"]


def test_a_large_file_is_made_in_pieces():
    """A file larger than a request to the agent may be is stored and appended to; a small one is stored at once."""
    process = FakeProcess()
    process.write = lambda _, data: process.made.append(("write", len(data)))
    prepared(process, declared(({"f": File(bytes(2 * PIECE + 1)), "g": File(bytes(PIECE))},)))
    assert [call for call in process.made if call[0] in ("store", "write")] == [
        ("store", "f"), ("write", PIECE), ("write", 1), ("store", "g"),
    ]  # fmt: skip


@pytest.mark.parametrize(("outcome", "asked"), [("success", 1), ("ENOTSUP", 1), ("EPERM", 2)])
def test_attributes_that_cannot_be_stored_are_left_out(outcome, asked):
    """Where the file system has no such attribute the check is to see that; any other refusal is raised."""
    process = FakeProcess()
    process.setxattr = lambda *_: process.made.append(("setxattr",)) or outcome
    prepared(process, declared(({"f": File(b"x", xattrs={"user.a": b"1"})},)))
    assert process.made.count(("setxattr",)) == asked


def test_a_lower_tree_is_left_alone():
    """What lies in the image is not touched; what is copied up gets the mode that it has.

    A file is opened for writing too: with metacopy a change of mode leaves its data where they are.
    """
    process = FakeProcess()
    trees = ({"d": Directory(), "d/f": File(b"x")},)
    prepared(process, declared(trees, "lower"))
    assert process.made == []
    prepared(process, declared(trees, "copied-up"))
    assert process.made == [("chmod", "d"), ("chmod", "d/f"), ("open", "d/f"), ("close", None)]
    assert process.evidence == "the check's"
