"""Faults that decide by what a call asks for, told to calls that nobody made."""

import errno
import fcntl
import os
import struct
from types import SimpleNamespace

import pytest

import roadworthy.mutants.faults  # noqa: F401 - registers the faults
from roadworthy.mutants.call import FAULTS, Error, Value
from roadworthy.mutants.faults.names import mount_of
from roadworthy.mutants.notification import Notification
from roadworthy.mutants.target import Target


def call(name, *arguments, memory=b"", subject=-1, root=True):
    """A waiting call with these arguments, on the file behind our descriptor `subject`."""
    return SimpleNamespace(
        name=name,
        arguments=arguments,
        integer=arguments.__getitem__,
        by_root=root,
        target=SimpleNamespace(read=lambda _address, length: memory[:length]),
        subject=lambda: subject,
    )


@pytest.fixture
def opened(tmp_path):
    """A descriptor of a file of ours with the mode 0640."""
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    os.fchmod(descriptor, 0o640)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize(
    ("command", "kind", "answer"),
    [
        (fcntl.F_SETLK, fcntl.F_WRLCK, Error(errno.EAGAIN)),
        (fcntl.F_SETLK, fcntl.F_RDLCK, Error(errno.EAGAIN)),
        (37, fcntl.F_WRLCK, Error(errno.EAGAIN)),
        (fcntl.F_SETLK, fcntl.F_UNLCK, None),
        (fcntl.F_GETLK, fcntl.F_WRLCK, None),
        (fcntl.F_SETFL, fcntl.F_WRLCK, None),
    ],
)
def test_which_record_locks_are_refused(command, kind, answer):
    lock = struct.pack("=hh4xqqi4x", kind, os.SEEK_SET, 0, 0, 0)
    assert FAULTS["record-lock-refused"](call("fcntl", 3, command, 4711, memory=lock)) == answer


@pytest.mark.parametrize(("mode", "answer"), [(0o600, Value()), (0o4640, Value()), (0o640, None)])
def test_which_modes_are_forgotten(opened, mode, answer):
    """A mode that the file has already is no change that could be forgotten."""
    assert FAULTS["mode-through-descriptor-forgotten"](call("fchmod", 3, mode, subject=opened)) == answer


@pytest.mark.parametrize(
    ("name", "before", "user", "group", "answer"),
    [
        ("fchown", (3,), 4711, -1, Value()),
        ("chown", (0,), -1, 4711, Value()),
        ("fchownat", (3, 0), 4711, 4711, Value()),
        ("fchown", (3,), -1, -1, None),
        ("fchown", (3,), "same", "same", None),
    ],
)
def test_which_owners_are_forgotten(opened, name, before, user, group, answer):
    found = os.fstat(opened)
    owners = (found.st_uid if user == "same" else user, found.st_gid if group == "same" else group)
    assert FAULTS["chown-forgotten"](call(name, *before, *owners, subject=opened)) == answer


def test_owner_that_another_user_sets_is_the_kernels_to_refuse(opened):
    assert FAULTS["chown-forgotten"](call("fchown", 3, 4711, 4711, subject=opened, root=False)) is None


def test_files_cannot_be_synced_and_directories_can(opened, tmp_path):
    assert FAULTS["fsync-fails"](call("fsync", 3, subject=opened)) == Error(errno.EIO)
    directory = os.open(tmp_path, os.O_RDONLY)
    assert FAULTS["fsync-fails"](call("fsync", 3, subject=directory)) is None
    os.close(directory)


def test_one_in_twenty_overwrites_goes_astray(opened):
    """Its first page lies behind its last one; what appends, and what is less than a page, is left alone."""
    os.pwrite(opened, bytes(5 * 4096), 0)
    data = b"1" * 4096 + b"2" * 4096

    def overwrite(size, at):
        made = call("pwrite64", 3, 0, size, at, memory=data)
        made.target.duplicate = lambda _descriptor: opened
        return FAULTS["overwrite-goes-astray"](made)

    assert [overwrite(8192, 0) for _ in range(19)] == [None] * 19
    assert [overwrite(8192, 4 * 4096), overwrite(100, 0)] == [None, None]
    assert overwrite(8192, 0) == Value(8192)
    assert os.pread(opened, 5 * 4096, 0) == bytes(4096) + b"2" * 4096 + b"1" * 4096 + bytes(2 * 4096)


def test_mounts_are_told_apart(tmp_path):
    there, beside, elsewhere = (os.open(place, os.O_PATH) for place in (tmp_path, tmp_path.parent, "/proc/self"))
    assert mount_of(there) == mount_of(beside) != mount_of(elsewhere)
    for descriptor in (there, beside, elsewhere):
        os.close(descriptor)


@pytest.fixture
def waiting(monkeypatch):
    """This very process, as if one of its calls waited."""
    return Target(-1, Notification(identity=0, thread=os.getpid(), number=0, architecture=0, arguments=()))


def test_directory_that_holds_a_name_is_found_by_every_way(tmp_path, monkeypatch, waiting):
    """From a descriptor, by way of /proc, from the working directory and from the root; a removed one says so."""
    (tmp_path / "d").mkdir()
    directory = os.open(tmp_path / "d", os.O_PATH)
    monkeypatch.chdir(tmp_path)
    assert waiting.above(directory, "new") == waiting.above(-100, f"/proc/self/fd/{directory}/new") == f"{tmp_path}/d"
    assert waiting.above(-100, "new") == f"{tmp_path}"
    assert waiting.above(-100, "d/new") == waiting.above(-100, f"{tmp_path}/d/new") == f"{tmp_path}/d"
    (tmp_path / "d").rmdir()
    assert waiting.above(directory, "new").endswith("d (deleted)")
    assert waiting.above(-100, f"/proc/self/fd/{directory}/new").endswith("d (deleted)")
    os.close(directory)
