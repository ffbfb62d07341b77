"""System calls that mutants know: their numbers, and the arguments that name what they act on."""

from __future__ import annotations

#: AUDIT_ARCH_X86_64. Numbers and `struct stat` differ elsewhere; other machines have no mutants yet.
ARCHITECTURE = 0xC000003E

#: x86-64 system call numbers, from the kernel's arch/x86/entry/syscalls/syscall_64.tbl.
NUMBERS = {
    "open": 2, "stat": 4, "fstat": 5, "lstat": 6, "lseek": 8, "ioctl": 16, "pwrite64": 18, "msync": 26, "sendfile": 40,
    "connect": 42,
    "execve": 59, "fcntl": 72, "flock": 73, "fsync": 74, "fdatasync": 75, "truncate": 76, "ftruncate": 77,
    "getcwd": 79, "rename": 82, "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88,
    "readlink": 89, "chmod": 90, "fchmod": 91, "chown": 92, "fchown": 93, "lchown": 94, "mknod": 133, "statfs": 137,
    "fstatfs": 138, "sync": 162, "mount": 165,
    "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "getxattr": 191, "lgetxattr": 192, "fgetxattr": 193,
    "listxattr": 194, "llistxattr": 195, "flistxattr": 196, "removexattr": 197, "lremovexattr": 198,
    "fremovexattr": 199, "getdents64": 217, "inotify_add_watch": 254, "openat": 257, "mkdirat": 258, "mknodat": 259,
    "fchownat": 260, "newfstatat": 262, "unlinkat": 263, "renameat": 264, "linkat": 265, "symlinkat": 266,
    "readlinkat": 267, "fchmodat": 268, "splice": 275, "sync_file_range": 277, "utimensat": 280,
    "fallocate": 285, "fanotify_mark": 301, "name_to_handle_at": 303, "syncfs": 306, "renameat2": 316,
    "copy_file_range": 326, "statx": 332, "fsconfig": 431, "openat2": 437, "fchmodat2": 452,
}  # fmt: skip
NAMES = {number: name for name, number in NUMBERS.items()}

#: Calls of the supervisor alone.
PIDFD_OPEN, OPENAT2, PIDFD_GETFD = 434, 437, 438

AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
AT_REMOVEDIR = 0x200
AT_EMPTY_PATH = 0x1000

#: (argument of the descriptor, argument of the path) of what a call acts on; None: it has no such argument.
Where = tuple[int | None, int | None]
_PATH_ONLY: Where = (None, 0)
_DESCRIPTOR_ONLY: Where = (0, None)
_BOTH: Where = (0, 1)
SUBJECT: dict[str, Where] = {
    **dict.fromkeys(
        ("open", "creat", "stat", "lstat", "truncate", "rename", "mkdir", "rmdir", "link", "unlink", "readlink",
         "chmod", "chown", "lchown", "mknod", "statfs", "setxattr", "lsetxattr", "getxattr", "lgetxattr", "listxattr",
         "llistxattr", "removexattr", "lremovexattr", "execve"), _PATH_ONLY),
    **dict.fromkeys(
        ("fstat", "fcntl", "flock", "fsync", "fdatasync", "ftruncate", "fchmod", "fchown", "fstatfs", "fsetxattr",
         "fgetxattr", "flistxattr", "fremovexattr", "getdents64", "lseek", "fallocate", "ioctl",
         "pwrite64"), _DESCRIPTOR_ONLY),
    **dict.fromkeys(
        ("openat", "openat2", "mkdirat", "mknodat", "fchownat", "newfstatat", "unlinkat", "renameat", "renameat2",
         "linkat", "readlinkat", "fchmodat", "fchmodat2", "utimensat", "statx", "name_to_handle_at"), _BOTH),
    "symlink": (None, 1), "symlinkat": (1, 2), "inotify_add_watch": (None, 1),
}  # fmt: skip

#: The second name of calls that have two.
SECOND: dict[str, Where] = {
    "rename": (None, 1), "link": (None, 1), "renameat": (2, 3), "renameat2": (2, 3), "linkat": (2, 3),
}  # fmt: skip

#: The argument with the AT_ flags.
AT_FLAGS = {"newfstatat": 3, "statx": 2, "fchownat": 4, "utimensat": 3, "fchmodat2": 3, "unlinkat": 2}

#: Calls about a name, or about a symbolic link itself: the last component is not followed.
NOT_FOLLOWED = frozenset({
    "lstat", "lchown", "lsetxattr", "lgetxattr", "llistxattr", "lremovexattr", "rename", "renameat", "renameat2",
    "link", "linkat", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat",
    "readlink", "readlinkat", "name_to_handle_at",
})  # fmt: skip

OPENING = frozenset({"open", "openat", "openat2", "creat"})
