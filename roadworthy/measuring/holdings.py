"""What containers and files occupy: memory of processes, page cache, extents, blocks of a thin pool."""

from __future__ import annotations

import re
from dataclasses import dataclass

from roadworthy.engines.engine import Engine
from roadworthy.machines.backing import Backing
from roadworthy.machines.place import PlacePath
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Unsupported

#: Print the sum of the proportional set sizes of all processes, in KiB; a process may end meanwhile.
PROPORTIONAL = "cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '$1 == \"Pss:\" { sum += $2 } END { print sum + 0 }'"
ARC = "/proc/spl/kstat/zfs/arcstats"
#: ZFS has its own cache, the ARC, which drops a block that is read while the file system has primarycache=metadata.
EVICT_FROM_ARC = """
system=$(df --output=source "$1" | tail -n 1)
zfs set primarycache=metadata "$system"
cat "$1" >/dev/null
zfs inherit primarycache "$system"
"""
#: zdb reads through the page cache of the block device, which ZFS bypasses, so that the cache has to be flushed first.
#: A name without a slash denotes the pool, whose objects differ from those of its first file system.
SHOW_BLOCKS = """
file=$1
shift
blockdev --flushbufs $(lsblk --noheadings --raw --paths --output=NAME "$@")
zdb -ddddd "$(df --output=source "$file" | tail -n 1)/" "$(stat --format=%i "$file")"
"""
#: A data block in the output of zdb(8): its offset in the file, level 0, then device, offset and size on the device.
BLOCK = re.compile(r"^ *[0-9a-f]+ +L0 +([0-9a-f]+):([0-9a-f]+):([0-9a-f]+) ", re.MULTILINE)


@dataclass(frozen=True)
class Pool:
    """The blocks of a thin pool: how many are used, and the size of one in bytes."""

    used: int
    block: int

    @property
    def bytes(self) -> int:
        return self.used * self.block


class Holdings:
    """Looks at a lane's machine from outside the containers."""

    def __init__(self, engine: Engine, backing: Backing) -> None:
        self._engine = engine
        self._place = engine.place
        self._backing = backing

    def proportional_memory(self) -> int:
        """Memory of the machine's processes in bytes; shared pages count in proportion (proc_pid_smaps(5), Pss)."""
        return int(self._place.run(["sh", "-c", PROPORTIONAL]).strip()) * 1024

    def page_cache(self) -> int:
        """Bytes in the machine's page cache (proc_meminfo(5), Cached and Buffers)."""
        found = dict(re.findall(r"^(\w+):\s+(\d+) kB", self._place.path("/proc/meminfo").read_text(), re.MULTILINE))
        return (int(found["Cached"]) + int(found["Buffers"])) * 1024

    def evict(self, path: PlacePath) -> None:
        """Drop the clean cached pages of a file (dd(1), iflag=nocache), and on ZFS its blocks in the ARC."""
        inside = self._place.inside(path)
        self._place.run(["dd", f"if={inside}", "iflag=nocache", "count=0", "status=none"])
        if self._backing.file_system_name == "zfs":
            self._place.run(["sh", "-ec", EVICT_FROM_ARC, "sh", inside], 120)

    def cached(self, path: PlacePath) -> int | None:
        """Bytes of a file in the page cache; None on a machine without fincore(1)."""
        try:
            said = self._place.run(["fincore", "--bytes", "--noheadings", "--output=RES", self._place.inside(path)])
        except ProgramFailed:
            return None
        return int(said)

    def extents(self, path: PlacePath) -> int:
        """The number of a file's extents on the device. Raises Unsupported if the file system does not tell.

        ZFS lacks FS_IOC_FIEMAP; there zdb(8) reads the file's block pointers from the pool.
        """
        inside = self._place.inside(path)
        if self._backing.file_system_name == "zfs":
            return pieces(self._place.run(["sh", "-ec", SHOW_BLOCKS, "sh", inside, *self._backing.devices], 120))
        try:
            said = self._place.run(["filefrag", inside])
        except ProgramFailed as refusal:
            raise Unsupported(f"the file system does not say where a file lies: {refusal}") from None
        return int(said.rpartition(": ")[2].split()[0])

    def pool(self) -> Pool:
        """The thin pool from which the lane's layers take blocks (the kernel's thin-provisioning.rst)."""
        name = dict(self._engine.info()["DriverStatus"])["Pool Name"]
        said = self._place.run(["sh", "-c", 'dmsetup status "$1"; dmsetup table "$1"', "sh", name]).splitlines()
        status, table = (line.split() for line in said)
        return Pool(int(status[5].partition("/")[0]), int(table[5]) * 512)

    def trim(self, pid: int) -> str:
        """Discard free blocks in the file system of a process' root (fstrim(8)); return the reason of a refusal."""
        try:
            self._place.run(["fstrim", f"/proc/{pid}/root"])
        except ProgramFailed as refusal:
            return str(refusal).rpartition(": ")[2]
        return ""

    def arc(self) -> dict[str, int]:
        """Statistics of ZFS's ARC by name. Raises Unsupported if the data root is not on ZFS."""
        if self._backing.file_system_name != "zfs":
            raise Unsupported("the data root does not lie on ZFS")
        lines = [line.split() for line in self._place.path(ARC).read_text().splitlines()[2:]]
        return {line[0]: int(line[2]) for line in lines}

    def deduplicating(self) -> int:
        """How many file systems of the lane's ZFS pool deduplicate blocks (zfsprops(7), dedup)."""
        said = self._place.run(["zfs", "get", "-Hro", "value", "-t", "filesystem", "dedup", self._backing.pool])
        return sum(value != "off" for value in said.split())


def pieces(shown: str) -> int:
    """The number of extents in the output of zdb(8): runs of adjacent blocks."""
    blocks = [[int(word, 16) for word in words] for words in BLOCK.findall(shown)]
    ends = [(-1, -1), *((device, offset + size) for device, offset, size in blocks)]
    return sum((device, offset) != end for (device, offset, _), end in zip(blocks, ends, strict=False))
