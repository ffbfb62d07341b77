"""A process inside a container whose system calls a check drives, one at a time.

Every method is one system call and has its name (a few, marked so, are a short row of calls). A check expects its calls
to succeed: a refusal breaks the promise and raises `Refused`, which is an AssertionError. A check that expects a
refusal writes `fs.attempt.rmdir("d") == "ENOTEMPTY"`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from roadworthy.calls.answers import Died, DirectoryEntry, HostTrouble, ProgramBroke, Refused, Status, judged
from roadworthy.calls.evidence import Evidence
from roadworthy.calls.exchange import CALL_DEADLINE, Answer, Exchange
from roadworthy.linux import AT_STATX_FORCE_SYNC, STATX_BTIME, open_flags
from roadworthy.trees.manifest import Manifest


@dataclass(frozen=True)
class Step:
    """One of several calls that go to the agent together, and the names of the errnos that it tolerates."""

    call: str
    arguments: tuple[Any, ...]
    tolerated: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.call}({', '.join(map(repr, self.arguments))})"


@dataclass(frozen=True)
class Timed:
    """What calls or a program took, in nanoseconds each, and the run delay: how long they waited for a processor.

    `delay` is None if the kernel does not count it.
    """

    each: list[int]
    delay: int | None = None


def outcome_of(call: Callable[[], object]) -> str:
    """Make a call: the errno's name, the signal that killed the process, or "success"."""
    try:
        call()
    except (Refused, Died) as outcome:
        return outcome.code
    return "success"


class Pending:
    """A call that was sent and not waited for, such as one that may block."""

    def __init__(self, finish: Callable[[float], Any]) -> None:
        self._finish = finish

    def answer(self, seconds: float = CALL_DEADLINE) -> Any:
        """Wait for the answer. Raises what the call itself would raise."""
        return self._finish(seconds)

    def outcome(self, seconds: float = CALL_DEADLINE) -> str:
        """Wait for the answer: the errno's name, the signal that killed the process, or "success"."""
        return outcome_of(lambda: self._finish(seconds))


class AttemptedCalls:
    """The calls of a process, each returning a word: the errno's name, the signal that killed it, or "success"."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def __getattr__(self, name: str) -> Callable[..., str]:
        call = getattr(self._process, name)

        def attempted(*arguments: Any, **keywords: Any) -> str:
            try:
                return outcome_of(lambda: call(*arguments, **keywords))
            except HostTrouble as trouble:
                return str(trouble.__cause__)

        return attempted


class Process:
    """One process; its working directory is the check's own directory, so a check's paths are relative."""

    def __init__(self, exchange: Exchange, directory: str, evidence: Evidence, name: str = "A") -> None:
        self.directory = directory
        self.name = name
        self.evidence = evidence
        self._exchange = exchange
        self._number = exchange.spawn(directory)
        #: Whether the process has answered once; making it does not wait for it.
        self._there = False
        self.attempt = AttemptedCalls(self)

    def __repr__(self) -> str:
        return f"<process {self.name} in {self.directory}>"

    # --- files and descriptors

    def open(self, path: str, flags: int, mode: int = 0o644) -> int:
        return int(self._call("open", path, flags, mode, shown=f"open({path!r}, {open_flags(flags)})"))

    def close(self, descriptor: int) -> None:
        self._call("close", descriptor)

    def read(self, descriptor: int, count: int) -> bytes:
        return bytes(self._call("read", descriptor, count))

    def pread(self, descriptor: int, count: int, offset: int) -> bytes:
        return bytes(self._call("pread", descriptor, count, offset))

    def write(self, descriptor: int, data: bytes) -> int:
        return int(self._call("write", descriptor, data))

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        return int(self._call("pwrite", descriptor, data, offset))

    def pread_aligned(self, descriptor: int, count: int, offset: int) -> bytes:
        """pread(2) into memory aligned to a page, as O_DIRECT requires."""
        return bytes(self._call("pread_aligned", descriptor, count, offset))

    def pwrite_aligned(self, descriptor: int, data: bytes, offset: int) -> int:
        """pwrite(2) from memory aligned to a page, as O_DIRECT requires."""
        shown = f"pwrite_aligned({descriptor}, {len(data)} bytes, {offset})"
        return int(self._call("pwrite_aligned", descriptor, data, offset, shown=shown))

    def lseek(self, descriptor: int, offset: int, whence: int = os.SEEK_SET) -> int:
        return int(self._call("lseek", descriptor, offset, whence))

    def ftruncate(self, descriptor: int, size: int) -> None:
        self._call("ftruncate", descriptor, size)

    def truncate(self, path: str, size: int) -> None:
        self._call("truncate", path, size)

    def fsync(self, descriptor: int, patience: float = CALL_DEADLINE) -> None:
        """fsync(2), which may wait for the device for `patience` seconds."""
        self._begin("fsync", f"fsync({descriptor})", descriptor)(patience)

    def fdatasync(self, descriptor: int) -> None:
        self._call("fdatasync", descriptor)

    def fallocate(self, descriptor: int, offset: int, length: int) -> None:
        self._call("fallocate", descriptor, offset, length)

    def copy_file_range(self, source: int, target: int, count: int) -> int:
        return int(self._call("copy_file_range", source, target, count))

    def sendfile(self, target: int, source: int, offset: int, count: int) -> int:
        return int(self._call("sendfile", target, source, offset, count))

    def splice(self, source: int, target: int, count: int) -> int:
        """splice(2); one of the two is a pipe."""
        return int(self._call("splice", source, target, count))

    def ficlone(self, target: int, source: int) -> None:
        """ioctl_ficlone(2): share the source's extents."""
        self._call("ficlone", target, source)

    def fcntl(self, descriptor: int, command: int, argument: int = 0) -> int:
        return int(self._call("fcntl", descriptor, command, argument))

    def fadvise(self, descriptor: int, offset: int, length: int, advice: int) -> None:
        self._call("fadvise", descriptor, offset, length, advice)

    def pipe(self) -> tuple[int, int]:
        reader, writer = self._call("pipe")
        return reader, writer

    # --- status

    def stat(self, path: str) -> Status:
        return Status(*self._call("stat", path))

    def lstat(self, path: str) -> Status:
        return Status(*self._call("lstat", path))

    def fstat(self, descriptor: int) -> Status:
        return Status(*self._call("fstat", descriptor))

    def birth_time(self, path: str) -> int:
        """statx(2)'s stx_btime in nanoseconds, or 0 if the file system has none."""
        mask, btime = self._call("statx", path, STATX_BTIME, shown=f"statx({path!r}, STATX_BTIME)")
        return int(btime) if mask & STATX_BTIME else 0

    def refresh(self, path: str) -> None:
        """statx(2) with AT_STATX_FORCE_SYNC: a file system that keeps what its server said of a file asks anew."""
        self._call("statx", path, 0, AT_STATX_FORCE_SYNC, shown=f"statx({path!r}, AT_STATX_FORCE_SYNC)")

    def statfs(self, path: str) -> tuple[int, int]:
        """f_type and the longest name, of statfs(2)."""
        kind, name_length = self._call("statfs", path)
        return kind, name_length

    def statvfs(self, path: str) -> os.statvfs_result:
        return os.statvfs_result(self._call("statvfs", path))

    def access(self, path: str, mode: int) -> bool:
        return bool(self._call("access", path, mode))

    # --- names

    def link(self, source: str, target: str) -> None:
        self._call("link", source, target)

    def linkat(self, source: str, target: str, flags: int) -> None:
        self._call("linkat", source, target, flags)

    def symlink(self, target: str, path: str) -> None:
        self._call("symlink", target, path)

    def readlink(self, path: str) -> str:
        return str(self._call("readlink", path))

    def unlink(self, path: str) -> None:
        self._call("unlink", path)

    def rmdir(self, path: str) -> None:
        self._call("rmdir", path)

    def mkdir(self, path: str, mode: int = 0o755) -> None:
        self._call("mkdir", path, mode, shown=f"mkdir({path!r}, 0{mode:o})")

    def mknod(self, path: str, mode: int, device: int = 0) -> None:
        self._call("mknod", path, mode, device, shown=f"mknod({path!r}, 0{mode:o}, {device:#x})")

    def mkfifo(self, path: str, mode: int = 0o644) -> None:
        self._call("mkfifo", path, mode)

    def rename(self, source: str, target: str) -> None:
        self._call("rename", source, target)

    def renameat2(self, source: str, target: str, flags: int) -> None:
        names = {1: "RENAME_NOREPLACE", 2: "RENAME_EXCHANGE", 4: "RENAME_WHITEOUT"}
        self._call("renameat2", source, target, flags, shown=f"renameat2({source!r}, {target!r}, {names[flags]})")

    def getdents(self, descriptor: int, size: int = 32768) -> list[DirectoryEntry]:
        """One getdents64(2); empty at the directory's end."""
        return [DirectoryEntry(*entry) for entry in self._call("getdents", descriptor, size)]

    def listdir(self, path: str = ".") -> list[str]:
        """The names in a directory, sorted, without `.` and `..` (a row of calls)."""
        return list(self._call("listdir", path))

    # --- metadata

    def chmod(self, path: str, mode: int) -> None:
        self._call("chmod", path, mode, shown=f"chmod({path!r}, 0{mode:o})")

    def fchmod(self, descriptor: int, mode: int) -> None:
        self._call("fchmod", descriptor, mode, shown=f"fchmod({descriptor}, 0{mode:o})")

    def chown(self, path: str, uid: int, gid: int) -> None:
        self._call("chown", path, uid, gid)

    def lchown(self, path: str, uid: int, gid: int) -> None:
        self._call("lchown", path, uid, gid)

    def utimens(self, path: str, atime_ns: int, mtime_ns: int, follow: bool = True) -> None:
        self._call("utimens", path, atime_ns, mtime_ns, follow)

    def futimens(self, descriptor: int, atime_ns: int, mtime_ns: int) -> None:
        self._call("futimens", descriptor, atime_ns, mtime_ns)

    def setxattr(self, path: str, name: str, value: bytes, follow: bool = True) -> None:
        self._call("setxattr", path, name, value, follow)

    def getxattr(self, path: str, name: str, follow: bool = True) -> bytes:
        return bytes(self._call("getxattr", path, name, follow))

    def listxattr(self, path: str, follow: bool = True) -> list[str]:
        return list(self._call("listxattr", path, follow))

    def removexattr(self, path: str, name: str, follow: bool = True) -> None:
        self._call("removexattr", path, name, follow)

    def file_flags(self, descriptor: int) -> int:
        """FS_IOC_GETFLAGS, see ioctl_iflags(2)."""
        return int(self._call("ioctl_flags", descriptor, None))

    def set_file_flags(self, descriptor: int, flags: int) -> None:
        """FS_IOC_SETFLAGS, see ioctl_iflags(2)."""
        self._call("ioctl_flags", descriptor, flags)

    # --- locks, leases, watches

    def flock(self, descriptor: int, operation: int) -> None:
        self._call("flock", descriptor, operation)

    def lock(self, descriptor: int, command: int, kind: int, start: int = 0, length: int = 0) -> int:
        """A record lock of fcntl(2), traditional or OFD; returns the type that the kernel left in the structure."""
        return int(self._call("record_lock", descriptor, command, kind, start, length))

    def inotify_init(self) -> int:
        return int(self._call("inotify_init"))

    def inotify_add_watch(self, descriptor: int, path: str, mask: int) -> int:
        return int(self._call("inotify_add_watch", descriptor, path, mask))

    def inotify_read(self, descriptor: int) -> list[tuple[int, str]]:
        """The pending events as (mask, name); empty if there are none."""
        return [(mask, name) for mask, name in self._call("inotify_read", descriptor)]

    def name_to_handle(self, path: str, flags: int = 0) -> bytes:
        return bytes(self._call("name_to_handle", path, flags))

    def open_by_handle(self, mount: int, handle: bytes, flags: int) -> int:
        """open_by_handle_at(2); `mount` is a descriptor of any object of the handle's file system."""
        return int(self._call("open_by_handle", mount, handle, flags))

    def fanotify_init(self, flags: int) -> int:
        return int(self._call("fanotify_init", flags))

    def fanotify_mark(self, descriptor: int, flags: int, mask: int, path: str) -> None:
        self._call("fanotify_mark", descriptor, flags, mask, path)

    def fanotify_read(self, descriptor: int) -> list[int]:
        """The masks of the pending events; empty if there are none."""
        return list(self._call("fanotify_read", descriptor))

    def fanotify_decide(self, descriptor: int, response: int) -> int:
        """Wait for an event that asks for permission, and answer it; returns its mask, 0 if none comes in time."""
        return int(self._call("fanotify_decide", descriptor, response, CALL_DEADLINE / 2))

    # --- mounts

    def own_mounts(self) -> None:
        """unshare(2) of the mount namespace: what the process mounts from now on ends with it."""
        self._call("own_mounts")

    def own_users(self) -> None:
        """Become root of a user namespace of its own, with a mount namespace (unshare, and its maps in /proc)."""
        self._call("own_users")

    def mount(self, source: str, target: str, kind: str, options: str = "", flags: int = 0) -> None:
        self._call("mount", source, target, kind, flags, options)

    def mount_in_steps(self, kind: str, target: str, options: Sequence[tuple[str, str]]) -> None:
        """Mount with an fsconfig(2) for each option (fsopen, fsconfig, fsmount, move_mount)."""
        shown = f"mount_in_steps({kind!r}, {target!r}, {len(options)} options)"
        self._call("mount_in_steps", kind, target, [list(option) for option in options], shown=shown)

    def umount(self, target: str) -> None:
        self._call("umount", target)

    # --- memory

    def mmap(self, descriptor: int, length: int, protection: int, flags: int) -> int:
        """The address of a new mapping."""
        return int(self._call("mmap", descriptor, length, protection, flags))

    def munmap(self, address: int, length: int) -> None:
        self._call("munmap", address, length)

    def msync(self, address: int, length: int) -> None:
        self._call("msync", address, length)

    def peek(self, address: int, length: int) -> bytes:
        """Load from a mapping."""
        return bytes(self._call("peek", address, length, shown=f"load({length} bytes)"))

    def poke(self, address: int, data: bytes) -> None:
        """Store into a mapping."""
        self._call("poke", address, data, shown=f"store({data!r})")

    def mincore(self, address: int, length: int) -> int:
        """How many pages of the mapping are in the page cache."""
        return int(self._call("mincore", address, length))

    # --- sockets, programs, the process itself

    def bind(self, path: str) -> int:
        """A listening unix socket at `path` (socket, bind, listen)."""
        return int(self._call("bind", path))

    def connect(self, path: str) -> int:
        """A descriptor connected to the unix socket at `path` (socket, connect)."""
        return int(self._call("connect", path))

    def accept(self, descriptor: int) -> int:
        return int(self._call("accept", descriptor))

    def chdir(self, path: str) -> None:
        self._call("chdir", path)

    def getcwd(self) -> str:
        return str(self._call("getcwd"))

    def umask(self, mask: int) -> int:
        return int(self._call("umask", mask))

    def getpid(self) -> int:
        return int(self._call("getpid"))

    def become(self, uid: int, gid: int | None = None) -> None:
        """Give up root for good (setgroups, setresgid, setresuid)."""
        self._call("become", uid, uid if gid is None else gid)

    def run(self, *argv: str) -> tuple[int, str]:
        """Run a program to its end, and return its exit status and its output, cut at 64 KiB."""
        code, output = self._call("run", list(argv), 65536, shown=f"run({' '.join(argv)})")
        return code, output.decode(errors="replace")

    def start(self, *argv: str) -> int:
        """Start a program, leave it running (fork, execve), and return its process id."""
        return int(self._call("start", list(argv), shown=f"execve({' '.join(argv)})"))

    def finish(self, pid: int) -> None:
        """Kill a program that `start` left running, and wait for it."""
        self._call("finish", pid)

    # --- rows of calls that are a check's setting, not its subject

    def store(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file whole (open with O_CREAT and O_TRUNC, write, close)."""
        self._call("store", path, data, mode)

    def row(self, steps: Sequence[Step]) -> None:
        """Make calls one after another in one message. Raises for the first refusal that its step does not tolerate."""
        rows = [[step.tolerated, step.call, *step.arguments] for step in steps]
        refused = self._call("row", rows, shown=f"{len(rows)} calls in a row")
        if refused is not None:
            turn, code = refused
            _, outcome = judged(str(steps[turn]), Answer(errno=code))
            assert outcome is not None
            raise outcome

    def load(self, path: str) -> bytes:
        """Read a file whole (open, read, close)."""
        return bytes(self._call("load", path))

    def digest(self, path: str, patience: float = CALL_DEADLINE) -> tuple[int, int]:
        """CRC-32 and size of a file too large to load."""
        checksum, size = self._begin("digest", f"digest({path!r})", path)(patience)
        return checksum, size

    def overwrite(self, path: str, seed: int, count: int, mapped: bool, patience: float = CALL_DEADLINE) -> None:
        """Make small overwrites inside a file, which follow from `seed`: calls.overwritten has the model of them."""
        shown = f"overwrite({path!r}, {count} times from seed {seed}, by {'stores' if mapped else 'pwrite'})"
        self._begin("overwrite", shown, path, seed, count, mapped)(patience)

    def let_go(self, path: str, patience: float = CALL_DEADLINE) -> None:
        """Write a file back, and let its pages in the cache go (fsync, posix_fadvise)."""
        self._begin("let_go", f"let_go({path!r})", path)(patience)

    def replace_often(self, target: str, times: int) -> None:
        """Replace `target` by rename, `times` times, with new files of two equal halves."""
        self._call("replace_often", ".", target, times)

    def timed(
        self, rows: Sequence[Sequence[Any]], patience: float = CALL_DEADLINE, directory: str | None = None
    ) -> Timed:
        """Make calls one after another in one message, and return what the process measured for each.

        A row is a call's name and its arguments; an argument `[n]` is the answer of row n, such as a descriptor.
        The process makes them in `directory`, where it stays; None leaves it where it is.
        """
        shown = f"timed({len(rows)} calls, the first {rows[0][0]}{tuple(rows[0][1:])!r})"
        each, delay = self._begin("timed", shown, [list(row) for row in rows], directory)(patience)
        return Timed(list(each), delay)

    def timed_run(self, *argv: str, patience: float = CALL_DEADLINE, directory: str | None = None) -> Timed:
        """Run a program to its end in `directory`, and return what the process measured, one number.

        The process stays there; None leaves it where it is. Raises ProgramBroke where the program fails.
        """
        shown = f"timed_run({' '.join(argv)})"
        code, output, nanoseconds, delay = self._begin("timed_run", shown, list(argv), 65536, directory)(patience)
        if code:
            raise ProgramBroke(f"{shown} ended with {code}: {output.decode(errors='replace').strip()[-500:]}")
        return Timed([int(nanoseconds)], delay)

    def counted(
        self, tracer: Sequence[str], rows: Sequence[Sequence[Any]] = (), argv: Sequence[str] = (),
        patience: float = CALL_DEADLINE, directory: str | None = None,
    ) -> str:  # fmt: skip
        """Make calls one after another as `timed` does, or run a program, in a child of the process under a tracer.

        Returns the tracer's words if it could not attach and nothing was done, else an empty string. Raises
        ProgramBroke if a call or the program fails.
        """
        shown = f"counted({' '.join(argv) or f'{len(rows)} calls'})"
        asked = (list(tracer), [list(row) for row in rows], list(argv), 65536, directory)
        code, output = self._begin("counted", shown, *asked)(patience)
        said = output.decode(errors="replace").strip()[-500:]
        if code:
            raise ProgramBroke(f"{shown} ended with {code}: {said}")
        return said or "nothing" if code is None else ""

    def manifest(self, path: str = ".") -> Manifest:
        """All that an image carries of the files under `path` (listdir, lstat, read, readlink, listxattr, getxattr)."""
        return Manifest(self._call("manifest", path))

    def begin(self, call: str, *arguments: Any) -> Pending:
        """Send a call of the agent and do not wait: `process.begin("look_often", "target", 1.0)`.

        The process exists when this returns, so that calls which two processes begin run at the same time.
        """
        if not self._there:
            self._exchange.wait(self._exchange.request(self._number, "getpid"), CALL_DEADLINE, "a new process")
            self._there = True
        return self.ahead(call, *arguments)

    def ahead(self, call: str, *arguments: Any) -> Pending:
        """Send a call and do not wait, not even for the process to exist: for calls that need not run side by side."""
        return Pending(self._begin(call, f"{call}({', '.join(map(repr, arguments))})", *arguments))

    def leave(self) -> None:
        """Kill the process."""
        self._exchange.end(self._number)

    # --- how a call is made

    @property
    def exchange(self) -> Exchange:
        """The exchange with the agent that runs this process."""
        return self._exchange

    def _call(self, call: str, *arguments: Any, shown: str = "") -> Any:
        text = shown or f"{call}({', '.join(map(repr, arguments))})"
        return self._begin(call, text, *arguments)(CALL_DEADLINE)

    def _begin(self, call: str, text: str, *arguments: Any) -> Callable[[float], Any]:
        begun = time.monotonic()
        evidence = self.evidence
        made = evidence.make(self, call, arguments)
        number = self._exchange.request(self._number, call, *arguments)

        def finish(seconds: float) -> Any:
            try:
                answer = self._exchange.wait(number, seconds, text)
            except Exception as trouble:
                self.evidence.record(self.name, text, str(trouble), True, time.monotonic() - begun)
                raise
            self._there = True
            said, outcome = judged(text, answer)
            evidence.answered(made, answer.value, said if outcome else "", time.monotonic() - begun)
            self.evidence.record(self.name, text, said, outcome is not None, time.monotonic() - begun)
            if outcome is not None:
                raise outcome
            return answer.value

        return finish
