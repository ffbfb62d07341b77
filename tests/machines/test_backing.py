"""What devicemapper's and ZFS's backings ask of their place: pools, who may use which, how they are measured and go."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.engines.dockerd import Dockerd
from roadworthy.guests import capsule as guest_capsule
from roadworthy.guests.capsule import GuestCapsule
from roadworthy.guests.guest import Guest, GuestFailed
from roadworthy.machines.backing import BACKING_TYPES, CHOICES, Backing, choice_of, fresh, plain
from roadworthy.machines.capsule import Capsule
from roadworthy.machines.host import Host
from roadworthy.machines.host_path import HostPath
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Unsupported

GIB = 1 << 30


class Place:
    """A place that notes what it is told to run, and answers from a table by the program's name."""

    def __init__(self, top, **answers):
        self.runtime = Path("/run/roadworthy/7")
        self.ran = []
        self.left = []
        self._top = top
        self._answers = answers
        self._disks = iter(["/dev/vdc", "/dev/vdd"])

    def run(self, argv, seconds=60):
        self.ran.append(list(argv))
        return self._answers.get(argv[0], "")

    def path(self, inside):
        return HostPath(f"{self._top}{inside}")

    def disks(self, *sizes):
        return [next(self._disks) for _ in sizes]

    def settled(self, device):
        pass

    def afterwards(self, argv):
        self.left.append(list(argv))

    def mounts(self):
        return []

    def programs(self):
        return [words[0] for words in self.ran]


def options(backing):
    return DRIVERS["devicemapper"].backing_options(backing)


def test_the_first_daemon_sets_up_direct_lvm_itself(tmp_path):
    """With no volume group of the daemon's name the daemon is given the second disk, which nobody has touched."""
    place = Place(tmp_path)
    backing = fresh("direct-lvm", place, GIB)
    assert options(backing) == ["dm.directlvm_device=/dev/vdd"]
    assert place.programs() == ["mkfs.ext4", "mount", "dmsetup"]
    assert place.left[0][-2:] == ["docker", "/dev/vdd"]
    assert (backing.file_system_name, backing.devices) == ("ext4", ["/dev/vdc", "/dev/vdd"])


def test_a_second_daemon_gets_a_pool_of_another_name(tmp_path):
    """The daemon's volume group has a fixed name; beside it, a pool is made and named after the place."""
    place = Place(tmp_path, dmsetup="docker-thinpool\nother\n")
    backing = fresh("direct-lvm", place, GIB)
    assert options(backing) == ["dm.thinpooldev=/dev/mapper/roadworthy7-thinpool"]
    assert ["vgcreate", "-q", "roadworthy7", "/dev/vdd"] in place.ran
    assert place.left[0][-2:] == ["roadworthy7", "/dev/vdd"]


def test_blocks_of_the_thin_pool_are_counted(tmp_path):
    """Used bytes are those of the data root's file system and the pool's blocks, of 512 KiB here."""
    said = "0 4096 thin-pool 1 10/512 3/64 - rw discard_passdown\n0 4096 thin-pool 253:0 253:1 1024 0 0\n"
    place = Place(tmp_path, sh=said)
    backing = fresh("direct-lvm", place, GIB)
    found = backing.path().statvfs()
    outside = (found.f_blocks - found.f_bfree) * found.f_frsize
    assert abs(backing.used_bytes() - outside - 3 * (512 << 10)) < GIB


def test_loop_lvm_is_left_to_the_daemon(tmp_path):
    """Without a word about a pool the daemon makes it of loop devices in the data root; one disk is enough."""
    place = Place(tmp_path)
    backing = fresh("loop-lvm", place, GIB)
    assert options(backing) == []
    assert backing.devices == ["/dev/vdc"]
    assert place.left == []


def test_the_pool_of_a_small_disk_is_full_before_the_disk(tmp_path):
    """The daemon's default is a sparse file of 100 GB, whose blocks the disk does not have."""
    assert options(fresh("loop-lvm", Place(tmp_path), 400 << 20)) == [f"dm.loopdatasize={200 << 20}"]


def test_what_the_daemon_leaves_is_named_after_its_data_root(tmp_path):
    """Devices are removed by the prefix that carries the data root's device number, and no others."""
    backing = fresh("loop-lvm", Place(tmp_path), GIB)
    (command,) = DRIVERS["devicemapper"].afterwards(backing)
    device = tmp_path.stat().st_dev
    assert command[-1] == f"docker-{device >> 8 & 0xFFF}:{(device & 0xFF) | (device >> 12 & ~0xFF)}-"


def test_a_pool_of_zfs_has_a_name_of_its_own_and_goes(tmp_path):
    """The pool is mounted at the data root, is destroyed afterwards, and is asked what it has allocated."""
    place = Place(tmp_path, zpool="1234\n")
    backing = fresh("zfs", place, GIB)
    assert place.ran == [["zpool", "create", "-f", "-m", "/run/roadworthy/7/m", "roadworthy7", "/dev/vdc"]]
    assert place.left == [["zpool", "destroy", "-f", "roadworthy7"]]
    assert backing.used_bytes() == 1234
    assert place.ran[-1] == ["zpool", "list", "-Hpo", "allocated", "roadworthy7"]


@pytest.mark.parametrize("name", ["direct-lvm", "loop-lvm", "zfs"])
def test_pools_settle_in_one_program_and_ask_for_no_number(tmp_path, name):
    """In a guest every program costs; what is pending is written without a look at how much there is."""
    place = Place(tmp_path)
    backing = fresh(name, place, GIB)
    place.ran.clear()
    backing.settle()
    assert place.programs() == ["sh"]


@pytest.mark.parametrize("name", ["direct-lvm", "loop-lvm", "zfs"])
def test_inodes_of_other_file_systems_are_not_counted(tmp_path, name):
    """Files of containers take no inodes of the data root there: none are counted."""
    assert fresh(name, Place(tmp_path, zpool="1"), GIB).used_inodes() == 0


@pytest.mark.parametrize(("name", "counted"), [("ext4", 7), ("direct-lvm", 7), ("loop-lvm", 7), ("zfs", 0)])
def test_the_data_root_s_own_inodes_are_counted_where_layers_are_devices(monkeypatch, tmp_path, name, counted):
    """That devices spare the host's inodes can be seen only there. Layers of ZFS are file systems beside it."""
    monkeypatch.setattr(Backing, "_inodes", lambda self: 7)
    assert fresh(name, Place(tmp_path, zpool="1"), GIB).data_root_inodes() == counted


@pytest.mark.parametrize("fields", [11, 15, 17])
def test_a_kernel_that_does_not_count_flushes_counts_the_rest(tmp_path, fields):
    """Before 4.18 a device's line has eleven numbers, before 5.5 fifteen."""
    stat = tmp_path / "sys/block/vdc/stat"
    stat.parent.mkdir(parents=True)
    stat.write_text(" ".join(str(number) for number in range(1, fields + 1)))
    found = fresh("ext4", Place(tmp_path), GIB).device_counters()
    assert (found["reads"], found["bytes written"]) == (1, 7 * 512)
    assert ("flushes" in found) is (fields == 17)


def test_what_stays_in_the_kernel_is_refused_on_the_host(tmp_path):
    """On this host's kernel such a lane is skipped with a sentence, and a capsule refuses to promise a clean-up."""
    need = Host(tmp_path).own_kernel("a pool")
    assert (need.met, need.host) == (False, True)
    assert "--kernel=" in need.reason
    assert BACKING_TYPES["zfs"].leaves
    assert BACKING_TYPES["direct-lvm"].leaves
    with pytest.raises(ProgramFailed, match="kernel"):
        Capsule.afterwards(object.__new__(Capsule), ["zpool"])


@pytest.fixture
def capsule(monkeypatch, tmp_path):
    """A capsule of a guest that notes what happens to it, in order."""
    told = []
    guest = SimpleNamespace(
        run=lambda argv, seconds=60: told.append(" ".join(argv[:2])), scale=1.0,
        take_disk=lambda size: f"disk{size}", device=lambda serial: f"/dev/{serial}", give_disk=told.append,
        take_logged_disk=lambda image, log: told.append(f"{log.name} of {image.stat().st_size} bytes") or "logged",
    )  # fmt: skip
    made = object.__new__(GuestCapsule)
    made.scale, made.pid, made._guest = 1.0, 1, guest
    made._disks, made._images, made._afterwards, made._logged = [], [], [], False
    made._outer = SimpleNamespace(poll=lambda: None)
    made._image, made._ledger = tmp_path / "9.img", SimpleNamespace(intend=lambda kind, path: told.append(kind))
    monkeypatch.setattr(guest_capsule, "wait_until", lambda *_: None)
    return made, told


def test_a_capsule_in_a_guest_clears_up_before_its_disks_are_free(capsule):
    """First all processes end, then what was left goes, what was named last first; then the disks are given back."""
    made, told = capsule
    assert made.disks(1, 2) == ["/dev/disk1", "/dev/disk2"]
    made.afterwards(["zpool", "destroy"])
    made.afterwards(["dmsetup", "remove"])
    made.close()
    assert told == ["sh -c", "dmsetup remove", "zpool destroy", "disk2", "disk1"]


def test_F30_a_disk_that_cannot_be_cleared_is_not_given_to_the_next(capsule):
    """A clean-up that fails is told, and its disks stay taken."""
    made, told = capsule
    made.disks(1)
    made.afterwards(["zpool", "destroy"])

    def run(argv, seconds=60):
        if argv[0] == "zpool":
            raise ProgramFailed("pool is busy")

    made._guest.run = run
    with pytest.raises(ProgramFailed, match="busy"):
        made.close()
    assert told == []


def test_what_two_devices_are_told_stands_in_one_log(capsule):
    """Two logs would have no common clock: the devices of a logged place are parts of one disk, without a table."""
    made, told = capsule
    made._logged = True
    assert made.disks(4096, 8192) == ["/dev/logged1", "/dev/logged2"]
    assert told == ["image", "9.log of 12288 bytes", "addpart /dev/logged", "addpart /dev/logged"]
    assert made.write_log.name == "9.log"
    made.close()
    assert not made._image.exists()
    assert made.write_log.exists()


def test_another_driver_is_not_given_the_first_ones_options():
    """Options go with their driver: another one would refuse them; one that the daemon chooses may be the first."""
    made = object.__new__(Dockerd)
    made._first_argv = ("dockerd", "--storage-driver", "devicemapper", "--storage-opt", "dm.x=1", "--debug")
    made._argv = list(made._first_argv)
    made._choose("vfs")
    assert made._argv == ["dockerd", "--storage-driver", "vfs", "--debug"]
    made._choose("")
    assert made._argv == ["dockerd", "--storage-driver", "", "--storage-opt", "dm.x=1", "--debug"]
    made._choose("devicemapper")
    assert tuple(made._argv) == made._first_argv


def test_a_guest_without_a_disk_left_says_so():
    """More daemons at once than a guest has disks for is the suite's trouble, in a sentence."""
    guest = object.__new__(Guest)
    guest._free = []
    with pytest.raises(GuestFailed, match="all disks of the guest are in use"):
        guest.take_disk(GIB)


@pytest.mark.parametrize("name", ["tmpfs", "overlay"])
def test_F28_only_a_file_system_on_a_device_of_its_own_outlives_a_power_cut(tmp_path, name):
    """What lies in memory or over another file system has no device whose content could be kept."""
    with pytest.raises(Unsupported, match=name):
        fresh(name, Place(tmp_path), GIB).after_power_cut()


@pytest.mark.parametrize(
    ("name", "found", "left"),
    [
        ("ext4", ["mount /dev/vdx /run/roadworthy/7/m"], []),
        ("zfs", ["zpool import -f -d /dev/vdx1 -o cachefile=none roadworthy7"], ["zpool destroy -f roadworthy7"]),
        (
            "direct-lvm",
            ["mount /dev/vdx /run/roadworthy/7/m", "vgchange -q --nohints --activate=y roadworthy7"],
            ["roadworthy7 /dev/vdy"],
        ),
    ],
)
def test_what_lies_on_the_devices_after_a_cut_is_found_and_goes_again(tmp_path, name, found, left):
    """A pool is not only mounted: the kernel has to be told of it, and has to forget it afterwards."""
    place, after = (Place(tmp_path, dmsetup="docker-thinpool\n") for _ in range(2))
    backing = fresh(name, place, GIB)
    place.again = lambda image: (after, ["/dev/vdx", "/dev/vdy"][: backing.parts])
    assert backing.go_on_with(tmp_path / "image") is after
    assert [" ".join(words) for words in after.ran] == found
    assert [" ".join(words)[-len(end) :] for words, end in zip(after.left, left, strict=True)] == left


def test_F28_blocks_are_given_back_only_to_a_device_that_takes_them(tmp_path):
    """The kernel says of each queue how much it discards at most; the bytes are those of the device's counters."""
    place = Place(tmp_path)
    backing = fresh("ext4", place, GIB)
    device = tmp_path / "sys/block/vdc"
    (device / "queue").mkdir(parents=True)
    (device / "queue/discard_max_bytes").write_text("0\n")
    with pytest.raises(Unsupported, match="takes blocks back"):
        backing.trim()
    (device / "queue/discard_max_bytes").write_text("4096\n")
    counted = iter(["0 " * 13 + "8 0 0 0", "0 " * 13 + "24 0 0 0"])
    run = place.run

    def trimming(argv, seconds=60):
        if argv[0] in ("sync", "fstrim"):
            (device / "stat").write_text(next(counted))
        return run(argv, seconds)

    place.run = trimming
    assert backing.trim() == 16 * 512


def test_free_space_of_btrfs_is_read_from_its_tool(tmp_path):
    """No other file system has a tool that says it."""
    said = "Overall:\n    Device size:\t 100\n    Free (estimated):\t\t 4096\t(min: 2048)\n"
    assert fresh("btrfs", Place(tmp_path, btrfs=said), GIB).own_free_bytes() == 4096
    with pytest.raises(Unsupported):
        fresh("ext4", Place(tmp_path / "other"), GIB).own_free_bytes()


@pytest.mark.parametrize("name", [name for name in BACKING_TYPES if ":" in name])
def test_a_choice_is_made_and_mounted(tmp_path, name):
    """The words stand on the command lines of mkfs and mount, also after a cut of the power."""
    plain_name, _, choice = name.partition(":")
    made, mounted = CHOICES[plain_name][choice]
    place = Place(tmp_path)
    backing = fresh(name, place, GIB)
    mkfs, mount = place.ran[:2]
    assert mkfs == [*BACKING_TYPES[plain_name].mkfs, *made, "/dev/vdc"]
    assert mount == ["mount", *mounted, "/dev/vdc", "/run/roadworthy/7/m"]
    assert (backing.file_system_name, choice_of(name), plain(name)) == (plain_name, choice, plain_name)
    backing._find()
    assert place.ran[-1] == mount
    assert choice_of(plain_name) == "absent"


@pytest.mark.parametrize(("name", "refuses"), [("ext4:casefold", "mount"), ("xfs:reflink=0", "mkfs.xfs")])
def test_a_choice_that_this_machine_cannot_make_is_unsupported(tmp_path, name, refuses):
    """With the program's words; without a choice it is a failure."""
    place = Place(tmp_path)
    answer = place.run

    def run(argv, seconds=60):
        if argv[0] == refuses:
            raise ProgramFailed(
                f"{refuses} /dev/vdc ended with 32: {refuses}: /m: wrong fs type, bad option\n dmesg(1)"
            )
        return answer(argv, seconds)

    place.run = run
    with pytest.raises(Unsupported, match=f"{name} cannot be made and mounted here: wrong fs type, bad option$"):
        fresh(name, place, GIB)
    place._top = tmp_path / "another"
    with pytest.raises(ProgramFailed):
        fresh(plain(name), place, GIB)
