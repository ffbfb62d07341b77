"""What the suite did not make is neither replaced nor removed, whatever path a user names."""

import os

import pytest

from roadworthy.reports.made import (
    GENERATOR,
    NotOurs,
    is_page,
    make_directory,
    marked,
    remove_directory,
    replace_file,
)

OURS = f"<!doctype html><head>{GENERATOR}</head>"


def test_a_page_of_ours_is_replaced_and_a_new_one_is_made(tmp_path):
    """A file of its kind gives way, as does none at all."""
    page = tmp_path / "index.html"
    for text in (OURS, f"{OURS}again"):
        replace_file(page, text, is_page)
        assert page.read_text() == text
    assert os.listdir(tmp_path) == ["index.html"]


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_text("<!doctype html><title>A user's page</title>"),
        lambda path: path.write_text(""),
        lambda path: path.mkdir(),
        os.mkfifo,
    ],
    ids=["a user's page", "an empty file", "a directory", "a pipe"],
)
def test_what_is_not_ours_stays(tmp_path, make):
    """It is refused, without waiting for it, and nothing else lies around afterwards."""
    path = tmp_path / "index.html"
    make(path)
    before = path.lstat()
    with pytest.raises(NotOurs, match="Roadworthy did not make it"):
        replace_file(path, OURS, is_page)
    assert (path.lstat().st_ino, path.lstat().st_size) == (before.st_ino, before.st_size)
    assert os.listdir(tmp_path) == ["index.html"]


def test_a_link_stays_and_leads_to_the_new_page(tmp_path):
    """The link is the user's; the page where it leads is ours, or is not there yet."""
    link, page = tmp_path / "index.html", tmp_path / "elsewhere.html"
    link.symlink_to(page)
    for text in (OURS, f"{OURS}again"):
        replace_file(link, text, is_page)
        assert (link.is_symlink(), page.read_text()) == (True, text)
    page.write_text("a user's")
    with pytest.raises(NotOurs):
        replace_file(link, OURS, is_page)
    assert page.read_text() == "a user's"


def test_only_a_directory_with_the_mark_is_removed(tmp_path):
    """A user's directory stays, one that only links to ours, too."""
    ours, theirs = tmp_path / "a/ours", tmp_path / "theirs"
    make_directory(ours)
    make_directory(ours)
    assert marked(ours)
    theirs.mkdir()
    (theirs / "notes").write_text("a user's")
    for directory in (theirs, tmp_path / "none"):
        with pytest.raises(NotOurs):
            remove_directory(directory)
    with pytest.raises(NotOurs):
        make_directory(theirs)
    (tmp_path / "link").symlink_to(ours)
    with pytest.raises(NotOurs):
        remove_directory(tmp_path / "link")
    remove_directory(ours)
    assert not ours.exists()
    assert (theirs / "notes").read_text() == "a user's"
