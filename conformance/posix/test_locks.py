"""Locks and leases hold between two openings of one file, also when a copy-up lies between them."""

from fcntl import LOCK_EX, LOCK_NB
from os import O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY
from signal import SIGWINCH

import pytest

from roadworthy import LAYERS, check, lower, needs
from roadworthy.linux import F_GETLEASE, F_OFD_SETLK, F_RDLCK, F_SETLEASE, F_SETLK, F_SETSIG, F_WRLCK

EVERYWHERE = ("lower", "upper", "copied-up")


@check("lock/flock-conflict", source="flock(2)", provenance=(*EVERYWHERE, "volume"))
@lower(foo=b"data")
def test_flock_excludes_a_second_process(fs, other, observe):
    """While one process holds an exclusive flock, another process cannot get one through its own descriptor."""
    fs.flock(fs.open("foo", O_RDWR), LOCK_EX)
    observed = other.attempt.flock(other.open("foo", O_RDWR), LOCK_EX | LOCK_NB)
    observe("second lock", observed)
    assert observed == "EAGAIN"


@check("lock/exec-and-docker-exec", source="flock(2); Docker documentation, docker exec", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_locks_hold_between_two_docker_execs(fs, other_exec, observe):
    """A process that a second `docker exec` started gets no lock on a file that one of the first has locked."""
    fs.flock(fs.open("foo", O_RDWR), LOCK_EX)
    whole = other_exec.attempt.flock(other_exec.open("foo", O_RDWR), LOCK_EX | LOCK_NB)
    fs.lock(fs.open("foo", O_RDWR), F_SETLK, F_WRLCK)
    record = other_exec.attempt.lock(other_exec.open("foo", O_RDWR), F_SETLK, F_WRLCK)
    observe("flock, record lock", f"{whole}, {record}")
    assert (whole, record) == ("EAGAIN", "EAGAIN")


@check("lock/flock-before-copyup", source="flock(2)", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_flock_on_a_reader_excludes_a_writer(fs, other, observe):
    """An flock on a descriptor opened read-only keeps a later read-write one from locking."""
    fs.flock(fs.open("foo", O_RDONLY), LOCK_EX)
    observed = other.attempt.flock(other.open("foo", O_RDWR), LOCK_EX | LOCK_NB)
    observe("second lock", observed)
    assert observed == "EAGAIN"


@check("lock/fcntl-before-copyup", source="POSIX.1-2017, fcntl()", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_record_lock_of_a_reader_excludes_a_writer(fs, other, observe):
    """A shared record lock on a descriptor opened read-only keeps another process from an exclusive one."""
    fs.lock(fs.open("foo", O_RDONLY), F_SETLK, F_RDLCK)
    observed = other.attempt.lock(other.open("foo", O_RDWR), F_SETLK, F_WRLCK)
    observe("second lock", observed)
    assert observed == "EAGAIN"


@check("lock/fcntl-released-by-any-close", source="POSIX.1-2017, fcntl()", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_closing_any_descriptor_releases_record_locks(fs, other, observe):
    """Closing any descriptor of a file releases the process's record locks on it."""
    reader = fs.open("foo", O_RDONLY)
    writer = fs.open("foo", O_RDWR)
    fs.lock(writer, F_SETLK, F_WRLCK)
    assert other.attempt.lock(other.open("foo", O_RDWR), F_SETLK, F_WRLCK) == "EAGAIN"
    fs.close(reader)
    observed = other.attempt.lock(other.open("foo", O_RDWR), F_SETLK, F_WRLCK)
    observe("second lock after close", observed)
    assert observed == "success"


@check("lock/ofd-before-copyup", source="fcntl(2), Open file description locks", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_ofd_lock_of_a_reader_excludes_a_writer(fs, observe):
    """A shared lock of one open file description keeps another from an exclusive one, even in one process."""
    fs.lock(fs.open("foo", O_RDONLY), F_OFD_SETLK, F_RDLCK)
    observed = fs.attempt.lock(fs.open("foo", O_RDWR), F_OFD_SETLK, F_WRLCK)
    observe("second lock", observed)
    assert observed == "EAGAIN"


@check("lock/lease-read", source="fcntl(2), Leases", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_owner_takes_a_read_lease(fs, observe):
    """The owner of a file can take a read lease on it."""
    reader = fs.open("foo", O_RDONLY)
    observed = fs.attempt.fcntl(reader, F_SETLEASE, F_RDLCK)
    observe("read lease", observed)
    assert observed == "success"
    assert fs.fcntl(reader, F_GETLEASE) == F_RDLCK


@check("lock/lease-write", source="fcntl(2), Leases", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_owner_takes_a_write_lease(fs, observe):
    """The owner of a file that nobody else has open can take a write lease on it."""
    writer = fs.open("foo", O_RDWR)
    observed = fs.attempt.fcntl(writer, F_SETLEASE, F_WRLCK)
    observe("write lease", observed)
    assert observed == "success"
    assert fs.fcntl(writer, F_GETLEASE) == F_WRLCK


@check("lock/lease-write-refused-to-shared", source="fcntl(2), Leases", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_no_write_lease_while_another_has_the_file_open(fs, other, observe):
    """A write lease is refused on a file that another process has open."""
    other.open("foo", O_RDONLY)
    observed = fs.attempt.fcntl(fs.open("foo", O_RDWR), F_SETLEASE, F_WRLCK)
    observe("write lease", observed)
    assert observed == "EAGAIN"


@check("lock/lease-broken-by-copyup", source="fcntl(2), Leases", provenance=EVERYWHERE)
@lower(foo=b"data")
def test_opening_for_writing_breaks_a_read_lease(fs, other, observe):
    """Opening a file for writing without waiting is refused while its read lease is being broken."""
    reader = fs.open("foo", O_RDONLY)
    fs.fcntl(reader, F_SETSIG, SIGWINCH)
    fs.fcntl(reader, F_SETLEASE, F_RDLCK)
    observed = other.attempt.open("foo", O_WRONLY | O_NONBLOCK)
    observe("open for writing", observed)
    assert observed == "EAGAIN"


@check("lock/across-containers", source="Docker storage driver documentation", provenance="lower")
@needs(LAYERS)
@pytest.mark.slow
@lower(foo=b"data")
def test_containers_lock_their_own_file(containers, observe):
    """Two containers of one image can both lock a file of it that neither has written to."""
    first, second = (containers.process(containers.run(), name) for name in "AB")
    first.flock(first.open("foo", O_RDONLY), LOCK_EX | LOCK_NB)
    observed = second.attempt.flock(second.open("foo", O_RDONLY), LOCK_EX | LOCK_NB)
    observe("second lock", observed)
    assert observed == "success"


@check("lock/across-containers-volume", source="flock(2)", provenance="volume", control=True)
@pytest.mark.slow
@lower(foo=b"data")
def test_containers_lock_a_file_of_a_volume(containers, observe):
    """If two containers share a volume, only one of them gets the exclusive lock on a file of it."""
    first, second = (containers.process(containers.run(), name) for name in "AB")
    first.flock(first.open("foo", O_RDWR), LOCK_EX | LOCK_NB)
    observed = second.attempt.flock(second.open("foo", O_RDWR), LOCK_EX | LOCK_NB)
    observe("second lock", observed)
    assert observed == "EAGAIN"
