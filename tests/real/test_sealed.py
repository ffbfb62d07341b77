"""Directories that a verification reads: the kernel refuses every change, and nothing of the look stays."""

import errno
import os
from pathlib import Path

import pytest

from roadworthy.store.findings import StoreRefused
from roadworthy.store.sealed import sealed

pytestmark = pytest.mark.real


def refused(call, *words):
    """Whether the kernel says that the file system is read-only."""
    try:
        call(*words)
    except OSError as reason:
        return reason.errno == errno.EROFS
    return False


def mounts():
    return Path("/proc/self/mountinfo").read_text()


def test_nothing_can_be_changed(tmp_path):
    """Not by root, not through a descriptor, and not an access time; no mount is left."""
    (tmp_path / "f").write_bytes(b"1")
    (tmp_path / "s").symlink_to("f")
    for name in ("f", "s"):
        os.utime(tmp_path / name, (1, os.lstat(tmp_path / name).st_mtime), follow_symlinks=False)
    before = mounts()
    with sealed(os.getpid(), [str(tmp_path)]) as (place,):
        assert (place / "f").read_bytes() == b"1"
        assert os.readlink(place / "s") == "f"
        assert refused(os.chmod, place / "f", 0o600)
        assert refused(os.unlink, place / "f")
        assert refused(os.open, place / "f", os.O_WRONLY)
        assert refused(os.open, place / "new", os.O_CREAT | os.O_WRONLY)
        assert refused(os.setxattr, place / "f", "user.a", b"1")
        assert mounts() == before
    assert {os.lstat(tmp_path / name).st_atime for name in ("f", "s")} == {1}
    (tmp_path / "f").write_bytes(b"others may")


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with (
        pytest.raises(StoreRefused, match=f"No such file or directory: {tmp_path}/nowhere"),
        sealed(os.getpid(), [str(tmp_path), f"{tmp_path}/nowhere"]),
    ):
        pass
