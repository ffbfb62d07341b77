"""What a driver does on a full disk: it says so, what it refuses is not half done, and room makes it well again.

Whether a call is refused depends on the driver: some need space for a change that others make in place. Whatever the
outcome is, the files have to say the same.
"""

from os import O_CREAT, O_RDWR, O_WRONLY, urandom
from os.path import basename
from zlib import crc32

import pytest

from roadworthy import LAYERS, SIZE_LIMIT, File, check, lower, needs

pytestmark = pytest.mark.slow

MIB = 1 << 20
PAGE = 4096
#: Files that the filler makes of one size at most, on file systems that take more than they say.
MOST = 450
REFUSED = ("ENOSPC", "EDQUOT")
#: The image's file: larger than what the filler leaves, so that it cannot be copied.
BIG = bytes(range(256)) * (8 * MIB // 256)
#: What a container writes before the disk is full.
OWN = urandom(8 * MIB)
OWNED = ("own0", "own1", "own2")


class Filler:
    """Files of a volume that take all space of the backing, or all its inodes."""

    def __init__(self, containers):
        self.process = containers.process(containers.run(), "B")
        place = f"/volume/{basename(self.process.directory)}-filler"
        self.process.mkdir(place)
        self.process.chdir(place)
        self.inodes = 0

    def fill(self):
        """Take all space, down to single pages."""
        fs = self.process
        big = fs.open("big", O_WRONLY | O_CREAT)
        free = fs.statvfs(".")
        for blocks in (free.f_bavail, free.f_bfree):  # the second includes what the file system reserves for root
            fs.attempt.fallocate(big, 0, blocks * free.f_frsize - 4 * MIB)
        fs.close(big)
        for size in (MIB, 16 * PAGE, PAGE):
            data, made = urandom(size), 0
            while made < MOST and fs.attempt.store(f"{size}.{made}", data) == "success":
                made += 1

    def fill_inodes(self):
        """Take all inodes, of a file system that counts them."""
        self.inodes = min(self.process.statvfs(".").f_favail, 150_000) + 100
        self.process.begin("repeat", self.inodes, "mkfifo", "%d").answer(300)

    def make_room(self):
        """Remove all that takes space."""
        if self.inodes:
            self.process.begin("repeat", 2000, "unlink", "%d").answer(100)
        for name in self.process.listdir():
            if not name.isdecimal():
                self.process.unlink(name)


def shown(fs, path):
    """The checksum of a file, and its size."""
    return fs.digest(path, 100)


def summed(data):
    return crc32(data), len(data)


def whole(fs, path):
    """The permissions of a file, its owner, and its content."""
    status = fs.stat(path)
    return status.mode & 0o777, status.uid, fs.load(path)


@check("space/copy-up-on-full-disk", source="write(2), ENOSPC; Linux Documentation/filesystems/overlayfs.rst, copy_up")
@lower(big=BIG)
def test_first_write_to_a_file_of_the_image_on_a_full_disk(cramped, observe):
    """On a full disk, a first write to a file of the image is done or refused whole, and is done once there is room."""
    fs, filler = cramped.process(live := cramped.run()), Filler(cramped)
    filler.fill()
    outcome = fs.attempt.open("big", O_RDWR)
    if outcome == "success":
        outcome = fs.attempt.pwrite(fs.open("big", O_RDWR), b"new", 5 * MIB)
    observe("the first write", outcome)
    written = BIG[: 5 * MIB] + b"new" + BIG[5 * MIB + 3 :]
    assert outcome in (*REFUSED, "success")
    assert shown(fs, "big") == summed(written if outcome == "success" else BIG)
    filler.make_room()
    again = fs.attempt.pwrite(fs.open("big", O_RDWR), b"new", 5 * MIB)
    observe("with room", again)
    assert again == "success"
    assert shown(fs, "big") == summed(written)
    live.stop().start()
    assert shown(cramped.process(live), "big") == summed(written)


@check(
    "space/removal-on-full-disk", source="unlink(2), ENOSPC; Linux Documentation/filesystems/overlayfs.rst, whiteouts"
)
@lower({f"d/f{number}": b"image" for number in range(20)})
def test_removal_of_files_of_the_image_on_a_full_disk(cramped, observe):
    """On a full disk, each file of the image is removed or kept whole, as the call says, and is removed with room."""
    fs, filler = cramped.process(live := cramped.run()), Filler(cramped)
    filler.fill()
    outcomes = {name: fs.attempt.unlink(f"d/{name}") for name in fs.listdir("d")}
    observe(
        "removals", ", ".join(f"{list(outcomes.values()).count(one)} {one}" for one in sorted({*outcomes.values()}))
    )
    kept = sorted(name for name, outcome in outcomes.items() if outcome != "success")
    assert {*outcomes.values()} <= {*REFUSED, "success"}
    listed = fs.listdir("d")
    assert listed == kept
    assert [fs.load(f"d/{name}") for name in kept] == [b"image"] * len(kept)
    filler.make_room()
    later = [fs.attempt.unlink(f"d/{name}") for name in kept]
    assert later == ["success"] * len(kept)
    live.stop().start()
    assert cramped.process(live).listdir("d") == []


@check("space/commit-on-full-disk", source="Docker documentation, docker commit; write(2), ENOSPC")
@needs(LAYERS)
@lower(image=b"image")
def test_commit_on_a_full_disk(cramped, observe):
    """A commit for which there is no space is refused and leaves no image, and the container's files are all there."""
    fs, filler = cramped.process(live := cramped.run()), Filler(cramped)
    for name in OWNED:
        fs.store(name, OWN)
        fs.fsync(fs.open(name, O_RDWR), 100)
    before = cramped.images()
    filler.fill()
    outcome = cramped.attempt.commit(live)
    observe("docker commit", outcome)
    made = cramped.images() - before
    assert (outcome == "success") == bool(made), made
    assert [shown(fs, name) for name in OWNED] == [summed(OWN)] * 3
    filler.make_room()
    image = cramped.commit(live)
    copy = cramped.process(cramped.run(image))
    assert [shown(copy, name) for name in OWNED] == [summed(OWN)] * 3
    assert copy.load("image") == b"image"


@check("space/load-on-full-disk", source="Docker documentation, docker load; write(2), ENOSPC")
@needs(LAYERS)
@lower(image=b"image")
def test_load_on_a_full_disk(cramped, observe):
    """A load for which there is no space is refused and leaves no image, and is done whole once there is room."""
    fs, filler = cramped.process(cramped.run()), Filler(cramped)
    archive, name = cramped.archive({"own": OWN}, {"more": OWN})
    before = cramped.images()
    filler.fill()
    outcome = cramped.attempt.load(archive, name)
    observe("docker load", outcome)
    assert outcome != "success"
    assert cramped.images() == before
    assert fs.load("image") == b"image"
    filler.make_room()
    later = cramped.attempt.load(archive, name)
    assert later == "success"
    loaded = cramped.process(cramped.run(name))
    assert (shown(loaded, "own"), shown(loaded, "more")) == (summed(OWN), summed(OWN))


@check("space/change-without-inodes", source="chmod(2); Docker documentation, OverlayFS, inode usage")
@lower({f"d{number}/f": File(b"image", uid=1000) for number in range(20)})
def test_change_of_files_of_the_image_without_inodes(cramped, observe):
    """Without free inodes, a change of a file of the image is done or refused whole, and is done once some are free."""
    fs, filler = cramped.process(cramped.run()), Filler(cramped)
    filler.fill_inodes()
    names = [f"d{number}/f" for number in range(20)]
    outcomes = [fs.attempt.chmod(name, 0o600) for name in names]
    observe("changes", ", ".join(f"{outcomes.count(one)} {one}" for one in sorted({*outcomes})))
    assert {*outcomes} <= {*REFUSED, "success"}
    expected = [(0o600 if outcome == "success" else 0o644, 1000, b"image") for outcome in outcomes]
    assert [whole(fs, name) for name in names] == expected
    filler.make_room()
    later = [fs.attempt.chmod(name, 0o600) for name in names]
    assert later == ["success"] * 20
    assert [whole(fs, name) for name in names] == [(0o600, 1000, b"image")] * 20


@check("quota/copy-up-beyond-limit", source="write(2), EDQUOT; Docker documentation, docker run --storage-opt")
@needs(SIZE_LIMIT)
@lower(prepared=b"")
def test_first_write_to_a_file_of_the_image_at_the_containers_limit(own_containers, observe):
    """At a container's size limit, a first write to a file of the image is done or refused whole, and none is lost."""
    image = own_containers.image({"big": BIG * 4})
    fs = own_containers.process(live := own_containers.run(image, storage_opt={"size": "48M"}))
    made = 0
    while made < 64 and fs.attempt.store(f"own{made}", OWN[:MIB]) == "success":
        fs.fsync(fs.open(f"own{made}", O_RDWR), 100)
        made += 1
    fs.attempt.unlink(f"own{made}")
    outcome = fs.attempt.open("big", O_RDWR)
    if outcome == "success":
        outcome = fs.attempt.pwrite(fs.open("big", O_RDWR), b"new", 0)
    observe("the first write", f"{outcome}, after {made} MiB")
    written = (b"new" + BIG[3:] if outcome == "success" else BIG) + BIG * 3
    assert outcome in (*REFUSED, "success")
    live.stop().start()
    again = own_containers.process(live)
    assert shown(again, "big") == summed(written)
    assert [shown(again, f"own{number}") for number in range(made)] == [summed(OWN[:MIB])] * made
