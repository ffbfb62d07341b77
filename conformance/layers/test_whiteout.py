"""A removed file is gone, and its name is free for any type of file."""

from os import O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY
from stat import S_IFCHR, S_ISDIR, S_ISFIFO, S_ISREG

import pytest

from roadworthy import LAYERS, WHITEOUTS, Directory, File, Symlink, Whiteout, check, layers, lower, needs

POSIX = "POSIX.1-2017, unlink()"


@check("whiteout/unlink-lower", source=POSIX, provenance=("lower", "lower-deep", "upper", "copied-up"))
@lower(gone=b"data", kept=b"")
def test_removed_file_is_gone(fs, observe):
    """A removed file is found neither by its name nor in its directory."""
    fs.unlink("gone")
    outcome = observe("stat", fs.attempt.stat("gone"))
    assert outcome == "ENOENT"
    assert fs.attempt.open("gone", O_RDONLY) == "ENOENT"
    assert "gone" not in fs.listdir()
    assert "kept" in fs.listdir()


@check("whiteout/remove-what-took-the-name", source=POSIX, provenance=("lower", "lower-deep", "upper", "copied-up"))
@lower(gone=b"data")
def test_file_that_took_a_removed_name_is_removed(fs, observe):
    """A new file that was renamed to a removed file's name is removed in turn, and nothing is there."""
    fs.unlink("gone")
    fs.store("new", b"new")
    fs.rename("new", "gone")
    fs.unlink("gone")
    outcome = observe("stat", fs.attempt.stat("gone"))
    assert outcome == "ENOENT"
    assert "gone" not in fs.listdir()


@check("whiteout/on-disk-form", source="overlayfs.rst, whiteouts and opaque directories")
@lower(gone=b"data")
@needs(LAYERS)
def test_mark_of_a_removal(fs, container, storage, driver, observe):
    """The writable layer records a removal in the form that the driver documents, or as an absence."""
    fs.unlink("gone")
    form = storage.form(container, "gone")
    observe("in the writable layer", form)
    assert form == driver.whiteout_form


@check("whiteout/inode-sharing", source="Linux 5.8, ovl: whiteout inode sharing")
@lower(a=b"", b=b"", c=b"", d=b"")
@needs(WHITEOUTS)
def test_marks_of_removals_share_an_inode(fs, container, storage, observe):
    """The whiteouts of four removed files take no more than one inode together."""
    fs.unlink("a")
    fs.unlink("b")
    fs.unlink("c")
    fs.unlink("d")
    inodes = {storage.mark(container, name).lstat().st_ino for name in ("a", "b", "c", "d")}
    observe("inodes of 4 marks", len(inodes))
    assert len(inodes) == 1


@check("whiteout/recreate", source="POSIX.1-2017, open(): O_CREAT", provenance=("lower", "lower-deep", "upper"))
@lower(foo=File(b"old data", mode=0o4755, uid=1000, gid=1000))
def test_name_of_a_removed_file_starts_afresh(fs, observe):
    """A file made under a removed one's name is empty and has its creator's owner, group and mode."""
    fs.unlink("foo")
    fs.open("foo", O_WRONLY | O_CREAT | O_EXCL, 0o640)
    found = fs.stat("foo")
    observe("size, owner, mode", f"{found.size}, {found.uid}:{found.gid}, {found.permissions:04o}")
    assert (found.size, found.uid, found.gid, f"{found.permissions:04o}") == (0, 0, 0, "0640")


@check("whiteout/recreate-as-user", source="POSIX.1-2017, open(): O_CREAT", provenance=("lower", "upper"))
@lower({"d": Directory(mode=0o777), "d/foo": b"old"})
def test_user_takes_a_removed_name(fs, observe):
    """A user who removes a file in a directory open to all, and makes it again, owns it."""
    fs.become(1000)
    fs.unlink("d/foo")
    fs.store("d/foo", b"new")
    found = fs.stat("d/foo")
    observe("owner", f"{found.uid}:{found.gid}")
    assert (found.uid, found.gid) == (1000, 1000)
    assert fs.load("d/foo") == b"new"


@check(
    "whiteout/sgid-inherit-over-whiteout",
    source="open(2): the set-group-ID bit of the directory",
    provenance=("lower", "upper"),
)
@lower({"d": Directory(mode=0o2777, gid=1234), "d/foo": b"old"})
def test_removed_name_inherits_the_group(fs, observe):
    """In a set-group-ID directory a file made under a removed one's name has the directory's group."""
    fs.unlink("d/foo")
    fs.store("d/foo", b"new")
    group = observe("group", fs.stat("d/foo").gid)
    assert group == 1234


@check("whiteout/mkdir-over-file-whiteout", source="POSIX.1-2017, mkdir()", provenance=("lower", "lower-deep"))
@lower(foo=b"old")
def test_directory_takes_the_name_of_a_removed_file(fs, observe):
    """A directory can take a removed file's name, and is empty."""
    fs.unlink("foo")
    fs.mkdir("foo")
    names = fs.listdir("foo")
    observe("entries", len(names))
    assert S_ISDIR(fs.stat("foo").mode)
    assert names == []
    fs.store("foo/child", b"")


@check("whiteout/file-over-dir-whiteout", source="POSIX.1-2017, rmdir()", provenance=("lower", "lower-deep"))
@lower({"d/child": b"old"})
def test_file_takes_the_name_of_a_removed_directory(fs, observe):
    """A file can take the name of a removed directory."""
    fs.unlink("d/child")
    fs.rmdir("d")
    fs.store("d", b"new")
    content = observe("content", fs.load("d"))
    assert S_ISREG(fs.stat("d").mode)
    assert content == b"new"
    assert fs.attempt.stat("d/child") == "ENOTDIR"


@check("whiteout/fifo-over-whiteout", source="POSIX.1-2017, mkfifo()")
@lower(foo=b"old")
def test_pipe_takes_the_name_of_a_removed_file(fs, observe):
    """A named pipe can take a removed file's name, and works."""
    fs.unlink("foo")
    fs.mkfifo("foo")
    descriptor = fs.open("foo", O_RDWR)
    fs.write(descriptor, b"through the pipe")
    data = fs.read(descriptor, 100)
    observe("read", data)
    assert S_ISFIFO(fs.stat("foo").mode)
    assert data == b"through the pipe"


@check(
    "whiteout/rmdir-nonempty", source="POSIX.1-2017, rmdir(): ENOTEMPTY", provenance=("lower", "lower-deep", "upper")
)
@lower({"d": Directory(), "d/child": b""})
def test_full_directory_cannot_be_removed(fs, observe):
    """A directory with something in it cannot be removed."""
    outcome = fs.attempt.rmdir("d")
    observe("rmdir", outcome)
    assert outcome in ("ENOTEMPTY", "EEXIST")
    assert fs.listdir("d") == ["child"]


@check("whiteout/rmdir-after-all-unlinked", source="POSIX.1-2017, rmdir()", provenance=("lower", "lower-deep", "upper"))
@lower({"d": Directory(), "d/a": b"", "d/b": b""})
def test_emptied_directory_can_be_removed(fs, observe):
    """A directory can be removed once everything in it was."""
    fs.unlink("d/a")
    fs.unlink("d/b")
    outcome = fs.attempt.rmdir("d")
    observe("rmdir", outcome)
    assert outcome == "success"
    assert fs.attempt.stat("d") == "ENOENT"
    assert "d" not in fs.listdir()


@check("whiteout/rm-rf-with-new-subdir", source="POSIX.1-2017, rmdir()")
@lower({"d/old/file": b""})
def test_tree_with_a_new_directory_can_be_removed(fs, observe):
    """A tree with an old and a new directory in it can be removed from its leaves to its root."""
    fs.mkdir("d/new")
    fs.store("d/new/file", b"")
    fs.unlink("d/new/file")
    fs.rmdir("d/new")
    fs.unlink("d/old/file")
    fs.rmdir("d/old")
    outcome = fs.attempt.rmdir("d")
    observe("rmdir", outcome)
    assert outcome == "success"
    assert fs.listdir() == []


@check("whiteout/user-mknod-0-0", source="mknod(2)")
def test_device_0_0_is_a_device_like_others(fs, observe):
    """A process that may make device nodes can make the character device 0:0."""
    outcome = fs.attempt.mknod("device", S_IFCHR | 0o600, 0)
    observe("mknod", outcome)
    assert outcome == "success"
    assert fs.listdir() == ["device"]
    assert (fs.stat("device").kind, fs.stat("device").rdev) == (S_IFCHR, 0)


@check("whiteout/dot-wh-names", source="POSIX.1-2017, XBD 3.282: portable filenames")
@lower(foo=b"data")
def test_names_that_look_like_marks(fs, observe):
    """A file may be named .wh.foo: it is seen, read and removed, and foo is not touched."""
    fs.store(".wh.foo", b"new")
    names = fs.listdir()
    observe("names", " ".join(names))
    assert names == [".wh.foo", "foo"]
    assert fs.load(".wh.foo") == b"new"
    fs.unlink(".wh.foo")
    assert fs.listdir() == ["foo"]


@check("whiteout/dot-wh-survives-commit", source="OCI image-spec, layer.md, Whiteouts")
@needs(LAYERS)
@pytest.mark.slow
def test_committed_name_that_looks_like_a_mark(containers, observe):
    """A committed image holds the files of its container, whatever their names are."""
    container = containers.run(containers.image({"foo": b"data"}))
    containers.process(container).store(".wh.foo", b"new")
    image = containers.process(containers.run(containers.commit(container.stop())))
    names = image.listdir()
    observe("names in the committed image", " ".join(names) or "none")
    assert names == [".wh.foo", "foo"]
    assert (image.load(".wh.foo"), image.load("foo")) == (b"new", b"data")


@check("whiteout/in-lowest-layer", source="OCI image-spec, layer.md, Whiteouts")
@layers({"foo": Whiteout(), "kept": b""})
def test_mark_that_removes_nothing(fs, observe):
    """A whiteout in the lowest layer, where there is nothing to remove, is not seen."""
    names = fs.listdir()
    observe("names", " ".join(names))
    assert names == ["kept"]
    assert fs.attempt.stat("foo") == "ENOENT"


@check("whiteout/dir-replaces-symlink", source="OCI image-spec, layer.md, Changeset over existing files")
@layers({"real/in": b"", "way": Symlink(target="real")}, {"way": Whiteout()}, {"way/own": b""})
def test_directory_in_place_of_a_symbolic_link(fs, observe):
    """A directory in a layer replaces a lower layer's symbolic link to a directory, and does not follow it."""
    names = fs.listdir("way")
    observe("names", " ".join(names))
    assert names == ["own"]
    assert fs.listdir("real") == ["in"]
    assert S_ISDIR(fs.lstat("way").mode)


@check("whiteout/file-and-dir-swap", source="OCI image-spec, layer.md, Changeset over existing files")
@layers({"one": b"old", "two/child": b""}, {"one/child": b"", "two": b"new"})
def test_file_and_directory_swap_names(fs, observe):
    """If a layer has a file in place of a directory, and a directory in place of a file, its types are seen."""
    names = fs.listdir("one")
    observe("names", " ".join(names))
    assert names == ["child"]
    assert fs.load("two") == b"new"
