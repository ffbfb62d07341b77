"""The tree of real software: merged as Debian merges, complete, and a named precondition where it cannot be had."""

import shutil
from pathlib import Path

import pytest

from roadworthy.lane import software as module
from roadworthy.programs import ProgramFailed, run
from roadworthy.reasons import Precondition
from roadworthy.supplies.apt import AptFailed


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A tree with a program, its loader and its libraries, of this host."""
    monkeypatch.setattr(module, "PROGRAMS", {"usr/bin/true": "coreutils"})
    libraries = tmp_path / "usr/lib/x86_64-linux-gnu"
    libraries.mkdir(parents=True)
    (tmp_path / "usr/bin").mkdir()
    shutil.copy("/usr/bin/true", tmp_path / "usr/bin")
    for word in run(["ldd", "/usr/bin/true"]).split():
        if word.startswith("/"):
            shutil.copy(Path(word).resolve(), libraries / Path(word).name)
    return tmp_path


def test_a_complete_tree_is_confirmed(tree):
    """Nothing is said of a program that finds its libraries in the tree."""
    module.confirm(tree)


def test_a_missing_library_is_named(tree):
    """A program that lacks a library is refused when the tree is made, with both names."""
    next(tree.glob("usr/lib/*/libc.so.6")).unlink()
    with pytest.raises(ProgramFailed, match=r"true.*\n?.*libc\.so\.6"):
        module.confirm(tree)


def test_directories_are_merged_below_usr(tmp_path):
    """What a package has in /lib lies in /usr/lib afterwards, links included, and /lib is gone."""
    (tmp_path / "lib/modules").mkdir(parents=True)
    (tmp_path / "lib/link").symlink_to("modules")
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/kept").touch()
    module.merge(tmp_path)
    assert sorted(path.name for path in (tmp_path / "usr/lib").iterdir()) == ["kept", "link", "modules"]
    assert not (tmp_path / "lib").exists()


def test_software_that_cannot_be_fetched_is_a_precondition(monkeypatch):
    """Without a mirror the checks are skipped with what is lacking, and are no errors."""

    def refuse(*_):
        raise AptFailed("the package lists of bookworm cannot be read")

    monkeypatch.setattr(module, "archive", refuse)
    with pytest.raises(Precondition, match=r"needs programs of Debian's bookworm.*package lists"):
        module.software(None)
