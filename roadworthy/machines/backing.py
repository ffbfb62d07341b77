"""The file system under a daemon's data root: made fresh in an image file, mounted inside the capsule only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from roadworthy.linux import (
    BTRFS_SUPER_MAGIC,
    EXT4_SUPER_MAGIC,
    OVERLAYFS_SUPER_MAGIC,
    TMPFS_MAGIC,
    XFS_SUPER_MAGIC,
)
from roadworthy.machines.place import Place, PlacePath

GIB = 1 << 30


@dataclass(frozen=True)
class Recipe:
    """How one backing is made. `reported` is what `docker info` calls it, `magic` statfs(2)'s f_type.

    A `stacked` one is an overlay mount whose directories lie on what mkfs made. `settle` are commands that
    wait for deletions which the file system ends in the background; the mount point is their last word.
    """

    mkfs: tuple[str, ...]
    package: str
    reported: str
    magic: int
    stacked: bool = False
    settle: tuple[tuple[str, ...], ...] = ()


#: Times of first use must not be mixed with background initialisation, so ext4's lazy one is off.
RECIPES = {
    "ext4": Recipe(
        ("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"),
        "e2fsprogs", "extfs", EXT4_SUPER_MAGIC,
    ),
    "xfs": Recipe(("mkfs.xfs", "-q", "-f", "-K"), "xfsprogs", "xfs", XFS_SUPER_MAGIC),
    "btrfs": Recipe(
        ("mkfs.btrfs", "-q", "-f", "-K"), "btrfs-progs", "btrfs", BTRFS_SUPER_MAGIC,
        settle=(("btrfs", "filesystem", "sync"), ("btrfs", "subvolume", "sync"), ("btrfs", "filesystem", "sync")),
    ),
    "tmpfs": Recipe((), "", "tmpfs", TMPFS_MAGIC),
    "overlay": Recipe(("mkfs.ext4", "-q", "-F"), "e2fsprogs", "overlayfs", OVERLAYFS_SUPER_MAGIC, stacked=True),
}  # fmt: skip

BACKINGS = tuple(RECIPES)


class Backing:
    """A mounted backing file system. `mountpoint` is its path inside the capsule."""

    def __init__(self, name: str, place: Place, size: int) -> None:
        self.name = name
        self.mountpoint = mountpoint = place.runtime / "m"
        self.recipe = RECIPES[name]
        self.device = ""
        self._place = place
        place.path(mountpoint).mkdir(parents=True)
        if not self.recipe.mkfs:
            place.run(["mount", "-t", name, "-o", f"size={size},mode=0711", "roadworthy", str(mountpoint)])
            return
        self.device = place.disk(size)
        place.run([*self.recipe.mkfs, self.device], 120)
        place.run(["mount", self.device, str(mountpoint)])
        place.settled(self.device)
        if self.recipe.stacked:
            lower, upper, work = (str(mountpoint / name) for name in ("lower", "upper", "work"))
            place.run(["mkdir", lower, upper, work])
            words = f"lowerdir={lower},upperdir={upper},workdir={work}"
            place.run(["mount", "-t", "overlay", "-o", words, "roadworthy", str(mountpoint)])

    def path(self, *parts: str) -> PlacePath:
        """A path in the backing file system, as the controller reaches it."""
        return self._place.path(self.mountpoint.joinpath(*parts))

    def used_bytes(self) -> int:
        """Bytes in use, after everything pending has been written. Counts data and the file system's own blocks."""
        for words in (("sync", "--file-system"), *self.recipe.settle):
            self._place.run([*words, str(self.mountpoint)])
        found = self.path().statvfs()
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    def used_inodes(self) -> int:
        """Inodes in use; 0 where the file system does not count them."""
        found = self.path().statvfs()
        return found.f_files - found.f_ffree

    def file_system(self, *parts: str) -> str:
        """The name of the file system that a path of the backing really lies on, from statfs(2)'s f_type."""
        inside = str(self.mountpoint.joinpath(*parts))
        found = int(self._place.run(["stat", "--file-system", "--format=%t", inside]).strip(), 16)
        return next((name for name, recipe in RECIPES.items() if recipe.magic == found), f"{found:#x}")

    def device_counters(self) -> dict[str, int]:
        """Reads, bytes and flushes of the block device since it was attached; empty where there is none.

        See the kernel's Documentation/block/stat.rst; sectors are of 512 bytes.
        """
        if not self.device:
            return {}
        counted = self._place.path(f"/sys/block/{Path(self.device).name}/stat")
        fields = [int(word) for word in counted.read_text().split()]
        names = {"reads": 0, "bytes read": 2, "writes": 4, "bytes written": 6, "flushes": 15}
        return {name: fields[at] * (512 if name.startswith("bytes") else 1) for name, at in names.items()}

    def facts(self) -> dict[str, str]:
        """How it was made, and the options that the kernel reports for it."""
        mine = next((line for line in self._place.mounts() if line.split()[4] == str(self.mountpoint)), "")
        return {
            "file system": self.name,
            "made by": " ".join(self.recipe.mkfs) or "mount -t tmpfs",
            "mount": mine,
            "device": self.device,
        }
