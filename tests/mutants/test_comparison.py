"""Every field that the comparison of trees has is lied about by a mutant of its own, which nothing else notices."""

import os

import pytest

from roadworthy.calls import agent
from roadworthy.mutants.catalogue import catalogue
from roadworthy.verdict.reference import CONTENT, differences, told_of

FIELDS = {mutant.tree for mutant in catalogue().values() if mutant.tree}


@pytest.fixture
def tree(tmp_path):
    """A tree in which each field of the comparison has a value."""
    (tmp_path / "file").write_bytes(b"data")
    os.setxattr(tmp_path / "file", "user.note", b"1")
    os.link(tmp_path / "file", tmp_path / "second")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "null").symlink_to("/dev/null")
    return tmp_path


def test_each_field_that_is_compared_has_a_mutant(tree):
    """Fields are what the agent tells of a tree; a new one needs a mutant that shows that it is looked at."""
    if os.geteuid() == 0:
        (tree / "null").unlink()
        os.mknod(tree / "null", 0o020666, os.makedev(1, 3))
    told = {name for entry in agent.call_manifest(str(tree), CONTENT).values() for name in entry}
    fields = {"attribute" if "." in name else name for name in told} | {"device"}
    assert fields | {"missing", "there", "outcome"} == FIELDS


@pytest.mark.parametrize("field", sorted(FIELDS - {"missing", "there", "outcome"}))
def test_sentence_tells_of_its_field(field):
    """What a sentence says is found again in it, with values of any kind."""
    name = "user.note" if field == "attribute" else field
    entry = {"kind": "character device", "mtime": "1.000000000"}
    other = {"kind": "file", "mtime": "2.000000000"}.get(field, "one: the file's is against\nother")
    (said,) = differences({"d/f's": entry}, {"d/f's": {**entry, name: other}}, {})
    assert told_of(said) == field


def test_sentences_tell_of_names_and_outcomes():
    """Names that only one tree has, and calls that end otherwise."""
    entry = {"kind": "file"}
    assert [told_of(said) for said in differences({"a": entry}, {"b": entry}, {})] == ["missing", "there"]
    assert told_of("rmdir('d',): EEXIST against ENOTEMPTY") == "outcome"
