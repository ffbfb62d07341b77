"""A file may have several names; each of them is the file."""

from os import O_APPEND, O_RDONLY, O_WRONLY

import pytest

from roadworthy import Directory, File, Hardlink, Symlink, check, lower
from roadworthy.linux import AT_SYMLINK_FOLLOW

POSIX = "POSIX.1-2017, link()"
PAIR = {"one": File(b"old"), "two": Hardlink(target="one")}
#: Two equal pairs; a check changes one by the first name and one by the second, so that no name is favoured.
PAIRS = {
    "a": Directory(), "a/one": File(b"old"), "a/two": Hardlink(target="a/one"),
    "b": Directory(), "b/one": File(b"old"), "b/two": Hardlink(target="b/one"),
}  # fmt: skip
MIB = 1 << 20
#: What a directory entry may take: a block of a thin pool (moby daemon/graphdriver/devmapper/device_setup.go,
#: --chunksize 512K). Elsewhere 0.0 MiB were measured.
ENTRY = MIB // 2
#: What `printf 'data\n' | gzip -n` writes.
GZIPPED = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03KI,I\xe4\x02\x00\x82\xc5\xc1\xe6\x05\x00\x00\x00"


@check("link/lower-pair-visible", source="POSIX.1-2017, sys/stat.h: st_nlink", provenance=("lower-deep", "upper"))
@lower(PAIR)
def test_two_names_are_one_file(fs, observe):
    """Two names of one file show one inode with two links."""
    one, two = fs.stat("one"), fs.stat("two")
    observe("links", one.nlink)
    observe("device and inode", "same" if one.identity == two.identity else "differ")
    assert one.identity == two.identity
    assert one.nlink == 2


@check("link/lower-pair-after-write", source=POSIX, provenance=("lower", "upper", "volume"))
@lower(PAIR)
def test_what_is_written_by_one_name_is_read_by_the_other(fs, observe):
    """What is written to a file under one of its names is read under the other."""
    fs.write(fs.open("one", O_WRONLY), b"new")
    seen = observe("read by the other name", fs.load("two"))
    assert seen == b"new"
    assert fs.stat("one").identity == fs.stat("two").identity


@pytest.mark.slow  # in its own container, because a FUSE server keeps earlier lookups
@check("link/lower-pair-after-chmod", source=POSIX)
@lower(PAIRS)
def test_mode_is_the_same_by_every_name(containers, observe):
    """A mode that is set under one name of a file shows under the other."""
    fs = containers.process(containers.run())
    fs.chmod("a/one", 0o600)
    fs.chmod("b/two", 0o600)
    modes = f"{fs.stat('a/two').permissions:04o}", f"{fs.stat('b/one').permissions:04o}"
    observe("modes by the other names", ", ".join(modes))
    assert modes == ("0600", "0600")


@check("link/nlink-after-sibling-unlink", source="POSIX.1-2017, unlink()", provenance=("lower-deep", "upper"))
@lower(PAIR)
def test_removing_a_name_lowers_the_link_count(fs, observe):
    """A file whose other name was removed has one link."""
    fs.unlink("one")
    links = observe("links", fs.stat("two").nlink)
    assert fs.load("two") == b"old"
    assert links == 1


@check("link/new-link-to-lower-file", source=POSIX, provenance=("lower-deep", "upper", "copied-up"))
@lower(old=b"data")
def test_file_gets_a_second_name(fs, observe):
    """A file can be given a second name: both show one inode with two links."""
    fs.link("old", "new")
    old, new = fs.stat("old"), fs.stat("new")
    observe("links", new.nlink)
    observe("device and inode", "same" if old.identity == new.identity else "differ")
    assert old.identity == new.identity
    assert new.nlink == 2
    assert fs.load("new") == b"data"


@check("link/new-link-cost", source=POSIX)
@lower(big=b"0123456789abcdef" * (MIB // 4))
def test_second_name_takes_no_space(fs, storage, observe):
    """A second name for a file of 4 MiB takes the space of a directory entry."""
    with storage.growth() as growth:
        fs.link("big", "second")
    observe("space taken", growth)
    assert growth.bytes <= ENTRY, f"the link took {growth}"


@check("link/to-lower-symlink", source="linkat(2)", provenance=("lower", "upper"))
@lower({"file": b"data", "old": Symlink(target="file")})
def test_symbolic_link_gets_a_second_name(fs, observe):
    """A symbolic link can be given a second name, which is the link and not what it points to."""
    fs.linkat("old", "new", 0)
    target = fs.readlink("new")
    observe("second name", f"link to {target}")
    assert target == "file"
    old, new = fs.lstat("old"), fs.lstat("new")
    observe("device and inode", "same" if old.identity == new.identity else "differ")
    assert new.identity == old.identity


@check("link/existing-target", source=f"{POSIX}, EEXIST", provenance=("lower", "upper"))
@lower(big=b"0123456789abcdef" * (MIB // 8), taken=b"old")
def test_taken_name_is_refused_for_free(fs, storage, observe):
    """A second name that is taken is refused with EEXIST, and the attempt takes no space."""
    with storage.growth() as growth:
        outcome = fs.attempt.link("big", "taken")
    observe("link", f"{outcome}, {growth}")
    assert outcome == "EEXIST"
    assert growth.bytes <= ENTRY
    assert fs.load("taken") == b"old"


@check("link/dir-eperm", source="link(2), EPERM", provenance=("lower", "upper"))
@lower({"directory": Directory()})
def test_directory_gets_no_second_name(fs, observe):
    """A directory cannot be given a second name: EPERM."""
    outcome = fs.attempt.link("directory", "second")
    observe("link", outcome)
    assert outcome == "EPERM"


@check("link/over-whiteout", source=POSIX, provenance=("lower", "lower-deep"))
@lower(old=b"data", gone=b"gone")
def test_removed_name_becomes_a_link(fs, observe):
    """A removed name can be used for another file's second name."""
    fs.unlink("gone")
    fs.link("old", "gone")
    content = observe("content", fs.load("gone"))
    assert content == b"data"
    old, new = fs.stat("old"), fs.stat("gone")
    observe("device and inode", "same" if old.identity == new.identity else "differ")
    assert new.identity == old.identity


@check("link/chown-unlink-link-cycle", source=POSIX, provenance=("lower", "upper"))
@lower(PAIRS)
def test_second_name_can_be_renewed(fs, observe):
    """A name that is removed and made again, after a change of owner under the other name, is the changed file."""
    fs.chown("a/one", 1000, 1000)
    fs.unlink("a/two")
    fs.link("a/one", "a/two")
    fs.chown("b/two", 1000, 1000)
    fs.unlink("b/one")
    fs.link("b/two", "b/one")
    two, one = fs.stat("a/two"), fs.stat("b/one")
    observe("owners by the renewed names", f"{two.uid}, {one.uid}")
    assert (two.uid, one.uid) == (1000, 1000)
    assert two.identity == fs.stat("a/one").identity
    assert one.identity == fs.stat("b/two").identity


@pytest.mark.slow  # in its own container, too
@check("link/write-survives-unlink", source="POSIX.1-2017, unlink()")
@lower(PAIRS)
def test_what_was_written_outlives_the_name(containers, observe):
    """What is written to a file under one of its names is still in it when that name is removed."""
    fs = containers.process(containers.run())
    fs.store("a/one", b"new")
    fs.unlink("a/one")
    fs.store("b/two", b"new")
    fs.unlink("b/two")
    contents = fs.load("a/two"), fs.load("b/one")
    observe("contents by the names left", b", ".join(contents))
    assert contents == (b"new", b"new")


@check("link/lower-pair-after-restart", source=POSIX)
@lower(PAIR)
@pytest.mark.slow
def test_two_names_are_one_file_after_a_restart(containers, observe):
    """What was written to a file under one of its names is read under both after a restart of the container."""
    container = containers.run()
    containers.process(container).store("one", b"new")
    container.stop()
    container.start()
    fs = containers.process(container)
    contents = fs.load("one"), fs.load("two")
    observe("contents", b", ".join(contents))
    assert contents == (b"new", b"new")


@check(
    "link/gzip-refuses-multi-link",
    source="gzip(1), -f: files with multiple links",
    provenance="lower-deep",
)
@lower({"file.gz": GZIPPED})
def test_gunzip_of_a_file_with_one_name(fs, toolbox, observe):
    """gzip(1), which leaves files with several links alone, unpacks a file with one name."""
    status, said = fs.run(*toolbox.command("gzip", "-d", "file.gz"))
    observe("gzip", said.strip() or f"exit status {status}")
    assert status == 0, said.strip()
    assert fs.load("file") == b"data\n"


@check("link/proc-fd-relink", source="linkat(2), ENOENT", provenance=("lower", "upper", "copied-up"))
@lower(gone=b"data")
def test_removed_file_gets_no_new_name(fs, observe):
    """An open file without a name cannot be given one through /proc/self/fd: ENOENT."""
    descriptor = fs.open("gone", O_RDONLY)
    fs.unlink("gone")
    outcome = fs.attempt.linkat(f"/proc/self/fd/{descriptor}", "back", AT_SYMLINK_FOLLOW)
    observe("link", outcome)
    assert outcome == "ENOENT"


@check("link/tar-detects-links", source="POSIX.1-2017, pax: typeflag 1", provenance=("lower", "upper"))
@lower(PAIR)
def test_tar_stores_a_second_name_as_a_link(fs, toolbox, observe):
    """tar(1) stores the second name of a changed file as a link."""
    fs.write(fs.open("one", O_WRONLY | O_APPEND), b"er")
    fs.run(*toolbox.command("tar", "-cf", "pair.tar", "one", "two"))
    status, listing = fs.run(*toolbox.command("tar", "--numeric-owner", "-tvf", "pair.tar"))
    assert status == 0
    second = listing.splitlines()[-1]
    stored = "link" if second.endswith(" two link to one") else "file of its own" if second.endswith(" two") else "gone"
    observe("second name", stored)
    assert stored == "link"
