"""Containers do not see one another's changes, nothing changes an image, and many workers at once do no harm."""

from os import O_RDONLY, O_RDWR, O_WRONLY
from zlib import crc32

import pytest

from roadworthy import LAYERS, Device, Directory, File, capabilities, check, looked, lower, needs
from roadworthy.linux import FS_IMMUTABLE_FL, MAP_SHARED, PROT_READ, PROT_WRITE

MANY = 100
#: Writes that go on while an image is loaded and started.
WRITES = 100_000


@pytest.mark.slow
@check("life/isolation-two-containers", source="Docker documentation, About storage drivers")
@needs(LAYERS)
@lower(f=b"image", gone=b"")
def test_containers_of_one_image_do_not_see_each_other(containers, observe):
    """What one container writes, makes and deletes is not seen in another container of the same image."""
    one = containers.process(containers.run())
    two = containers.process(containers.run())
    one.store("f", b"one")
    one.store("new", b"")
    one.unlink("gone")
    content, names = two.load("f"), two.listdir()
    observe("seen by the other", f"{content.decode()}, {' '.join(names)}")
    assert content == b"image"
    assert names == ["f", "gone"]


@check("sec/lower-never-modified", source="overlayfs.rst, Changes to underlying filesystems")
@needs(LAYERS)
@lower(written=File(b"image", mode=0o644), mapped=b"image", cut=b"image", dressed=b"image", gone=b"image")
def test_nothing_that_root_does_changes_the_image(fs, storage, observe):
    """Writes, mappings, truncation, deletions, new modes, owners, times and attributes leave the image as it was."""
    before = storage.fingerprint()
    fs.pwrite(fs.open("written", O_WRONLY), b"other", 0)
    fs.poke(fs.mmap(fs.open("mapped", O_RDWR), 4096, PROT_READ | PROT_WRITE, MAP_SHARED), b"other")
    fs.truncate("cut", 1)
    fs.chmod("dressed", 0o4711)
    fs.chown("dressed", 1000, 1000)
    fs.attempt.setxattr("dressed", "user.roadworthy", b"other")
    fs.utimens("dressed", 0, 0)
    fs.unlink("gone")
    after = storage.fingerprint()
    observe("image layers", "unchanged" if after == before else "changed")
    assert fs.load("written") + fs.load("mapped") + fs.load("cut") == b"otherotheri"
    assert after == before


@check("sec/flags-stay-out-of-image", source="open(2), O_RDONLY; xfstests overlay/040")
@needs(LAYERS)
@capabilities("LINUX_IMMUTABLE")
@lower(f=b"image")
def test_flags_set_through_a_read_only_descriptor_stay_out_of_the_image(fs, storage, observe):
    """File flags that are set through a descriptor opened read-only are not set on the image's file."""
    reader = fs.open("f", O_RDONLY)
    outcome = fs.attempt.set_file_flags(reader, FS_IMMUTABLE_FL)
    in_image = "i" in storage.file_flags(storage.lower("f"))
    fs.attempt.set_file_flags(reader, 0)
    observe("FS_IOC_SETFLAGS", f"{outcome}; the image's file {'has' if in_image else 'has not'} the flag")
    assert in_image == 0


@check("sec/immutable-flag-lower", source="ioctl_iflags(2), FS_IMMUTABLE_FL; xfstests overlay/030")
@capabilities("LINUX_IMMUTABLE")
@lower(f=b"image")
def test_immutable_file_of_the_image_cannot_be_written(fs, observe):
    """A file of the image that was made immutable in the container refuses to be opened for writing."""
    fs.set_file_flags(fs.open("f", O_RDONLY), FS_IMMUTABLE_FL)
    outcome = fs.attempt.open("f", O_WRONLY)
    fs.set_file_flags(fs.open("f", O_RDONLY), 0)
    observe("open for writing", outcome)
    assert outcome == "EPERM"


@check(
    "sec/default-permissions",
    source="POSIX.1-2017, open(), EACCES",
    provenance=("lower", "lower-deep", "upper", "copied-up"),
)
@lower(f=File(b"secret", mode=0o600))
def test_file_of_root_is_closed_to_others(fs, observe):
    """Another user cannot open a file that only root may read."""
    fs.become(1000)
    outcome = observe("open", fs.attempt.open("f", O_RDONLY))
    assert outcome == "EACCES"


@check("sec/device-node-nodev", source="cgroups(7), devices; mknod(2)")
@lower(disk=Device(major=7, minor=0, block=True, mode=0o666))
def test_block_device_of_the_image_is_not_opened(fs, observe):
    """A block device node that an image carries is refused: by the container's device list, or by a nodev mount."""
    outcome = fs.attempt.open("disk", O_RDONLY)
    observe("open", outcome)
    assert outcome in ("EPERM", "EACCES")  # and not ENXIO, which only says that the host lacks the device


@check("sec/null-device-works", source="null(4)")
@lower(null=Device(major=1, minor=3, mode=0o666))
def test_null_device_of_the_image_works(fs, observe):
    """The null device of an image accepts a user's writes and returns nothing to that user."""
    fs.become(1000)
    device = fs.open("null", O_RDWR)
    written = observe("written", fs.write(device, b"gone"))
    assert written == 4
    assert fs.read(device, 4) == b""


@pytest.mark.slow
@check("conc/parallel-containers-same-file", source="xfstests overlay/021")
@needs(LAYERS)
@lower(f=bytes(1 << 20))
def test_containers_write_the_same_file_of_the_image_at_once(containers, observe):
    """Four containers that write to one file of their image at the same time each have their own content."""
    running = [containers.create() for _ in range(4)]
    containers.all_at_once(*(container.start for container in running))
    processes = [containers.process(container) for container in running]
    sent = [fs.begin("repeat", 50, "append_often", "f", b"%d" % number, 1) for number, fs in enumerate(processes)]
    outcomes = [call.answer() for call in sent]
    tails = [fs.load("f")[1 << 20 :] for fs in processes]
    observe("last bytes", ", ".join(tail[-4:].decode() for tail in tails))
    assert outcomes == [{"success": 50}] * 4
    assert tails == [b"%d" % number * 50 for number in range(4)]


@check("conc/parallel-copyup-storm", source="xfstests overlay/021; fuse-overlayfs tests, test-stress.sh")
@lower({f"f{number}": b"%04d" % number * 64 for number in range(MANY)})
def test_two_processes_change_all_files_at_once(fs, other, observe):
    """Two processes that append to the same files of the image at once lose neither content nor each other's bytes."""
    calls = [
        process.begin("repeat", MANY, "append_often", "f%d", byte, 1) for process, byte in ((fs, b"A"), (other, b"B"))
    ]
    outcomes = [call.answer() for call in calls]
    found = [fs.load(f"f{number}") for number in range(MANY)]
    whole = [
        data[:256] == b"%04d" % number * 64 and sorted(data[256:]) == [65, 66] for number, data in enumerate(found)
    ]
    observe("files that are whole", f"{sum(whole)} of {MANY}")
    assert outcomes == [{"success": MANY}] * 2
    assert sum(whole) == MANY


@check("conc/parallel-unlink", source="POSIX.1-2017, unlink(), ENOENT", provenance=("lower", "upper"))
@lower({f"f{number}": b"" for number in range(MANY)})
def test_two_processes_delete_the_same_files(fs, other, observe):
    """If two processes delete one file, one succeeds and the other gets ENOENT."""
    calls = [process.begin("repeat", MANY, "unlink", "f%d") for process in (fs, other)]
    outcomes = [call.answer() for call in calls]
    deleted, not_found = (sum(outcome.get(word, 0) for outcome in outcomes) for word in ("success", "ENOENT"))
    observe("deleted", f"{deleted} times, {not_found} times not found, of {MANY} files")
    assert (deleted, not_found) == (MANY, MANY)
    assert fs.listdir() == []


@check("conc/mkdir-race", source="POSIX.1-2017, mkdir(), EEXIST")
def test_two_processes_make_the_same_directories(fs, other, observe):
    """If two processes make one directory, one succeeds and the other gets EEXIST."""
    calls = [process.begin("repeat", MANY, "mkdir", "d%d") for process in (fs, other)]
    outcomes = [call.answer() for call in calls]
    made, found = (sum(outcome.get(word, 0) for outcome in outcomes) for word in ("success", "EEXIST"))
    observe("made", f"{made} times, {found} times found there, of {MANY} directories")
    assert (made, found) == (MANY, MANY)


@check("conc/parallel-rename-storm", source="POSIX.1-2017, rename(); fuse-overlayfs tests, test-stress.sh")
@lower({f"{side}{number}": side.encode() for side in "ab" for number in range(MANY)})
def test_two_processes_rename_in_one_directory(fs, other, observe):
    """Two processes that rename files of the image in one directory at once lose none of them."""
    calls = [
        process.begin("repeat", MANY, "rename", f"{side}%d", f"{side}-new%d")
        for process, side in ((fs, "a"), (other, "b"))
    ]
    outcomes = [call.answer() for call in calls]
    names = fs.listdir()
    observe("files left", len(names))
    assert outcomes == [{"success": MANY}] * 2
    assert names == sorted(f"{side}-new{number}" for side in "ab" for number in range(MANY))


@check("conc/replaced-file-is-never-missing", source="POSIX.1-2017, rename(), Rationale")
@lower({"target": b"00000000" * 2, "one": Directory(), "two": Directory()})
def test_replacing_a_file_of_the_image_leaves_no_gap(fs, other, container, evidence, observe):
    """A process that opens a file while two others replace it, 200 times each, finds it every time, and whole."""
    third = container.process(fs.directory, evidence, "C")
    looking = third.begin("look_often", "target", 0.3)
    replacing = [
        process.begin("replace_often", place, "target", 200) for process, place in ((fs, "one"), (other, "two"))
    ]
    for work in replacing:
        work.answer()
    looks, missing, torn = looking.answer()
    third.leave()
    observe("looks", f"{missing} missing and {torn} torn of {looks}")
    looked(looks, 10)
    assert (missing, torn) == (0, 0)


@pytest.mark.slow
@check("conc/parallel-start-stop", source="Docker documentation, docker start")
@needs(LAYERS)
def test_containers_start_and_stop_at_once(containers, storage, observe):
    """Four containers that are started and removed at once all run, and leave no mount behind."""
    before = len(storage.layer_mounts())
    image = containers.image({"f": b"data"})
    made = [containers.create(image) for _ in range(4)]
    containers.all_at_once(*(container.start for container in made))
    running = [containers.process(container).load("f") for container in made]
    containers.all_at_once(*(container.remove for container in made))
    left = observe("mounts left", len(storage.layer_mounts()) - before)
    assert running == [b"data"] * 4
    assert left == 0


@pytest.mark.slow
@check("conc/pull-and-run", source="moby/moby graphtest, DriverTestDeepLayerRead")
@needs(LAYERS)
def test_image_is_loaded_while_its_base_runs(containers, observe):
    """A running container reads and writes on while an image that shares its layers is loaded and started."""
    base = {"f": b"base", "g": b"base"}
    fs = containers.process(containers.run(containers.image(base)))
    reader = fs.open("f", O_RDONLY)
    writing = fs.begin("append_often", "g", b"written\n", WRITES)
    child = containers.process(containers.run(containers.image(base, {"f": b"child"})))
    writing.answer(100)
    of_base, of_child = fs.pread(reader, 4, 0), child.load("f")
    observe("read", f"{of_base.decode()} in the base, {of_child.decode()} in the child")
    assert of_base == b"base"
    assert fs.load("f") == b"base"
    assert (of_child, child.load("g")) == (b"child", b"base")
    assert fs.digest("g") == (crc32(b"base" + b"written\n" * WRITES), 4 + 8 * WRITES)
