"""A directory tree as an ext4 image file, for a guest's disk."""

from __future__ import annotations

import math
from pathlib import Path

from roadworthy.programs import run

BLOCK = 4096
INODE = 256
#: Read-only images need no journal. Checksums would need a crc32c module before the root is mounted. The rest are
#: features that newer mke2fs enables and the oldest kernel of a matrix may not know; see ext4(5).
FEATURES = "^has_journal,^metadata_csum,^64bit,^resize_inode,^orphan_file,^metadata_csum_seed"


def ext4_image(tree: Path, target: Path, label: str, spare: int = 16 << 20) -> None:
    """Write `target` with all of `tree`, owners and extended attributes included, and `spare` bytes free.

    `label` is the file system's, at most 16 bytes.
    """
    data, inodes = contents(tree)
    size = math.ceil((data * 1.02 + (inodes + spare // 16384 + 64) * INODE + spare) / BLOCK) * BLOCK
    with target.open("xb") as file:
        file.truncate(size)
    run(
        [
            "mke2fs", "-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-I", str(INODE), "-m", "0", "-L", label,
            "-N", str(inodes + spare // 16384 + 64), "-O", FEATURES, "-E", "lazy_itable_init=0,nodiscard",
            "-d", tree, target,
        ],
        600,
    )  # fmt: skip


def contents(tree: Path) -> tuple[int, int]:
    """The bytes, in whole blocks, and the inodes that the tree takes in a file system of 4 KiB blocks."""
    data, inodes = 0, 0
    seen: set[tuple[int, int]] = set()
    for path in (tree, *tree.rglob("*")):
        found = path.lstat()
        if (found.st_dev, found.st_ino) in seen:
            continue
        seen.add((found.st_dev, found.st_ino))
        inodes += 1
        data += math.ceil(found.st_size / BLOCK) * BLOCK + (BLOCK if path.is_dir() and not path.is_symlink() else 0)
    return data, inodes
