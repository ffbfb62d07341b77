"""A directory of a daemon, through a mount of our own on which the kernel refuses every change.

The mount is read-only and keeps no access times, so that neither a mistake here nor a mere look changes anything of the
store. It is made in a mount namespace that ends at once; only the descriptor keeps it, and no process sees it. See
mount_namespaces(7), and mount(2) for MS_BIND.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from roadworthy.store.findings import StoreRefused

CLONE_FS, CLONE_NEWNS = 0x200, 0x20000
PR_SET_PDEATHSIG = 1
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 0x1, 0x2, 0x4, 0x8, 0x20
MS_NOATIME, MS_BIND, MS_REC, MS_PRIVATE = 0x400, 0x1000, 0x4000, 0x40000
SEALED = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOATIME | MS_NOSUID | MS_NODEV | MS_NOEXEC


@contextmanager
def sealed(pid: int, directories: Sequence[str]) -> Iterator[list[Path]]:
    """Yield paths to these directories, named as process `pid` sees them, that cannot be changed.

    Raises StoreRefused for one that is not there, with the kernel's word.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = os.fork()
        if not child:
            try:
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                opened = mounted(pid, directories)
                socket.send_fds(theirs, [b"done"], opened)
            except OSError as reason:
                theirs.send(f"{reason.strerror}: {reason.filename or directories[0]}".encode())
            finally:
                os._exit(0)
        theirs.close()
        said, descriptors, _, _ = socket.recv_fds(ours, 4096, len(directories))
        os.waitpid(child, 0)
    try:
        if said != b"done":
            raise StoreRefused(said.decode(errors="replace") or "the mount could not be made")
        yield [Path(f"/proc/self/fd/{descriptor}") for descriptor in descriptors]
    finally:
        for descriptor in descriptors:
            with suppress(OSError):
                os.close(descriptor)


def mounted(pid: int, directories: Sequence[str]) -> list[int]:
    """Enter the mounts and the root of a process, and return descriptors of sealed mounts of these directories there.

    This process sees that root from here on, and mounts of its own. Raises OSError.
    """
    root = os.open(f"/proc/{pid}/root", os.O_RDONLY | os.O_DIRECTORY)
    mounts = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    done(libc.unshare(CLONE_FS), "unshare")
    done(libc.setns(mounts, CLONE_NEWNS), f"/proc/{pid}/ns/mnt")
    os.fchdir(root)
    done(libc.unshare(CLONE_NEWNS), "unshare")  # it moves the working directory along, but no open descriptor
    done(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "/")
    os.chroot(".")
    opened = []
    for directory in directories:
        at = os.path.realpath(directory, strict=True)
        name = os.fsencode(at)
        done(libc.mount(name, name, None, MS_BIND, None), directory)
        done(libc.mount(None, name, None, SEALED, None), directory)
        opened.append(os.open(at, os.O_RDONLY | os.O_DIRECTORY))
    return opened


def done(answer: int, subject: str) -> None:
    if answer:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), subject)
