"""Constants that checks use and that `os`, `stat` and `fcntl` lack; values from the kernel's uapi headers."""

from __future__ import annotations

import os

# rename(2)
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
RENAME_WHITEOUT = 4

# linkat(2)
AT_SYMLINK_FOLLOW = 0x400

# open(2)
O_TMPFILE = 0o20200000
O_NOATIME = 0o1000000

# fcntl(2): record locks
F_RDLCK, F_WRLCK, F_UNLCK = 0, 1, 2
F_SETLK = 6
F_OFD_SETLK = 37
F_SETLEASE, F_GETLEASE = 1024, 1025
F_SETSIG = 10

# mmap(2)
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
MAP_SHARED, MAP_PRIVATE = 1, 2

# inotify(7)
IN_MODIFY = 0x2
IN_MOVED_FROM, IN_MOVED_TO = 0x40, 0x80
IN_CREATE, IN_DELETE = 0x100, 0x200

# getdents64(2): d_type
DT_FIFO, DT_CHR, DT_DIR, DT_BLK, DT_REG, DT_LNK, DT_SOCK = 1, 2, 4, 6, 8, 10, 12

# ioctl_iflags(2)
FS_IMMUTABLE_FL, FS_NOATIME_FL = 0x10, 0x80

# statx(2)
STATX_BTIME = 0x800
AT_STATX_FORCE_SYNC = 0x2000

# statfs(2): f_type
OVERLAYFS_SUPER_MAGIC = 0x794C7630
AUFS_SUPER_MAGIC = 0x61756673
FUSE_SUPER_MAGIC = 0x65735546
EXT4_SUPER_MAGIC = 0xEF53
XFS_SUPER_MAGIC = 0x58465342
BTRFS_SUPER_MAGIC = 0x9123683E
TMPFS_MAGIC = 0x01021994
ZFS_SUPER_MAGIC = 0x2FC12FC1

# posix_fadvise(2)
POSIX_FADV_DONTNEED = 4

# name_to_handle_at(2)
AT_HANDLE_FID = 0x200

# fanotify_init(2), fanotify_mark(2)
FAN_REPORT_FID, FAN_NONBLOCK, FAN_CLASS_CONTENT = 0x200, 0x2, 0x4
FAN_MARK_ADD, FAN_MARK_FILESYSTEM = 0x1, 0x100
FAN_MODIFY, FAN_OPEN_PERM = 0x2, 0x10000
FAN_ALLOW, FAN_DENY = 0x1, 0x2


def open_flags(flags: int) -> str:
    """Spell open(2)'s flags by name: `O_RDWR|O_CREAT`. Unknown bits follow in octal."""
    names = [("O_RDONLY", "O_WRONLY", "O_RDWR")[flags & os.O_ACCMODE]]
    rest = flags & ~os.O_ACCMODE
    for name in ("O_TMPFILE", "O_SYNC", "O_CREAT", "O_EXCL", "O_TRUNC", "O_APPEND", "O_DIRECT", "O_DIRECTORY",
                 "O_NOFOLLOW", "O_PATH", "O_NOATIME", "O_NONBLOCK", "O_CLOEXEC"):  # fmt: skip
        value = getattr(os, name)
        if rest & value == value:
            names.append(name)
            rest &= ~value
    return "|".join([*names, *([f"0{rest:o}"] if rest else [])])
