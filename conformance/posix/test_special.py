"""Fifos, sockets and device nodes, from the image and made in the container."""

import os
import stat
from os import O_NONBLOCK, O_RDWR, O_WRONLY

import pytest

from roadworthy import COPY_UP, LAYERS, Device, Directory, Fifo, check, lower, needs

EVERYWHERE = ("lower", "upper", "copied-up")
NULL = Device(mode=0o666, major=1, minor=3)
NULL_NUMBER = 1 << 8 | 3
#: The largest device number that every backing stores: XFS has 9 bits of the major and 18 of the minor number, see
#: xfs_generic_create() in Linux fs/xfs/xfs_iops.c.
LARGEST = Device(mode=0o666, major=(1 << 9) - 1, minor=(1 << 18) - 1)


@check("special/fifo-connected-over-copyup", source="POSIX.1-2017, XBD 3.163 FIFO Special File", provenance="lower")
@lower(fifo=Fifo())
def test_fifo_stays_one_pipe_when_its_mode_changes(fs, other, observe):
    """A reader that opened a fifo before a change of its mode gets the bytes of a writer that opened it afterwards."""
    reader = fs.open("fifo", O_RDWR | O_NONBLOCK)
    assert fs.attempt.chmod("fifo", 0o600) == "success"
    writer = other.open("fifo", O_WRONLY | O_NONBLOCK)
    other.write(writer, b"hello")
    received = fs.read(reader, 16)
    observe("read", received)
    assert received == b"hello"


@check("special/fifo-exchange", source="POSIX.1-2017, XBD 3.163 FIFO Special File", provenance=("lower", "upper"))
@lower(fifo=Fifo())
def test_fifo_carries_bytes_between_processes(fs, other, observe):
    """A process reads from a fifo what another process writes into it."""
    reader = fs.open("fifo", O_RDWR | O_NONBLOCK)
    other.write(other.open("fifo", O_WRONLY | O_NONBLOCK), b"hello")
    received = fs.read(reader, 16)
    observe("read", received)
    assert received == b"hello"


@check("special/fifo-chmod", source="POSIX.1-2017, chmod()", provenance=("lower", "upper"))
@lower(fifo=Fifo())
def test_mode_of_a_fifo_can_be_changed(fs, observe):
    """A fifo's mode can be changed, and it stays a fifo."""
    observed = fs.attempt.chmod("fifo", 0o600)
    observe("chmod", observed)
    assert observed == "success"
    assert (fs.lstat("fifo").kind, fs.lstat("fifo").permissions) == (stat.S_IFIFO, 0o600)


@check("special/fifo-in-lower-write-no-copyup", source="POSIX.1-2017, XBD 3.163 FIFO Special File", provenance="lower")
@needs(COPY_UP)
@lower(fifo=Fifo())
def test_writing_into_a_fifo_of_the_image_copies_nothing(fs, storage, container, observe):
    """Bytes that pass through a fifo of the image leave nothing in the writable layer."""
    end = fs.open("fifo", O_RDWR)
    fs.write(end, b"hello")
    observed = "copied" if storage.upper(container, "fifo").exists() else "nothing"
    observe("in the writable layer", observed)
    assert fs.read(end, 5) == b"hello"
    assert observed == "nothing"


@check("special/unix-socket-bind-connect", source="unix(7)", provenance=("lower", "upper", "volume"))
@lower(dir=Directory())
def test_socket_is_reached_by_its_name(fs, other, observe):
    """A process can connect to a socket that another process bound to a name."""
    server = fs.bind("dir/socket")
    client = other.connect("dir/socket")
    other.write(client, b"hello")
    received = fs.read(fs.accept(server), 5)
    observe("received", received)
    assert received == b"hello"


@check("special/unix-socket-via-hardlink", source="unix(7)", provenance=("lower", "upper"))
@lower(dir=Directory())
def test_socket_is_reached_by_a_second_name(fs, other, observe):
    """A socket that was bound, linked to its final name and unlinked from the first is reached by the final name."""
    fs.bind("dir/temporary")
    fs.link("dir/temporary", "dir/socket")
    fs.unlink("dir/temporary")
    observed = other.attempt.connect("dir/socket")
    observe("connect", observed)
    assert observed == "success"


@check("special/unix-socket-chmod-connect", source="unix(7)", provenance=("lower", "upper"))
@lower(dir=Directory())
def test_socket_is_reached_after_a_change_of_its_mode(fs, other, observe):
    """A socket is reached by its name after its mode was changed, and only by users who may write to it."""
    fs.bind("dir/socket")
    fs.chmod("dir/socket", 0o600)
    assert other.attempt.connect("dir/socket") == "success"
    other.become(1000)
    observed = other.attempt.connect("dir/socket")
    observe("connect of a stranger", observed)
    assert observed == "EACCES"


@check("special/unix-socket-renamed", source="unix(7)", provenance=("lower", "upper"))
@lower(dir=Directory())
def test_socket_is_reached_by_its_new_name(fs, other, observe):
    """A socket that was renamed is reached by its new name."""
    fs.bind("dir/temporary")
    fs.rename("dir/temporary", "dir/socket")
    observed = other.attempt.connect("dir/socket")
    observe("connect", observed)
    assert observed == "success"


@check("special/device-null-from-image", source="null(4)", provenance=("lower", "lower-deep", "upper"))
@lower(null=NULL)
def test_null_device_of_the_image_works(fs, observe):
    """The null device of an image accepts every byte and returns none."""
    observed = fs.attempt.open("null", O_RDWR)
    observe("open", observed)
    assert observed == "success"
    null = fs.open("null", O_RDWR)
    assert (fs.write(null, b"data"), fs.read(null, 4)) == (4, b"")


@check("special/device-number-kept", source="POSIX.1-2017, chmod()", provenance=("lower", "upper"))
@lower(node=LARGEST)
def test_device_node_keeps_its_number(fs, observe):
    """A device node keeps its device number, of 9 and 18 bits, after a change of its mode."""
    assert fs.attempt.chmod("node", 0o600) == "success"
    found = fs.lstat("node")
    observe("device", f"{os.major(found.rdev)}:{os.minor(found.rdev)}")
    assert (found.kind, found.rdev) == (stat.S_IFCHR, os.makedev(LARGEST.major, LARGEST.minor))


@check("special/mknod-perms", source="mknod(2)", provenance=("lower", "upper"))
@lower(dir=Directory(mode=0o777))
def test_device_nodes_are_roots_to_make(fs, other, observe):
    """Root can make a device node, and an unprivileged user can make none."""
    fs.mknod("dir/null", stat.S_IFCHR | 0o666, NULL_NUMBER)
    assert (fs.lstat("dir/null").kind, fs.lstat("dir/null").rdev) == (stat.S_IFCHR, NULL_NUMBER)
    other.become(1000)
    observed = other.attempt.mknod("dir/own", stat.S_IFCHR | 0o666, NULL_NUMBER)
    observe("mknod of a user", observed)
    assert observed == "EPERM"


@check("special/umask", source="POSIX.1-2017, umask(); mknod(2)", provenance=("lower", "upper"))
@lower(dir=Directory())
def test_umask_limits_the_mode_of_a_new_node(fs, observe):
    """A new fifo and a new device node have the mode that was asked for without the bits of the umask."""
    fs.umask(0o027)
    fs.mkfifo("dir/fifo", 0o666)
    fs.mknod("dir/null", stat.S_IFCHR | 0o666, NULL_NUMBER)
    modes = observe(
        "fifo and device", ", ".join(f"{fs.lstat(name).permissions:o}" for name in ("dir/fifo", "dir/null"))
    )
    assert modes == "640, 640"


@check("special/char-0-0-in-image", source="OCI image-spec, layer.md", provenance="lower")
@needs(LAYERS)
@pytest.mark.slow
def test_device_0_0_of_an_image_is_seen(containers, observe):
    """A character device with the number 0:0 in an image is seen in a container."""
    # In its own image: if the node is listed but cannot be stat'ed, no container of the image can be committed.
    fs = containers.process(containers.run(containers.image({"node": Device(major=0, minor=0)})))
    observed = fs.attempt.lstat("node")
    observe("lstat", observed)
    assert observed == "success"
    assert (fs.lstat("node").kind, fs.lstat("node").rdev) == (stat.S_IFCHR, 0)
