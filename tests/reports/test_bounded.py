"""Files that a user names, of any kind."""

import os

import pytest

from roadworthy.reports.bounded import read_bounded
from roadworthy.reports.kills import KillsRefused, read_kills


def test_a_file_is_read_up_to_its_limit(tmp_path):
    """A file of just the limit is whole, one byte more is refused."""
    path = tmp_path / "f"
    path.write_bytes(b"x" * 16)
    assert read_bounded(path, 16) == b"x" * 16
    with pytest.raises(OSError, match="expected at most"):
        read_bounded(path, 15)


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)], ids=["pipe", "directory", "endless"]
)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, make):
    """Nothing is waited for, and nothing is read without an end; a reader of results says it in its own words."""
    before = len(os.listdir("/proc/self/fd"))
    make(tmp_path / "f")
    with pytest.raises(OSError, match="expected a regular file"):
        read_bounded(tmp_path / "f", 16)
    with pytest.raises(KillsRefused, match="f: expected a regular file"):
        read_kills(tmp_path / "f")
    assert len(os.listdir("/proc/self/fd")) == before
