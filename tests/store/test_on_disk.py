"""Reading below a layer's directory: long paths are reached, and no link leads out of it."""

import os

import pytest

from roadworthy.store.on_disk import digest_of, file_below


def content_of(top, path):
    with file_below(top, path) as file:
        return os.read(file, 100)


def test_a_file_is_found_however_long_its_path_is(tmp_path):
    names = ["n" * 200] * 30
    held = os.open(tmp_path, os.O_RDONLY)
    for name in names:
        os.mkdir(name, dir_fd=held)
        below = os.open(name, os.O_RDONLY, dir_fd=held)
        os.close(held)
        held = below
    with open("f", "wb", opener=lambda name, flags: os.open(name, flags, dir_fd=held)) as file:
        file.write(b"1")
    os.close(held)
    assert content_of(tmp_path, "/".join([*names, "f"])) == b"1"


@pytest.mark.parametrize("path", ["out/f", "in/out/f", "link"])
def test_no_link_is_followed(tmp_path, path):
    """An image may hold `out/f` and then replace `out` with a link to anywhere."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/f").write_bytes(b"of the host")
    top = tmp_path / "layer"
    (top / "in").mkdir(parents=True)
    (top / "out").symlink_to(tmp_path / "elsewhere")
    (top / "in/out").symlink_to("../../elsewhere")
    (top / "link").symlink_to(tmp_path / "elsewhere/f")
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        content_of(top, path)


def test_blocks_of_zeroes_are_counted(tmp_path):
    (tmp_path / "f").write_bytes(b"1" * 4096 + bytes(4096 * 2 + 10))
    with file_below(tmp_path, "f") as file:
        assert digest_of(file, "sha256")[1:] == (3, 4)
