"""The backing of a daemon's data root: a file system made fresh on a disk of its own, mounted in its place only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from roadworthy.extending.table import Table
from roadworthy.linux import (
    BTRFS_SUPER_MAGIC,
    EXT4_SUPER_MAGIC,
    OVERLAYFS_SUPER_MAGIC,
    TMPFS_MAGIC,
    XFS_SUPER_MAGIC,
    ZFS_SUPER_MAGIC,
)
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Unsupported

if TYPE_CHECKING:
    from roadworthy.machines.place import Place, PlacePath

GIB = 1 << 30


@dataclass(frozen=True)
class BackingType:
    """How a backing of one kind is made. `reported` is its name in `docker info`, `magic` statfs(2)'s f_type.

    A `stacked` backing is an overlay mount whose directories lie on the file system that mkfs made. `settle` are
    commands that wait for deletions in the background; the mount point is their last argument.
    """

    mkfs: tuple[str, ...]
    reported: str
    magic: int
    stacked: bool = False
    settle: tuple[tuple[str, ...], ...] = ()
    #: The file system that the data root lies on, if the backing has another name.
    file_system: str = ""
    #: What it leaves in the kernel when everything that uses it was killed, in words; empty if it leaves nothing.
    leaves: str = ""
    #: The drivers that Docker prefers on it if nobody names one.
    preferred: tuple[str, ...] = ("overlay2",)
    #: Whether files of containers take inodes of the data root's file system, which counts them.
    inodes: bool = True
    #: The options of mount(8) for its device.
    mount: tuple[str, ...] = ()
    #: The backing of which this is one with a choice; empty if it is none.
    of: str = ""
    #: The subclass of Backing that makes it, if mkfs and mount alone do not.
    made_by: type[Backing] | None = None


EXT4 = ("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard")
#: Deleted subvolumes are cleaned in the background, but not while a process holds one open. Such a subvolume counts
#: before and after what is measured, so there is no use in waiting for it.
BTRFS_CLEANED = ("sh", "-c", 'timeout 10 btrfs subvolume sync "$0" || [ $? = 124 ]')


def choice_of(backing: str) -> str:
    """What a backing is made or mounted with besides, or `absent`."""
    return backing.partition(":")[2] or "absent"


def plain(backing: str) -> str:
    """The backing without its choice: `xfs` of `xfs:prjquota`."""
    return backing.partition(":")[0]


class Backing:
    """A mounted backing file system. `mountpoint` is its path inside the capsule."""

    #: How many block devices of its size it lies on.
    parts: ClassVar[int] = 1

    def __init__(self, name: str, place: Place, size: int) -> None:
        self.name = name
        self.mountpoint = place.runtime / "m"
        self.size = size
        self.kind = BACKING_TYPES[name]
        #: Whether the driver keeps file systems in files of it, whose pending writes must be written first.
        self.nested = False
        #: The block devices that it lies on, and nothing else does.
        self.devices: list[str] = []
        self._place = place
        place.path(self.mountpoint).mkdir(parents=True)
        self._make(size)

    def _make(self, size: int) -> None:
        mountpoint, place = self.mountpoint, self._place
        if not self.kind.mkfs:
            place.run(["mount", "-t", self.name, "-o", f"size={size},mode=0711", "roadworthy", str(mountpoint)])
            return
        self.devices = place.disks(*[size] * self.parts)
        device = self.devices[0]
        try:
            place.run([*self.kind.mkfs, device], 120)
            self._mount(device)
        except ProgramFailed as reason:
            if self.kind.of:
                raise Unsupported(f"{self.name} cannot be made and mounted here: {refusal(reason)}") from None
            raise
        place.settled(device)
        if self.kind.stacked:
            lower, upper, work = (str(mountpoint / name) for name in ("lower", "upper", "work"))
            place.run(["mkdir", lower, upper, work])
            words = f"lowerdir={lower},upperdir={upper},workdir={work}"
            place.run(["mount", "-t", "overlay", "-o", words, "roadworthy", str(mountpoint)])

    def after_power_cut(self) -> Place:
        """Cut the power: end its place, and mount what has reached its devices in the place that is returned.

        Raises Unsupported.
        """
        self._refuse_none_of_its_own()
        return self._go_on_in(*self._place.after_power_cut())

    def go_on_with(self, image: Path) -> Place:
        """Mount the content of a file of this host, in the place that is returned; its own place has ended.

        Raises ProgramFailed if the file system cannot be mounted, and Unsupported.
        """
        self._refuse_none_of_its_own()
        return self._go_on_in(*self._place.again(image))

    def _refuse_none_of_its_own(self) -> None:
        if not self.devices or self.kind.stacked:
            raise Unsupported(f"{self.name} does not lie on a device of its own, whose content could be kept")

    def _go_on_in(self, place: Place, devices: list[str]) -> Place:
        self._place, self.devices = place, devices
        try:
            self._find()
        except BaseException:  # as of a file system that the cut has damaged: nobody else knows the new place yet
            place.close()
            raise
        return place

    def _find(self) -> None:
        """Mount what lies on its devices after a cut. Raises ProgramFailed."""
        (device, *_), place = self.devices, self._place
        self._mount(device)
        place.settled(device)

    def _mount(self, device: str) -> None:
        self._place.run(["mount", *self.kind.mount, device, str(self.mountpoint)])

    @property
    def disk_size(self) -> int:
        """The bytes of its devices together."""
        return self.size * self.parts

    @property
    def file_system_name(self) -> str:
        """The file system that the data root lies on."""
        return self.kind.file_system or self.name

    @property
    def pool(self) -> str:
        """The device or pool that the daemon needs besides the data root; empty if it needs none."""
        return ""

    def path(self, *parts: str) -> PlacePath:
        """A path in the backing file system, as the controller reaches it."""
        return self._place.path(self.mountpoint.joinpath(*parts))

    def settle(self) -> None:
        """Write everything pending to the device, and wait for deletions in the background."""
        if self.nested:
            self._place.run(["sync"], 120)
        for words in (("sync", "--file-system"), *self.kind.settle):
            self._place.run([*words, str(self.mountpoint)])

    def used_bytes(self) -> int:
        """Bytes in use, after everything pending has been written. Counts data and the file system's own blocks."""
        self.settle()
        found = self.path().statvfs()
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    def used_inodes(self) -> int:
        """Inodes in use; 0 if they are not counted for the files of containers."""
        return self._inodes() if self.kind.inodes else 0

    def data_root_inodes(self) -> int:
        """Inodes in use of the data root's file system alone, even if layers lie on devices beside it.

        0 if it does not count them, or if layers are further file systems of the same kind.
        """
        return self._inodes() if self.kind.inodes or self.kind.file_system else 0

    def _inodes(self) -> int:
        found = self.path().statvfs()
        return found.f_files - found.f_ffree

    def file_system(self, *parts: str) -> str:
        """The name of the file system that a path of the backing really lies on, from statfs(2)'s f_type."""
        inside = str(self.mountpoint.joinpath(*parts))
        found = int(self._place.run(["stat", "--file-system", "--format=%t", inside]).strip(), 16)
        return next((name for name, kind in BACKING_TYPES.items() if kind.magic == found), f"{found:#x}")

    def device_counters(self) -> dict[str, int]:
        """Reads, writes, bytes and flushes of its block devices since they were attached; empty if there is none.

        See the kernel's Documentation/block/stat.rst; sectors have 512 bytes.
        """
        counted: dict[str, int] = {}
        for device in self.devices:
            fields = self._place.path(f"/sys/block/{Path(device).name}/stat").read_text().split()
            names = {"reads": 0, "bytes read": 2, "writes": 4, "bytes written": 6, "flushes": 15}
            for name, at in names.items():
                if at >= len(fields):
                    continue  # kernels before 5.5 do not count flushes
                value = int(fields[at]) * (512 if name.startswith("bytes") else 1)
                counted[name] = counted.get(name, 0) + value
        return counted

    def trim(self) -> int:
        """Give free blocks back to the devices, and return how many bytes they were given. Raises Unsupported.

        fstrim(8); the kernel's Documentation/block/stat.rst, discard sectors.
        """
        queues = [self._place.path(f"/sys/block/{Path(device).name}") for device in self.devices]
        if not queues or not all(int((each / "queue/discard_max_bytes").read_text()) for each in queues):
            raise Unsupported(f"{self.name} lies on no device that takes blocks back")
        self.settle()
        before = sum(int((each / "stat").read_text().split()[13]) for each in queues)
        self._place.run(["fstrim", str(self.mountpoint)], 120)
        return (sum(int((each / "stat").read_text().split()[13]) for each in queues) - before) * 512

    def own_free_bytes(self) -> int:
        """Free bytes as the file system's own tool estimates them. Raises Unsupported if it has none."""
        if plain(self.name) != "btrfs":
            raise Unsupported(f"{self.name} has no tool of its own that shows free space")
        said = self._place.run(["btrfs", "filesystem", "usage", "--raw", str(self.mountpoint)])
        return int(said.partition("Free (estimated):")[2].split()[0])

    def facts(self) -> dict[str, str]:
        """How it was made, and the mount options that the kernel reports for it."""
        mine = next((line for line in self._place.mounts() if line.split()[4] == str(self.mountpoint)), "")
        return {
            "file system": self.file_system_name,
            "made by": " ".join(self.kind.mkfs) or "mount -t tmpfs",
            "mount": mine,
            "device": " ".join(self.devices),
            **({"pool": self.pool} if self.pool else {}),
        }


#: Removes the devices without LVM, whose own view of them lags behind: it keeps hints of its last scan. The daemon may
#: not have made them.
REMOVE_THIN_POOL = """
for name in thinpool thinpool_tdata thinpool_tmeta; do
    if dmsetup info "$1-$name" >/dev/null 2>&1; then dmsetup remove --retry "$1-$name"; fi
done
wipefs --quiet --all "$2"
"""


#: Settles the file systems of containers in the place, each on a device of its own; the data root's is at `$1`.
SETTLE = """
sync
while read -r _ where kind _; do
    case "$where $kind" in "$1"/*" xfs") fsfreeze --freeze "$where"; fsfreeze --unfreeze "$where" ;; esac
done </proc/self/mounts
sync
"""


class Devices(Backing):
    """A data root with the layers' devices beside it, each with a file system of its own."""

    def settle(self) -> None:
        # A sync leaves metadata in XFS's log, which is written to its place later and then takes blocks; only a frozen
        # file system has nothing left to write, see xfs_log_quiesce(). The second sync is for loop devices.
        self._place.run(["sh", "-ec", SETTLE, "sh", str(self.mountpoint)], 120)


class LoopLvm(Devices):
    """devicemapper without options: its thin pool lies on loop devices over two sparse files in the data root."""


class DirectLvm(Devices):
    """devicemapper on two disks: one for the data root, and one for the thin pool.

    `pool` is the second disk, on which the daemon makes a thin pool itself. The name of its volume group is fixed in
    the daemon, so a second daemon on one kernel gets a thin pool that was made for it.
    """

    GROUP = "docker"
    parts = 2

    def _make(self, size: int) -> None:
        super()._make(size)
        place, device = self._place, self.devices[1]
        taken = place.run(["dmsetup", "info", "--columns", "--noheadings", "--options=name"]).split()
        free = f"{self.GROUP}-thinpool" not in taken
        self._group = self.GROUP if free else f"roadworthy{place.runtime.name}"
        place.afterwards(["sh", "-ec", REMOVE_THIN_POOL, "sh", self._group, device])
        self._pool = device
        if self._group != self.GROUP:
            # As the daemon's documentation says, and as the daemon does.
            words = ["--yes", "--type=thin-pool", "--extents=95%FREE", "--chunksize=512K", "--zero=n"]
            place.run(["vgcreate", "-q", self._group, device])
            place.run(["lvcreate", "-q", *words, "--name=thinpool", self._group], 120)
            self._pool = f"/dev/mapper/{self._group}-thinpool"

    def _find(self) -> None:
        super()._find()
        self._place.afterwards(["sh", "-ec", REMOVE_THIN_POOL, "sh", self._group, self.devices[1]])
        self._place.run(["vgchange", "-q", "--nohints", "--activate=y", self._group], 120)

    @property
    def pool(self) -> str:
        return self._pool

    def used_bytes(self) -> int:
        return super().used_bytes() + self._allocated()

    def _allocated(self) -> int:
        """Bytes of the pool's blocks that are in use, see the kernel's device-mapper/thin-provisioning.rst."""
        name = f"{self._group}-thinpool"
        said = self._place.run(["sh", "-c", 'dmsetup status "$1"; dmsetup table "$1"', "sh", name]).splitlines()
        status, table = (line.split() for line in said)
        return int(status[5].partition("/")[0]) * int(table[5]) * 512


#: Settles a pool: blocks of a deletion are free for use two transactions later, and count as allocated until then.
SETTLE_POOL = 'zpool sync "$1"; zpool wait -t free "$1"; for _ in 1 2 3; do zpool sync "$1"; done'


class Zpool(Backing):
    """A pool of its own, whose file system is the data root's; the driver makes its datasets beside it."""

    def _make(self, size: int) -> None:
        place = self._place
        self._pool = f"roadworthy{place.runtime.name}"
        self.devices = place.disks(size)
        place.afterwards(["zpool", "destroy", "-f", self._pool])
        place.run([*self.kind.mkfs, "-f", "-m", str(self.mountpoint), self._pool, *self.devices], 120)

    def _find(self) -> None:
        self._place.afterwards(["zpool", "destroy", "-f", self._pool])
        # The pool lies on the first partition that zpool-create(8) has made.
        device = f"{self.devices[0]}1"
        self._place.run(["zpool", "import", "-f", "-d", device, "-o", "cachefile=none", self._pool], 120)

    @property
    def pool(self) -> str:
        return self._pool

    def settle(self) -> None:
        self._place.run(["sh", "-ec", SETTLE_POOL, "sh", self._pool], 120)

    def used_bytes(self) -> int:
        self.settle()
        return int(self._place.run(["zpool", "list", "-Hpo", "allocated", self._pool]))


def refusal(reason: ProgramFailed) -> str:
    """Why a program refused, in its first words, without its own command line and paths."""
    said = re.sub(r"^.*? ended with \d+: ", "", str(reason).strip(), flags=re.DOTALL).splitlines()[0]
    return said.rpartition(": ")[2].strip()


#: Background initialisation must not disturb measured times, so ext4's lazy initialisation is off. For devicemapper's
#: two backings, docker info names the file system on the devices of the layers.
OWN = {
    "ext4": BackingType(EXT4, "extfs", EXT4_SUPER_MAGIC),
    "xfs": BackingType(("mkfs.xfs", "-q", "-f", "-K"), "xfs", XFS_SUPER_MAGIC),
    "btrfs": BackingType(
        ("mkfs.btrfs", "-q", "-f", "-K"), "btrfs", BTRFS_SUPER_MAGIC,
        settle=(("btrfs", "filesystem", "sync"), BTRFS_CLEANED, ("btrfs", "filesystem", "sync")),
        preferred=("btrfs", "overlay2"),
    ),
    "tmpfs": BackingType((), "tmpfs", TMPFS_MAGIC),
    "overlay": BackingType(
        ("mkfs.ext4", "-q", "-F"), "overlayfs", OVERLAYFS_SUPER_MAGIC, stacked=True,
        preferred=("fuse-overlayfs", "vfs"),
    ),
    "direct-lvm": BackingType(
        EXT4, "xfs", EXT4_SUPER_MAGIC, file_system="ext4", inodes=False,
        leaves="a volume group", made_by=DirectLvm,
    ),
    "loop-lvm": BackingType(EXT4, "xfs", EXT4_SUPER_MAGIC, file_system="ext4", inodes=False, made_by=LoopLvm),
    "zfs": BackingType(("zpool", "create"), "zfs", ZFS_SUPER_MAGIC, inodes=False, leaves="a pool",
                       preferred=("zfs", "overlay2"), made_by=Zpool),
}  # fmt: skip

#: What a file system can be made or mounted with besides, by the backing and by what stands behind its name and a
#: colon: further words of its mkfs, and of mount(8). A file system without types of files in its directories is version
#: 4 of XFS, which mkfs.xfs still makes.
CHOICES: dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "xfs": {
        "prjquota": ((), ("-o", "prjquota")),
        "ftype=0": (("-m", "crc=0", "-n", "ftype=0"), ()),
        "reflink=0": (("-m", "reflink=0"), ()),
    },
    "ext4": {"casefold": (("-O", "casefold"), ())},
    "btrfs": {"compress": ((), ("-o", "compress"))},
}
OWN |= {
    f"{name}:{choice}": replace(
        OWN[name], mkfs=(*OWN[name].mkfs, *made), mount=mounted, file_system=name, of=name
    )
    for name, choices in CHOICES.items() for choice, (made, mounted) in choices.items()
}  # fmt: skip


def added_type(name: str, value: object) -> BackingType:
    """The backing that another distribution adds. Raises ValueError."""
    if not isinstance(value, BackingType):
        raise ValueError(f"expected a BackingType, got {value!r}")
    return value


BACKING_TYPES: Mapping[str, BackingType] = Table("backings", OWN, added_type)
BACKINGS = tuple(BACKING_TYPES)


def fresh(name: str, place: Place, size: int) -> Backing:
    """Make a fresh backing of this name, on at most `size` bytes of disk for each part that grows."""
    return (BACKING_TYPES[name].made_by or Backing)(name, place, size)
