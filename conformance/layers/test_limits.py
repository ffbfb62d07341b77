"""Limits of names, paths and layers, and the space that containers, images and deletions take and give back."""

from os import O_CREAT, O_RDONLY, O_WRONLY, urandom
from os.path import basename
from zlib import crc32

import pytest

from roadworthy import LAYERS, SIZE_LIMIT, Directory, check, lower, needs

MIB = 1 << 20
#: Layers of an image: what the engine takes at most.
DEEPEST = 125
#: What a layer, a removal or the daemon's records take of the backing besides contents: 0.1 MiB were measured where
#: layers are directories, subvolumes or datasets.
BESIDES = MIB


@check("limit/max-filename", source="POSIX.1-2017, NAME_MAX; aufs.5")
def test_names_of_255_bytes(fs, observe):
    """A name may be 255 bytes long, and no longer."""
    longest = max(length for length in range(240, 257) if fs.attempt.mkdir("n" * length) == "success")
    observe("longest name", f"{longest} bytes")
    assert longest == 255
    assert fs.attempt.store("n" * 256, b"") == "ENAMETOOLONG"


@check("limit/long-name-from-image", source="aufs.5; docker/hub-feedback issue 1447")
@lower({"n" * 250: b"data"})
def test_long_name_of_the_image(fs, observe):
    """A file of the image whose name has 250 bytes is listed, read and deleted like any other."""
    assert fs.listdir() == ["n" * 250]
    assert fs.load("n" * 250) == b"data"
    observe("unlink", outcome := fs.attempt.unlink("n" * 250))
    assert outcome == "success"
    assert fs.listdir() == []


@pytest.mark.slow
@check("limit/longest-name-from-image", source="POSIX.1-2017, NAME_MAX; unlink(2)")
@needs(LAYERS)
def test_longest_name_of_the_image(containers, observe):
    """A file of the image whose name has 255 bytes can be deleted, and another file stays readable."""
    fs = containers.process(containers.run(containers.image({"n" * 255: b"data", "other": b"there"})))
    outcome, another = fs.attempt.unlink("n" * 255), fs.attempt.load("other")
    observe("unlink, then open of another file", f"{outcome}, {another}")
    assert outcome == "success"
    assert another == "success", f"another file cannot be read: {another}"
    assert fs.load("other") == b"there"


@check("limit/name-max-reported", source="POSIX.1-2017, fstatvfs(), f_namemax")
def test_longest_name_is_as_reported(fs, observe):
    """A name is accepted at the length that statfs(2) reports as the longest, and refused beyond."""
    _, longest = fs.statfs(".")
    observe("reported", f"{longest} bytes")
    fs.store("n" * longest, b"")
    outcome = observe("a longer name", fs.attempt.store("n" * (longest + 1), b""))
    assert outcome == "ENAMETOOLONG"


@check("limit/name-too-long-not-missing", source="POSIX.1-2017, chmod(), ENAMETOOLONG; pjdfstest, chmod/02.t")
def test_longer_name_is_too_long_rather_than_missing(fs, observe):
    """A name longer than the longest that statfs(2) reports is refused as too long by calls that look for it, too."""
    _, longest = fs.statfs(".")
    outcome = fs.attempt.chmod("n" * (longest + 1), 0o600)
    observe("chmod of a longer name", outcome)
    assert outcome == "ENAMETOOLONG"


@check("limit/max-path-depth", source="POSIX.1-2017, chdir(), PATH_MAX; moby/moby issue 13451")
def test_tree_deeper_than_a_path_is_long(fs, observe):
    """Directories nested deeper than a path can name are made, used and removed step by step."""
    made = 0
    while made < 25 and fs.attempt.mkdir("n" * 240) == "success":
        fs.chdir("n" * 240)
        made += 1
    observe("depth", f"{made * 241} bytes")
    assert made == 25
    fs.store("deep", b"data")
    assert fs.load("deep") == b"data"
    fs.unlink("deep")
    for _ in range(made):
        fs.chdir("..")
        fs.rmdir("n" * 240)
    assert fs.listdir() == []


@check(
    "limit/symlink-target", source="symlink(2), ENAMETOOLONG; POSIX.1-2017, SYMLINK_MAX", provenance=("upper", "volume")
)
def test_symlink_target_of_a_page(fs, observe):
    """A symbolic link can have a target of 1023 bytes, which is read back whole."""
    fs.symlink("t" * 1023, "link")
    target = fs.readlink("link")
    observe("target", f"{len(target)} bytes")
    assert target == "t" * 1023
    assert fs.lstat("link").size == 1023


@pytest.mark.slow
@check("limit/image-layer-depth", source="moby layer/layer_store.go, maxLayerDepth")
@needs(LAYERS)
def test_image_of_125_layers(containers, observe):
    """An image of 125 layers loads, runs, and shows the files of its first and its last layer."""
    trees = [{f"f{number}": b"%d" % number} for number in range(DEEPEST)]
    outcome = containers.attempt.image(*trees)
    observe("docker load", outcome)
    assert outcome == "success"
    fs = containers.process(containers.run(containers.last_image))
    assert fs.load("f0") == b"0"
    assert fs.load(f"f{DEEPEST - 1}") == b"%d" % (DEEPEST - 1)
    assert len(fs.listdir()) == DEEPEST


@pytest.mark.slow
@check("limit/deep-layer-write", source="moby/moby graphtest, DriverTestDeepLayerRead")
@needs(LAYERS)
def test_first_write_to_a_file_under_20_layers(containers, observe):
    """The first write to a file that lies under 20 other layers changes it and keeps the rest of its content."""
    image = containers.image(
        {"d": Directory(), "d/f": b"deepest"}, *({f"d/above{number}": b""} for number in range(20))
    )
    fs = containers.process(containers.run(image))
    fs.pwrite(fs.open("d/f", 0o2), b"D", 0)
    content = observe("content", fs.load("d/f"))
    assert content == b"Deepest"


@pytest.mark.slow
@check("quota/storage-opt-supported", source="Docker documentation, docker run --storage-opt")
@needs(LAYERS)
def test_container_is_given_a_size(own_containers, observe):
    """A container can be given a size limit for its writable layer, and cannot write more than that."""
    said = own_containers.attempt.create(storage_opt={"size": "64M"})
    observe("docker create --storage-opt size=64M", said)
    assert said == "success", said
    fs = own_containers.process(own_containers.run(own_containers.image({}), storage_opt={"size": "64M"}))
    outcomes = [fs.attempt.store(f"f{number}", bytes(8 * MIB)) for number in range(16)]
    observe("128 MiB in 64 MiB", "refused" if outcomes[-1] != "success" else "written")
    assert outcomes[-1] != "success", "the size is ignored"
    assert outcomes.count("success") <= 8


@check("quota/errno", source="write(2), EDQUOT, ENOSPC")
@needs(SIZE_LIMIT)
@pytest.mark.slow
def test_write_beyond_the_size_is_refused(own_containers, observe):
    """A write beyond a container's size limit is refused for lack of space."""
    fs = own_containers.process(own_containers.run(own_containers.image({}), storage_opt={"size": "16M"}))
    outcomes = [fs.attempt.store(f"f{number}", bytes(8 * MIB)) for number in range(4)]
    observe("four files of 8 MiB in 16 MiB", ", ".join(outcomes))
    assert {*outcomes[2:]} <= {"EDQUOT", "ENOSPC"}


@check("quota/storage-opt-semantics", source="moby/moby issue 24771")
@needs(SIZE_LIMIT)
@pytest.mark.slow
def test_size_counts_what_the_container_wrote(own_containers, observe):
    """A container can use most of its size limit for its own files, whatever the size of its image."""
    image = own_containers.image({"base": bytes(8 * MIB)})
    fs = own_containers.process(own_containers.run(image, storage_opt={"size": "16M"}))
    written = sum(fs.attempt.store(f"f{number}", bytes(MIB)) == "success" for number in range(16))
    observe("written of 16 MiB, with an image of 8 MiB", f"about {written // 4 * 4} MiB")
    # Three quarters: a file system of its own needs tables and a journal, Btrfs counts its trees.
    assert written >= 12, f"only {written // 4 * 4} MiB"


@check("quota/bad-size-rejected", source="Docker documentation, docker run --storage-opt")
@needs(LAYERS)
@pytest.mark.parametrize(
    "option",
    [
        pytest.param({"size": "abc"}, id="no-number"),
        pytest.param({"size": "-1"}, id="negative"),
        pytest.param({"nonsense": "1"}, id="unknown-option"),
    ],
)
def test_size_that_makes_no_sense_is_refused(containers, observe, option):
    """A container is not created with an invalid size, or with an option that does not exist."""
    said = containers.attempt.create(storage_opt=option)
    observe("docker create", said)
    assert said != "success"


@pytest.mark.slow
@check("space/new-container-cost", source="Docker documentation, Container size on disk")
@needs(LAYERS)
def test_new_container_does_not_copy_its_image(containers, storage, observe):
    """Three new containers of an image of 8 MiB take less space than one copy of it."""
    image = containers.image({"big": bytes(8 * MIB)})
    with storage.growth() as growth:
        for _ in range(3):
            containers.create(image)
    observe("three containers", growth)
    assert growth.bytes < 8 * MIB, f"{growth}"


@pytest.mark.slow
@check("space/image-disk-cost", source="Docker documentation, Sharing promotes smaller images")
@needs(LAYERS)
def test_small_layers_do_not_copy_the_layers_below(containers, storage, observe):
    """An image of 8 MiB with four layers of one small file each takes less than two copies of it."""
    with storage.growth() as growth:
        containers.image({"big": bytes(8 * MIB)}, *({f"f{number}": b""} for number in range(4)))
    observe("five layers", growth)
    assert growth.bytes < 16 * MIB, f"{growth}"


@pytest.mark.slow
@check("space/shared-base-counted-once", source="Docker documentation, Sharing promotes smaller images")
@needs(LAYERS)
def test_second_image_shares_the_base_of_the_first(containers, storage, observe):
    """An image that shares a base of 8 MiB with another takes next to nothing besides: the base is there once."""
    base = {"big": bytes(8 * MIB)}
    containers.image(base, {"f": b"first"})
    with storage.growth() as growth:
        containers.image(base, {"f": b"second"})
    observe("second image", growth)
    assert growth.bytes < BESIDES, f"{growth}"


@pytest.mark.slow
@check("space/image-inode-cost", source="Docker documentation, OverlayFS, inode consumption")
@needs(LAYERS)
def test_small_layers_do_not_repeat_the_inodes_below(containers, storage, observe):
    """Four layers of one file each upon 200 directories take fewer inodes than the directories."""
    base = {f"d{number}/f": b"" for number in range(200)}
    containers.image(base)
    with storage.inode_growth() as growth:
        containers.image(base, *({f"f{number}": b""} for number in range(4)))
    observe("four layers", f"{growth.inodes // 50 * 50} inodes or some more")
    assert growth.inodes < 200, f"{growth.inodes // 50 * 50} inodes or some more"


@pytest.mark.slow
@check("space/delete-returns-space", source="Docker documentation, docker rm")
@needs(LAYERS)
def test_removed_container_gives_its_space_back(containers, storage, observe):
    """The space that a container's files took is free again once the container is removed."""
    live = containers.run(containers.image({}))
    before = storage.backing.used_bytes()
    containers.process(live).store("f", bytes(8 * MIB))
    grown = storage.backing.used_bytes() - before
    live.remove()
    left = storage.settles(before + BESIDES) - before
    observe("taken and left", f"{grown / MIB:.0f} MiB and {max(left, 0) / MIB:.0f} MiB")
    assert grown > 8 * MIB - BESIDES
    assert left <= BESIDES


@pytest.mark.slow
@check("space/deleted-file-returns-space", source="unlink(2)")
@needs(LAYERS)
def test_deleted_file_gives_its_space_back(containers, storage, observe):
    """The space of a file that a container made is free again once the container has deleted it."""
    fs = containers.process(containers.run(containers.image({})))
    before = storage.backing.used_bytes()
    fs.store("f", bytes(8 * MIB))
    grown = storage.backing.used_bytes() - before
    fs.unlink("f")
    left = storage.settles(before + BESIDES) - before
    observe("taken and left", f"{grown / MIB:.0f} MiB and {max(left, 0) / MIB:.0f} MiB")
    assert grown > 8 * MIB - BESIDES
    assert left <= BESIDES


@pytest.mark.slow
@check("space/df-vs-btrfs-show", source="statvfs(3), f_bavail; btrfs-filesystem(8), usage")
def test_free_space_is_what_the_file_system_s_own_tool_estimates(containers, storage, observe):
    """A container sees as free what the file system's own tool estimates, after a thousand small files, too."""
    fs = containers.process(containers.run())
    assert fs.begin("repeat", 1000, "store", "f%d", b"s" * 3000, 0o644).answer() == {"success": 1000}
    storage.backing.settle()
    said, seen = storage.backing.own_free_bytes(), fs.statvfs(".")
    free = seen.f_bavail * seen.f_frsize
    observe("own tool's and seen", f"{said / MIB:.1f} MiB and {free / MIB:.1f} MiB")
    assert abs(free - said) <= MIB


@pytest.mark.slow
@check("space/docker-ps-size", source="Docker documentation, Container size on disk")
@needs(LAYERS)
def test_engine_counts_the_bytes_that_were_written(containers, observe):
    """docker ps --size counts the bytes that a container wrote, and none for what it read or deleted."""
    fs = containers.process(live := containers.run(containers.image({"read": bytes(MIB), "gone": bytes(MIB)})))
    fs.load("read")
    fs.unlink("gone")
    fs.store("new", b"12345")
    size = live.size()
    observe("size", f"{size} bytes")
    assert size == 5


@pytest.mark.slow
@check("space/sparse-through-build", source="OCI image-spec, layer.md, File Types; tar(5), sparse files")
@needs(LAYERS)
def test_hole_is_kept_in_the_image(containers, observe):
    """A file of 4 MiB that is a hole takes no blocks in the image that it is committed into."""
    fs = containers.process(live := containers.run(containers.image({})))
    fs.store("f", b"")
    fs.truncate("f", 4 * MIB)
    live.stop()
    image = containers.process(containers.run(containers.commit(live)))
    size = image.fstat(image.open("f", O_RDONLY)).blocks * 512
    observe("blocks", f"{size / MIB:.1f} MiB")
    assert size == 0, f"{size / MIB:.1f} MiB"


@pytest.mark.slow
@check("limit/deep-layer-read", source="moby/moby graphtest, DriverTestDeepLayerRead")
@needs(LAYERS)
def test_reading_a_file_under_40_layers(containers, observe):
    """A file under 40 other layers, beside a file of each, is read as it was made, and nothing is copied up."""
    image = containers.image({"d/f": b"deepest"}, *({f"d/above{number}": b""} for number in range(40)))
    fs = containers.process(live := containers.run(image))
    content = observe("content", fs.load("d/f"))
    assert content == b"deepest"
    assert len(fs.listdir("d")) == 41
    assert containers.changes(live) == {}


@pytest.mark.slow
@check("limit/emfile-many-containers", source="aufs.5; moby/moby issue 4036")
@needs(LAYERS)
def test_many_containers_of_an_image_of_many_layers(containers, storage, observe):
    """Eight containers of an image of 20 layers run at the same time, and each reads the lowest and the highest."""
    image = containers.image(*({f"f{number}": b"%d" % number} for number in range(20)))
    running = [containers.process(containers.run(image)) for _ in range(8)]
    found = [(fs.load("f0"), fs.load("f19")) for fs in running]
    observe("containers that read both", found.count((b"0", b"19")))
    assert found == [(b"0", b"19")] * 8


def names_given(process):
    """How many further names the file f gets, in directories of a thousand."""
    process.mkdir("links")
    total = 0
    for number in range(66):
        process.mkdir(f"links/{number}")
        made = process.begin("repeat", 1000, "link", "f", f"links/{number}/%d").answer(100).get("success", 0)
        total += made
        if made < 1000:
            break
    return total


@pytest.mark.slow
@check("link/emlink", source="link(2), EMLINK; coreos/bugs issue 285")
@lower(f=b"data")
def test_names_of_a_file_of_the_image(fs, other, observe):
    """A file of the image can have at least as many names as a new file on a volume, up to 66 000."""
    other.mkdir(place := f"/volume/{basename(fs.directory)}-links")
    other.chdir(place)
    other.store("f", b"data")
    counts = [names_given(process) for process in (fs, other)]
    observe("names here and on a volume", f"{counts[0]} and {counts[1]}")
    assert counts[0] >= counts[1]  # a driver with its own file systems may allow more than the backing
    assert fs.stat("f").nlink == counts[0] + 1


@check(
    "space/fallocate-allocates", source="POSIX.1-2017, posix_fallocate()", provenance=("lower", "upper", "copied-up")
)
@lower(foo=b"data")
def test_fallocate_allocates(fs, observe):
    """posix_fallocate() beyond a file's end extends the file, and allocates the blocks for it."""
    descriptor = fs.open("foo", O_WRONLY)
    fs.fallocate(descriptor, 0, MIB)
    found = fs.fstat(descriptor)
    observe("size and blocks", f"{found.size} bytes, {found.blocks * 512} bytes")
    assert found.size == MIB
    assert found.blocks * 512 >= MIB, "the file has not the blocks for its size"


@pytest.mark.slow
@check("space/out-of-space-error", source="write(2), ENOSPC; Docker documentation, storage drivers")
@lower(f=b"image")
def test_full_file_system_becomes_usable_again(cramped, observe):
    """If no space is left, a write is refused for lack of it, the container runs on, and a deletion makes room."""
    fs = cramped.process(cramped.run())
    filler = fs.open("filler", O_WRONLY | O_CREAT)
    free = fs.statvfs(".")
    for blocks in (free.f_bavail, free.f_bfree):  # the second includes what the file system reserves for root
        fs.attempt.fallocate(filler, 0, blocks * free.f_frsize - 4 * MIB)
    data = urandom(8 * MIB)
    most = free.f_bavail * free.f_frsize // len(data) + 4  # on ZFS, fallocate(2) reserves nothing
    written = [fs.attempt.store("f0", data)]
    while written[-1] == "success" and len(written) < most:
        written.append(fs.attempt.store(f"f{len(written)}", data))
    observe("files of 8 MiB", f"{len(written) - 1}, then {written[-1]}")
    assert written[-1] in ("ENOSPC", "EDQUOT")
    assert fs.load("f") == b"image"
    fs.close(filler)
    for path in ("filler", *(f"f{number}" for number in range(len(written)))):
        fs.attempt.unlink(path)
    assert fs.attempt.store("again", bytes(8 * MIB)) == "success"
    assert fs.digest("again") == (crc32(bytes(8 * MIB)), 8 * MIB)


@pytest.mark.slow
@check("space/inode-exhaustion", source="open(2), ENOSPC; Docker documentation, OverlayFS, inode usage")
def test_file_system_without_inodes_becomes_usable_again(cramped, observe):
    """A new file is refused if statvfs reports that no inode is left, and is made if some are left."""
    fs, filler = (cramped.process(live, name) for live in [cramped.run()] for name in "AB")
    counted = fs.statvfs(".").f_files > 0
    filler.mkdir(place := f"/volume/{basename(fs.directory)}-filler")
    filler.chdir(place)
    asked = min(filler.statvfs(".").f_favail, 150_000) + 100
    filler.begin("repeat", asked, "mkfifo", "%d").answer(300)
    left = fs.statvfs(".").f_favail
    outcome = fs.attempt.mkfifo("new")
    observe("a new file", f"{outcome}, with {'no' if counted and not left else 'some'} inodes left")
    assert outcome == ("ENOSPC" if counted and not left else "success")
    filler.begin("repeat", 500, "unlink", "%d").answer(100)
    assert fs.begin("repeat", 100, "mkfifo", "again%d").answer(100) == {"success": 100}


@check("rename/project-quota-boundary", source="openzfs/zfs issue 11570; moby/moby issue 24771; rename(2), EXDEV")
@needs(SIZE_LIMIT)
@pytest.mark.slow
def test_rename_within_a_container_of_a_given_size(own_containers, observe):
    """In a container with a size limit, files and new directories can be renamed from one directory into another."""
    image = own_containers.image({"a/f": b"data", "b": Directory()})
    fs = own_containers.process(own_containers.run(image, storage_opt={"size": "64M"}))
    fs.mkdir("a/d")
    outcomes = fs.attempt.rename("a/f", "b/f"), fs.attempt.rename("a/d", "b/d"), fs.attempt.rename("b/f", "/tmp/f")
    observe("renames", " ".join(outcomes))
    assert outcomes == ("success",) * 3
