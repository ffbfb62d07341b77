"""The first change of a file of the image: what it keeps, what it costs, what others see of it."""

from os import O_APPEND, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, makedev
from stat import S_ISCHR

import pytest

from roadworthy import COPY_UP, LAYERS, Device, Directory, File, SparseFile, Symlink, check, looked, lower, needs
from roadworthy.linux import FS_NOATIME_FL

MIB, GIB = 1 << 20, 1 << 30
#: For a driver that copies 4 GiB byte by byte.
PATIENCE = 300.0
LONG_AGO = 946_684_800 * 10**9  # 2000-01-01
#: What a change of an inode may take: a block of a thin pool (moby daemon/graphdriver/devmapper/device_setup.go,
#: --chunksize 512K). No other backing is as coarse: Btrfs and XFS took most, 0.1 MiB.
INODE = MIB // 2
#: Of a thin pool, the changed block, the inode and the file system's journal take a block each.
DATA = 3 * INODE


def filled(size):
    """Content in which all blocks differ: each has its number in 4096 digits."""
    return b"".join(b"%04096d" % block for block in range(size // 4096))


# --- what it costs


@check("copyup/rdwr-open-copies-whole-file", source="POSIX.1-2017, open()")
@lower(big=filled(16 * MIB))
def test_opening_for_writing_takes_no_space(fs, storage, observe):
    """Opening a file of 16 MiB for writing, and writing nothing, takes no space."""
    with storage.growth() as growth:
        fs.close(fs.open("big", O_RDWR))
    observe("space taken", growth)
    assert growth.bytes <= INODE, f"opening the file took {growth}"


@check("copyup/one-byte-write-cost", source="the block of a file system is what a write needs: statvfs(3)")
@lower(big=filled(16 * MIB))
def test_one_byte_takes_a_block(fs, storage, observe):
    """Changing one byte of a file of 16 MiB takes the space of a block, not of the file."""
    with storage.growth() as growth:
        fs.pwrite(fs.open("big", O_WRONLY), b"X", 8 * MIB)
    observe("space taken", growth)
    assert growth.bytes <= DATA, f"one byte took {growth}"


@check("copyup/second-write-free", source="overlayfs.rst, Non-directories")
@lower(big=filled(4 * MIB))
def test_second_write_takes_a_block(fs, storage, observe):
    """After the first change of a file, changing another byte takes the space of a block, not of the file."""
    fs.pwrite(fs.open("big", O_WRONLY), b"X", 0)
    with storage.growth() as growth:
        fs.pwrite(fs.open("big", O_WRONLY), b"X", 2 * MIB)
    observe("space taken", growth)
    assert growth.bytes <= DATA, f"the second byte took {growth}"


@check("copyup/chmod-copies-data", source="chmod(2) changes the inode only")
@lower(big=filled(8 * MIB))
def test_changing_the_mode_takes_no_space(fs, storage, observe):
    """Changing the mode of a file of 8 MiB takes no space: its data stay where they are."""
    with storage.growth() as growth:
        fs.chmod("big", 0o600)
    observe("space taken", growth)
    assert growth.bytes <= INODE, f"chmod took {growth}"


@check("copyup/truncate-avoids-copy", source="POSIX.1-2017, open(): O_TRUNC")
@lower(big=filled(4 * MIB))
def test_emptying_a_file_takes_no_space(fs, storage, observe):
    """Opening a file of 4 MiB with O_TRUNC takes no space."""
    with storage.growth() as growth:
        fs.close(fs.open("big", O_WRONLY | O_TRUNC))
    observe("space taken", growth)
    assert growth.bytes <= INODE, f"emptying the file took {growth}"
    assert fs.stat("big").size == 0


@check("copyup/chown-layer-size", source="OCI image-spec, layer.md, Change Types")
@needs(LAYERS)
@pytest.mark.slow
def test_layer_of_a_changed_owner_is_small(containers, observe):
    """An image committed after a change of a file's owner does not grow by the size of the file."""
    container = containers.run(containers.image({"big": filled(4 * MIB)}))
    containers.process(container).chown("big", 1000, 1000)
    layer = containers.layer_size(containers.commit(container.stop()))
    observe("size of the layer", f"{layer / MIB:.1f} MiB")
    assert layer < MIB, f"the layer has {layer / MIB:.1f} MiB"


@check("copyup/enospc-on-open", source="POSIX.1-2017, open(): ENOSPC is for O_CREAT only")
@lower(big=filled(8 * MIB))
@needs(COPY_UP)
@pytest.mark.slow
def test_opening_for_writing_on_a_full_file_system(cramped, observe):
    """Opening a file for writing takes no space: one of 8 MiB can be opened when 4 MiB are left."""
    fs = cramped.process(cramped.run())
    filler = fs.open("filler", O_WRONLY | O_CREAT)
    free = fs.statvfs(".")
    fs.fallocate(filler, 0, free.f_bavail * free.f_frsize - 4 * MIB)
    fs.attempt.fallocate(filler, 0, free.f_bfree * free.f_frsize - 4 * MIB)  # what the file system reserves for root
    outcome = fs.attempt.open("big", O_RDWR)
    observe("open", outcome)
    assert outcome == "success"


# --- what it keeps


@check("copyup/content-intact", source="POSIX.1-2017, write()", provenance=("lower", "lower-deep"))
@lower(big=filled(4 * MIB))
def test_the_rest_of_a_changed_file_is_intact(fs, observe):
    """A change of one byte in a file of 4 MiB leaves every other byte as it was."""
    before = fs.digest("big")
    descriptor = fs.open("big", O_RDWR)
    fs.pwrite(descriptor, b"X", 2 * MIB)
    assert fs.digest("big") != before
    fs.pwrite(descriptor, b"0", 2 * MIB)
    after = fs.digest("big")
    observe("content", "intact" if after == before else "damaged")
    assert after == before
    assert fs.pread(descriptor, 4096, 3 * MIB) == b"%04096d" % (3 * MIB // 4096)


@check("copyup/truncate-syscall", source="POSIX.1-2017, truncate()", provenance=("lower", "upper", "copied-up"))
@lower(big=filled(MIB))
def test_shortened_file_keeps_its_beginning(fs, observe):
    """A file that is cut to 4096 bytes has that size and its old first bytes."""
    fs.truncate("big", 4096)
    size = observe("size", fs.stat("big").size)
    assert size == 4096
    assert fs.load("big") == filled(4096)


@check("copyup/preserves-owner-mode-times", source="POSIX.1-2017, open()", provenance=("lower", "lower-deep"))
@lower(foo=File(b"data", mode=0o4751, uid=1000, gid=2000, mtime_ns=LONG_AGO + 123_456_789))
def test_opening_for_writing_keeps_the_metadata(fs, observe):
    """Opening a file for writing keeps its owner, group, mode and modification time to the nanosecond."""
    fs.close(fs.open("foo", O_RDWR))
    after = fs.stat("foo")
    observe("owner, mode, mtime", f"{after.uid}:{after.gid} {after.permissions:04o} {after.mtime_ns}")
    assert (after.uid, after.gid, f"{after.permissions:04o}") == (1000, 2000, "4751")
    assert after.mtime_ns == LONG_AGO + 123_456_789


@check("copyup/mtime-kept-on-chmod", source="POSIX.1-2017, chmod() marks st_ctime only", provenance=("lower", "upper"))
@lower(foo=File(b"data", mtime_ns=LONG_AGO + 5))
def test_changing_the_mode_keeps_the_mtime(fs, observe):
    """Changing a file's mode keeps its modification time."""
    fs.chmod("foo", 0o600)
    mtime_ns = fs.stat("foo").mtime_ns
    observe("mtime", "kept" if mtime_ns == LONG_AGO + 5 else mtime_ns)
    assert mtime_ns == LONG_AGO + 5


@check("copyup/ctime-unchanged-by-open", source="POSIX.1-2017, open()", provenance=("lower", "copied-up"))
@lower(foo=b"data")
def test_opening_for_writing_keeps_the_ctime(fs, observe):
    """Opening a file for writing, and writing nothing, keeps its status change time."""
    before = fs.stat("foo").ctime_ns
    fs.close(fs.open("foo", O_RDWR))
    after = fs.stat("foo").ctime_ns
    observe("ctime", "kept" if after == before else "changed")
    assert after == before, "the ctime changed"


@check("copyup/parent-ctime-unchanged", source="POSIX.1-2017, chmod()", provenance=("lower", "copied-up"))
@lower({"d": Directory(), "d/foo": b"data"})
def test_changing_a_file_keeps_the_times_of_its_directory(fs, observe):
    """Changing a file's mode keeps its directory's mtime and ctime."""
    fs.refresh("d")
    before = fs.stat("d")
    fs.chmod("d/foo", 0o600)
    fs.refresh("d")
    after = fs.stat("d")
    observe("directory's mtime", "kept" if after.mtime_ns == before.mtime_ns else "changed")
    observe("directory's ctime", "kept" if after.ctime_ns == before.ctime_ns else "changed")
    assert after.mtime_ns == before.mtime_ns, "the directory's mtime changed"
    assert after.ctime_ns == before.ctime_ns, "the directory's ctime changed"


@check("copyup/fileattr-flags-kept", source="ioctl_iflags(2), FS_NOATIME_FL")
@lower(foo=b"data")
@pytest.mark.slow
def test_inode_flags_are_kept(containers, storage, observe):
    """A file with the no-atime flag still has it after its mode was changed."""
    storage.set_file_flags("foo", "+A")
    fs = containers.process(containers.run())
    fs.chmod("foo", 0o600)
    flags = fs.file_flags(fs.open("foo", O_RDONLY))
    observe("no-atime flag", "kept" if flags & FS_NOATIME_FL else "lost")
    assert flags & FS_NOATIME_FL, "the flag is lost"


@check("copyup/sparse-holes-kept", source="lseek(2), SEEK_HOLE", provenance=("lower", "upper"))
@lower(sparse=SparseFile(size=4 * MIB, tail=b"the end.\n"))
def test_holes_are_kept(fs, observe):
    """A file of one hole and a few bytes keeps the hole, and the bytes, after its mode was changed."""
    fs.chmod("sparse", 0o600)
    found = fs.stat("sparse")
    observe("space of 4 MiB", f"{found.blocks * 512 / MIB:.1f} MiB")
    assert found.size == 4 * MIB
    assert fs.pread(fs.open("sparse", O_RDONLY), 9, 4 * MIB - 9) == b"the end.\n"
    # One block for the bytes, and what XFS allocates beyond the end of a file that grows: 64 KiB for a file so small
    # (xfs(5), allocsize).
    assert found.blocks * 512 <= 2 << 16, f"the file takes {found.blocks * 512 / MIB:.1f} MiB"


@check("copyup/symlink-lchown", source="POSIX.1-2017, lchown()", provenance=("lower", "upper"))
@lower({"file": b"data", "link": Symlink(target="file")})
def test_owner_of_a_symbolic_link(fs, observe):
    """Changing the owner of a symbolic link keeps its target, and the target's owner."""
    fs.lchown("link", 1000, 1000)
    target = observe("target", fs.readlink("link"))
    assert target == "file"
    assert (fs.lstat("link").uid, fs.lstat("link").gid) == (1000, 1000)
    assert (fs.stat("link").uid, fs.stat("link").gid) == (0, 0)


@check("copyup/symlink-keeps-owner", source="POSIX.1-2017, rename()")
@lower({"old": Symlink(target="file", uid=1000, gid=2000, mtime_ns=LONG_AGO)})
def test_renamed_symbolic_link_keeps_its_owner(fs, observe):
    """A symbolic link keeps its owner, group and mtime when it is renamed."""
    fs.rename("old", "new")
    found = fs.lstat("new")
    observe("owner, mtime", f"{found.uid}:{found.gid}, {'kept' if found.mtime_ns == LONG_AGO else 'changed'}")
    assert (found.uid, found.gid, found.mtime_ns) == (1000, 2000, LONG_AGO)


@check("copyup/device-node-chmod", source="POSIX.1-2017, chmod()", provenance=("lower", "upper"))
@lower({"null": Device(major=1, minor=3)})
def test_changed_device_node_is_the_same_device(fs, observe):
    """A device node keeps its device number, and works, after its mode was changed."""
    outcome = fs.attempt.chmod("null", 0o600)
    opened = fs.attempt.open("null", O_WRONLY)
    observe("chmod, open", f"{outcome}, {opened}")
    assert outcome == "success"
    assert opened == "success"
    assert (fs.stat("null").permissions, fs.stat("null").rdev) == (0o600, makedev(1, 3))
    assert S_ISCHR(fs.stat("null").mode)
    assert (fs.write(null := fs.open("null", O_RDWR), b"data"), fs.read(null, 4)) == (4, b"")


@check("copyup/deep-path-parents", source="POSIX.1-2017, write()", provenance=("lower", "lower-deep"))
@lower(
    {
        "a": Directory(mode=0o700, uid=1000),
        "a/b": Directory(mode=0o711, gid=2000),
        "a/b/c": Directory(mode=0o2775, uid=1000, gid=2000),
        "a/b/c/log": b"first\n",
    }
)
def test_directories_above_a_changed_file_are_kept(fs, observe):
    """Appending to a file keeps owner, group, mode and mtime of all directories above it."""
    fs.write(fs.open("a/b/c/log", O_WRONLY | O_APPEND), b"second\n")
    found = {path: fs.stat(path) for path in ("a", "a/b", "a/b/c")}
    seen = [f"{each.uid}:{each.gid} {each.permissions:04o}" for each in found.values()]
    observe("directories", ", ".join(seen))
    moved = [path for path, each in found.items() if each.mtime_ns != 10**18]
    observe("with another mtime", ", ".join(moved) or "none")
    assert seen == ["1000:0 0700", "0:2000 0711", "1000:2000 2775"]
    assert moved == []


@check("copyup/setxattr-triggers-once", source="setxattr(2)", provenance=("lower", "upper"))
@lower(foo=File(b"data", mode=0o751, uid=1000))
def test_new_attributes_keep_the_file(fs, observe):
    """A file that gets two extended attributes has both, and keeps its data, owner, mode and mtime."""
    fs.setxattr("foo", "user.first", b"1")
    fs.setxattr("foo", "user.second", b"2")
    names = fs.listxattr("foo")
    observe("attributes", " ".join(names))
    assert {"user.first", "user.second"} <= {*names}
    assert (fs.getxattr("foo", "user.first"), fs.getxattr("foo", "user.second")) == (b"1", b"2")
    found = fs.stat("foo")
    assert (found.uid, found.permissions, found.mtime_ns) == (1000, 0o751, 10**18)
    assert fs.load("foo") == b"data"


@check("copyup/utimens-on-lower", source="utimensat(2)", provenance=("lower", "lower-deep", "upper"))
@lower(foo=b"data")
def test_times_can_be_set(fs, observe):
    """A file's times can be set to the nanosecond, and its data stay."""
    fs.utimens("foo", LONG_AGO + 1, LONG_AGO + 999_999_999)
    found = fs.stat("foo")
    observe("mtime", found.mtime_ns)
    assert (found.atime_ns, found.mtime_ns) == (LONG_AGO + 1, LONG_AGO + 999_999_999)
    assert fs.load("foo") == b"data"


# --- copying out of a file of the image


@check("copyup/copy-file-range-lower-to-upper", source="copy_file_range(2)", provenance=("lower", "upper"))
@lower(old=filled(4096))
def test_copy_within_the_kernel(fs, observe):
    """copy_file_range(2) copies from a file of the image into a new file."""
    target = fs.open("new", O_WRONLY | O_CREAT)
    copied = fs.copy_file_range(fs.open("old", O_RDONLY), target, 4096)
    observe("bytes copied", copied)
    assert copied == 4096
    assert fs.load("new") == filled(4096)


@check("copyup/ficlone-lower-to-upper", source="ioctl_ficlone(2)")
@lower(old=filled(4096))
def test_clone_of_an_old_file(fs, observe):
    """A file of the image can be cloned if a new file can, and the clone has its content."""
    fs.store("new", b"n" * 4096)
    target = fs.open("target", O_RDWR | O_CREAT)
    of_new = fs.attempt.ficlone(target, fs.open("new", O_RDONLY))
    of_old = fs.attempt.ficlone(target, fs.open("old", O_RDONLY))
    observe("clone of a new file, of an old file", f"{of_new}, {of_old}")
    assert of_old == of_new
    assert fs.load("target") == (filled(4096) if of_old == "success" else b"")


# --- who else looks


@check("copyup/concurrent-two-writers", source="POSIX.1-2017, open()")
@lower(big=filled(4 * MIB))
def test_two_first_writers_get_one_file(fs, other, observe):
    """Two processes that open a file for writing at the same time get one file, whole."""
    before = fs.digest("big")
    first, second = fs.begin("open", "big", O_RDWR), other.begin("open", "big", O_RDWR)
    mine, theirs = first.answer(), second.answer()
    same = fs.fstat(mine).identity == other.fstat(theirs).identity
    observe("file", "the same" if same else "two")
    assert same
    assert fs.digest("big") == before
    other.pwrite(theirs, b"X", 0)
    assert fs.pread(mine, 1, 0) == b"X"


@check("copyup/reader-never-sees-partial", source="POSIX.1-2017, open()")
@lower(big=filled(MIB) * 2)
def test_readers_never_find_a_part(fs, other, observe):
    """A process that reads a file while another one opens it for writing always finds it whole."""
    looking = other.begin("look_often", "big", 0.2)
    fs.close(fs.open("big", O_RDWR))
    looks, missing, torn = looking.answer()
    observe("missing, torn", f"{missing}, {torn} of {looks} looks")
    looked(looks, 10)
    assert missing == 0
    assert torn == 0


@pytest.mark.slow
@check("copyup/larger-than-4g", source="xfstests overlay/001; open(2), large files")
@lower(large=b"start")
def test_file_of_four_gibibytes_is_whole_after_its_first_change(lane_daemon, own_containers, own_storage, observe):
    """A file of one byte less than 4 GiB, mostly a hole, keeps its length and its ends when two bytes are appended."""
    own_storage.lengthen("large", 4 * GIB - 1, b"the end")
    with lane_daemon.engine.patience(PATIENCE):
        fs = own_containers.process(own_containers.run())
    writer = fs.begin("open", "large", O_RDWR | O_APPEND).answer(PATIENCE)
    fs.write(writer, b"+-")
    size = fs.fstat(writer).size
    ends = fs.pread(writer, 5, 0), fs.pread(writer, 20, 4 * GIB - 8)
    observe("size and ends", f"{size} bytes, {ends[0].decode()} … {ends[1].decode()}")
    assert size == 4 * GIB + 1
    assert ends == (b"start", b"the end+-")
