"""Provenance: the objects under test made in the container, before the first recorded call."""

import os

import pytest

from roadworthy.calls import agent
from roadworthy.calls.answers import Refused
from roadworthy.calls.evidence import Evidence
from roadworthy.calls.preparation import CALLS, PIECE, prepared, preparing
from roadworthy.calls.process import Process, Step
from roadworthy.declaring.checks import Declared
from roadworthy.trees.layers import LONG_AGO_NS, Device, Directory, File, Symlink


class FakeProcess:
    """Keeps the rows of calls that it is told to make."""

    def __init__(self):
        self.evidence = "the check's"
        self.rows = []

    def row(self, steps):
        self.rows.append(list(steps))


def calls(process):
    return [(step.call, step.arguments[0]) for row in process.rows for step in row if step.arguments]


def declared(trees, provenance="upper"):
    return Declared("a/b", "a", "p", "", provenance, "a.b", trees)


def test_a_nested_file_gets_its_directories():
    """Directories that the tree does not name are made on the way to a file; there may be one of the image's."""
    steps = list(preparing(declared(({"a/b/f": File(b"x"), "a/b/g": File(b"y")},))))
    assert [(step.call, step.arguments[0]) for step in steps if step.call in ("mkdir", "store")] == [
        ("mkdir", "a"), ("mkdir", "a/b"), ("store", "a/b/f"), ("mkdir", "a"), ("mkdir", "a/b"), ("store", "a/b/g"),
    ]  # fmt: skip
    assert all(step.tolerated == ("EEXIST",) for step in steps if step.call == "mkdir")


def test_a_directory_of_the_tree_is_made_once():
    """One that is there already is a fault of the check's tree, and is not passed over."""
    steps = [step for step in preparing(declared(({"d": Directory(), "d/f": File(b"x")},))) if step.call == "mkdir"]
    assert [(step.arguments[0], step.tolerated) for step in steps] == [("d", ())]


def test_a_symlink_gets_its_owner_and_times():
    """A symbolic link is owned and dated like everything else, and not followed."""
    steps = list(preparing(declared(({"s": Symlink(target="t", uid=7, mtime_ns=LONG_AGO_NS)},))))
    assert [step.call for step in steps] == ["symlink", "lchown", "utimens"]
    assert steps[-1].arguments == ("s", LONG_AGO_NS, LONG_AGO_NS, False)


def test_a_device_gets_its_whole_number():
    """The bits of a large minor number do not run into those of the major one."""
    steps = preparing(declared(({"node": Device(major=4095, minor=(1 << 20) - 1)},)))
    number = next(step.arguments[2] for step in steps if step.call == "mknod")
    assert (os.major(number), os.minor(number)) == (4095, (1 << 20) - 1)


def test_a_large_file_is_made_in_pieces():
    """A file larger than a request to the agent may be is stored and appended to; small ones go together."""
    process = FakeProcess()
    prepared(process, declared(({"f": File(bytes(2 * PIECE + 1)), "g": File(b"x"), "h": File(b"y")},)))
    sent = [[len(step.arguments[1]) for step in row if step.call in ("store", "append_often")] for row in process.rows]
    assert sent == [[PIECE], [PIECE], [1, 1, 1]]


def test_many_calls_go_in_several_requests():
    """A slow machine answers each of them within a call's deadline."""
    process = FakeProcess()
    prepared(process, declared(({f"f{number}": File(b"") for number in range(CALLS)},)))
    assert [len(row) for row in process.rows] == [CALLS, CALLS, CALLS, CALLS, 1]
    assert process.rows[-1][-1].call == "tick"


def test_attributes_that_cannot_be_stored_are_left_out():
    """Where the file system has no such attribute the check is to see that; any other refusal is raised."""
    steps = preparing(declared(({"f": File(b"x", xattrs={"user.a": b"1"})},)))
    assert [step.tolerated for step in steps if step.call == "setxattr"] == [("ENOTSUP",)]


def test_a_lower_tree_is_left_alone():
    """What lies in the image is not touched; what is copied up gets the mode that it has.

    A file is opened for writing too: with metacopy a change of mode leaves its data where they are.
    """
    process = FakeProcess()
    trees = ({"d": Directory(), "d/f": File(b"x")},)
    prepared(process, declared(trees, "lower"))
    assert process.rows == []
    prepared(process, declared(trees, "copied-up"))
    assert calls(process) == [("chmod", "d"), ("chmod", "d/f"), ("append_often", "d/f")]
    assert process.evidence == "the check's"


def process_of_the_agent(monkeypatch, directory):
    """A process whose calls the agent's own code makes here."""
    monkeypatch.chdir(directory)
    process = object.__new__(Process)
    process.evidence = Evidence()
    process._call = lambda call, *arguments, **_: agent.CALLS[call](*arguments)
    return process


def test_rows_are_made_and_stop_at_a_refusal(monkeypatch, tmp_path):
    """A row makes its calls in order; a refusal that its step does not tolerate names the call."""
    process = process_of_the_agent(monkeypatch, tmp_path)
    process.row([Step("mkdir", ("d", 0o755)), Step("mkdir", ("d", 0o755), ("EEXIST",)), Step("tick", ())])
    with pytest.raises(Refused, match=r"mkdir\('d', 493\) was refused with EEXIST"):
        process.row([Step("mkdir", ("e", 0o755)), Step("mkdir", ("d", 0o755)), Step("mkdir", ("f", 0o755))])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "e"]


def test_what_comes_after_a_tick_is_later(monkeypatch, tmp_path):
    """A file that is made after a tick has a later time than one that was made before it."""
    process = process_of_the_agent(monkeypatch, tmp_path)
    process.row([Step("store", ("a", b"", 0o644)), Step("stat", ("a",)), Step("chmod", ("a", 0o600))])
    process.row([Step("tick", ()), Step("store", ("b", b"", 0o644))])
    assert (tmp_path / "a").stat().st_ctime_ns < (tmp_path / "b").stat().st_ctime_ns
