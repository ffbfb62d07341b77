"""Removes what runs left: by the identity in their ledgers, never by a pattern, and only when their owner is dead."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import select
import shutil
import signal
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from roadworthy.deadline import wait_until
from roadworthy.upkeep.ledger import LEDGERS, RUNTIME, STATE, DeadRun, Item, read
from roadworthy.upkeep.objects import remove_labelled

LOOP_CLR_FD = 0x4C01
LOOP_GET_STATUS64 = 0x4C05
#: Seconds in which the kernel releases a loop device whose last user has ended.
RELEASE = 20.0
#: Seconds for each of the rest once something was not released.
SHORT = 1.0
#: How many processes are named that hold something.
HOLDERS = 5


@dataclass(frozen=True)
class Reaped:
    """The result of one reap: what was removed, and a sentence for each thing that could not be."""

    run: str
    removed: tuple[str, ...]
    left: tuple[str, ...]


@contextmanager
def owned(path: Path) -> Iterator[bool]:
    """Yield whether this ledger's owner is dead; while the block runs, no other reaper can take it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield os.fstat(descriptor).st_nlink > 0  # another reaper may have finished it between opening and locking
    finally:
        os.close(descriptor)


def dead_runs(ledgers: Path = LEDGERS) -> list[DeadRun]:
    """The ledgers whose owners are gone, oldest first."""
    found = []
    for path in sorted(ledgers.glob("*.jsonl")):
        with owned(path) as dead:
            if dead:
                found.append(read(path))
    return found


def reap(kept: bool = False, ledgers: Path = LEDGERS) -> list[Reaped]:
    """Undo every dead run; with `kept`, also those whose user asked to keep them."""
    done = []
    for path in sorted(ledgers.glob("*.jsonl")):
        try:
            with owned(path) as dead:
                if dead and (kept or not read(path).kept):
                    done.append(undo(read(path)))
        except OSError as reason:
            done.append(Reaped(path.stem, (), (f"all that {path} names: {reason}",)))
    return done


def undo(run: DeadRun) -> Reaped:
    """Undo one run's items: capsules first, which hold others in use, and the last made first.

    Its ledger is removed if nothing is left.
    """
    removed: list[str] = []
    left: list[str] = []
    newest_first = list(reversed(run.items))
    for item in sorted(newest_first, key=lambda item: item.kind != "capsule"):
        # What a capsule holds that did not end is not released either.
        seconds = SHORT if left else RELEASE
        try:
            removed += UNDO[item.kind](item, seconds)
        except (OSError, TimeoutError) as reason:
            left.append(f"{item.kind} {describe(item)}: {reason}")
        except (KeyError, TypeError, ValueError) as reason:
            left.append(f"{item.kind} {describe(item)}: this release does not understand the entry ({reason!r})")
    if not left:
        run.path.unlink(missing_ok=True)
    return Reaped(run.run, tuple(removed), tuple(left))


def describe(item: Item) -> str:
    return " ".join(str(value) for value in item.identity.values())


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot, or None if there is none. See proc(5), field 22."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(text.rsplit(")", 1)[1].split()[19])


def undo_capsule(item: Item, seconds: float) -> list[str]:
    """Kill a capsule's first process; the kernel ends everything in its process namespace with it."""
    pid, started = item.identity["pid"], item.identity["started"]
    if start_time(pid) != started:
        return []
    descriptor = os.pidfd_open(pid)
    try:
        if start_time(pid) != started:  # another process got the id between the two looks
            return []
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        wait_until(lambda: bool(select.select([descriptor], [], [], 0)[0]), seconds, f"capsule {pid} to end")
    finally:
        os.close(descriptor)
    return [f"capsule {pid}"]


def undo_image(item: Item, seconds: float) -> list[str]:
    """Detach the loop devices that this very file backs, then remove the file."""
    path = Path(item.identity["path"])
    if not of_a_run(path.parent):
        raise OSError(f"{path} is not an image that a run makes")
    try:
        found = path.lstat()
    except FileNotFoundError:
        return []
    removed = detach(path, found.st_dev, found.st_ino, seconds)
    path.unlink()
    return [*removed, f"image {path}"]


def undo_loop(item: Item, seconds: float) -> list[str]:
    """Detach the loop devices over a file that a run made, even if the file has lost its name."""
    return detach(Path(item.identity["path"]), item.identity["device"], item.identity["inode"], seconds)


def detach(path: Path, device: int, inode: int, seconds: float) -> list[str]:
    """Detach the loop devices over a run's file and wait until they are gone: one in use goes with its last user.

    An inode number is given again once its file is gone, so that the name has to be the run's, too.
    """
    seen: dict[Path, None] = {}

    def gone() -> bool:
        found = loops_backed_by(device, inode, f"/{path.parent.name}/{path.name}")
        seen.update(dict.fromkeys(found))
        for one in found:
            with suppress(OSError), one.open("rb") as loop:  # it may go by itself meanwhile
                fcntl.ioctl(loop, LOOP_CLR_FD)
        return not found

    try:
        wait_until(gone, seconds, f"loop devices over {path} to be released")
    except TimeoutError as reason:
        held = "; ".join(word for one in seen for word in holders(one))
        raise TimeoutError(f"{reason}; held by {held}" if held else str(reason)) from None
    return [f"loop device {one}" for one in seen]


def holders(device: Path) -> list[str]:
    """The processes that have a block device open, or see a file system on it, by name and number."""
    number = device.stat().st_rdev
    found = []
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        with suppress(OSError):
            mounted = {line.split()[2] for line in (process / "mountinfo").read_text().splitlines()}
            held = f"{os.major(number)}:{os.minor(number)}" in mounted
            if held or any(opened(descriptor) == number for descriptor in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} {process.name}")
    return found[:HOLDERS]


def opened(descriptor: Path) -> int:
    """The number of the block device that a descriptor in /proc/PID/fd leads to, or 0."""
    with suppress(OSError):
        status = descriptor.stat()
        return status.st_rdev if stat.S_ISBLK(status.st_mode) else 0
    return 0


def loops_backed_by(device: int, inode: int, name: str) -> list[Path]:
    """The loop devices whose backing file is this one and has, or had, a path that ends with `name`. See loop(4).

    Where mounts that the path led through are gone, the kernel shows only its end.
    """
    found = []
    for block in sorted(Path("/sys/block").glob("loop*")):
        try:
            backing = (block / "loop/backing_file").read_text().rstrip("\n").removesuffix(" (deleted)")
        except OSError:
            continue  # nothing is attached to it
        if not backing.endswith(name):
            continue
        path = Path("/dev") / block.name
        status = bytearray(ctypes.sizeof(ctypes.c_char) * 232)
        try:
            with path.open("rb") as loop:
                fcntl.ioctl(loop, LOOP_GET_STATUS64, status)
        except OSError:
            if (block / "loop/backing_file").exists():
                raise
            continue  # it was detached while we looked
        if struct.unpack_from("=QQ", status) == (kernel_device(device), inode):
            found.append(path)
    return found


def kernel_device(device: int) -> int:
    """stat's st_dev in the form of the loop driver's lo_device: huge_encode_dev of the kernel."""
    major, minor = os.major(device), os.minor(device)
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)


def undo_cgroup(item: Item, seconds: float) -> list[str]:
    """Remove the (empty) control groups of this name from every hierarchy, the deepest first."""
    removed = []
    name = item.identity["name"]
    if not name.startswith("roadworthy-") or "/" in name:
        raise OSError(f"{name!r} is not a control group that a run makes")
    for mount in cgroup_mounts():
        top = mount / name
        if not top.is_dir():
            continue
        for directory, _, _ in os.walk(top, topdown=False):
            wait_until(partial(emptied, Path(directory)), seconds, f"control group {directory} to be free")
        removed.append(f"control group {top}")
    return removed


def emptied(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def cgroup_mounts() -> list[Path]:
    """Where this host mounts control group hierarchies, of version 1 and 2."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [Path(line.split()[1]) for line in lines if line.split()[2] in ("cgroup", "cgroup2")]


def undo_directory(item: Item, seconds: float) -> list[str]:
    """Remove a run's directory and everything in it. Raises OSError if something is mounted there."""
    path = Path(item.identity["path"])
    if not of_a_run(path):
        raise OSError(f"{path} is not a directory that a run makes")
    if not os.path.lexists(path):
        return []
    for mounted in mount_points():  # not by device numbers: a bind mount of the same file system has the same one
        if mounted.is_relative_to(path):
            raise OSError(f"something is mounted at {mounted}")
    shutil.rmtree(path)
    return [f"directory {path}"]


def of_a_run(path: Path) -> bool:
    """Whether `path` is a directory of a run, and not a link to another place."""
    return path.parent in (STATE / "runs", RUNTIME) and path.resolve() == path.parent.resolve() / path.name


def mount_points(table: str = "") -> list[Path]:
    """The mount points of this process, see proc_pid_mountinfo(5); blanks in a name are octal escapes there."""
    lines = (table or Path("/proc/self/mountinfo").read_text()).splitlines()
    return [Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split()[4])) for line in lines]


def undo_objects(item: Item, seconds: float) -> list[str]:
    """Remove what has a run's label on a daemon that is not the suite's. Raises OSError if it does not answer.

    Its answers have a deadline of their own. A daemon that another run had made has taken its data with it.
    """
    del seconds
    socket = Path(item.identity["url"].removeprefix("unix://"))
    if socket.is_relative_to(RUNTIME) and not socket.exists():
        return []
    return [f"{name} of {item.identity['url']}" for name in remove_labelled(item.identity["url"], item.identity["run"])]


UNDO: dict[str, Callable[[Item, float], list[str]]] = {
    "objects": undo_objects,
    "capsule": undo_capsule, "loop": undo_loop, "image": undo_image, "cgroup": undo_cgroup, "directory": undo_directory,
}  # fmt: skip
