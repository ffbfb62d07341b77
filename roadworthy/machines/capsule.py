"""A capsule: own process and mount namespaces, in which a daemon and its backing file system live and die together.

Killing the capsule's first process ends every process in it, and with the last process the mount namespace and all its
mounts. So nothing stays mounted or running, whatever kills the run; see pid_namespaces(7) and mount_namespaces(7).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from roadworthy.calls.toolbox import Toolbox
from roadworthy.deadline import wait_until
from roadworthy.machines.children import children
from roadworthy.machines.host_path import HostPath
from roadworthy.machines.place import PlacePath
from roadworthy.machines.private_paths import private_paths
from roadworthy.programs import ENVIRONMENT, ProgramFailed, run, tied
from roadworthy.supplies.cache import cache_directory
from roadworthy.upkeep import reaper
from roadworthy.upkeep.ledger import RUNTIME, STATE, Item, Ledger
from roadworthy.upkeep.reaper import start_time

#: Changes the root from this host's to another tree ($1), with writes in memory at $2; the rest are directories that
#: both share. It runs under nsenter; pivot_root(2) moves every process whose root was the old one.
CHANGE_ROOT = """
tree=$1; top=$2; shift 2
mkdir "$top"; mount -t tmpfs -o mode=0755 roadworthy "$top"; mkdir "$top/upper" "$top/work" "$top/root"
mount -t overlay -o "lowerdir=$tree,upperdir=$top/upper,workdir=$top/work" roadworthy "$top/root"
cd "$top/root"; mkdir -p proc sys dev run tmp old
mount --rbind /proc proc; mount --rbind /sys sys; mount --rbind /dev dev
mount -t tmpfs roadworthy run; mount -t tmpfs roadworthy tmp
for directory; do mkdir -p "./$directory"; mount --rbind "$directory" "./$directory"; done
pivot_root . old; umount -l /old
"""
#: Seconds to find a moment in which nothing is written to a disk while it is copied.
COPIES = 120.0
INIT = Path(__file__).with_name("capsule_init.py")


class LogsWrites(Protocol):
    """A disk that writes down what it is told, see roadworthy.machines.logged_disk."""

    device: str
    log: Path

    def close(self) -> None:
        """End it; its log stays."""
        ...


class Capsule:
    """Running namespaces. `pid` is the first process, as this host's process namespace numbers it.

    With `root`, everything inside sees that tree instead of this host's; without, it sees this host's, but for the
    directories in which daemons make files. With `network`, there is a network namespace too, in which nothing is up,
    so that nothing outside can reach what listens there. `image` is the file for a disk, `runtime` the directory for
    sockets and logs. With `logged`, which makes a disk of so many bytes, that is its disk. Raises ProgramFailed.
    """

    scale = 1.0

    def __init__(
        self, ledger: Ledger, keep: bool = False, network: bool = False, image: Path | None = None,
        *, runtime: Path, root: Path | None = None, logged: Callable[[int], LogsWrites] | None = None,
    ) -> None:  # fmt: skip
        self.runtime = runtime
        self._root = root
        #: Where roots of it were put together, one after another.
        self._tops: list[Path] = []
        self._ledger = ledger
        self._keep = keep
        self._image = image
        self._logged = logged
        self._disk: LogsWrites | None = None
        self._loops: list[Item] = []
        #: nsenter(1)'s processes on this host, each of which ends with the program that it has started inside.
        self._started: list[subprocess.Popen[bytes]] = []
        kill = [] if keep else ["--kill-child=KILL"]
        namespaces = ["unshare", "--pid", "--mount", "--fork", *kill, "--mount-proc", "--propagation", "private",
                      *(["--net"] if network else []), "--"]  # fmt: skip
        first = [*namespaces, sys.executable, "-I", "-S", str(INIT)]
        self._entered = ["--mount", "--pid", *(["--net"] if network else [])]
        self._outer = subprocess.Popen(
            self._tied(first),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            start_new_session=True,  # the terminal's Ctrl-C is for pytest
        )
        assert self._outer.stdin is not None
        assert self._outer.stdout is not None
        assert self._outer.stderr is not None
        if self._outer.stdout.readline() != b"ready\n":
            said = self._outer.stderr.read().decode(errors="replace").strip()
            raise ProgramFailed(f"namespaces cannot be made on this host: {said or self._outer.wait(10)}")
        (self.pid,) = children(self._outer.pid)
        ledger.intend("capsule", pid=self.pid, started=start_time(self.pid))
        self._outer.stdin.write(b"k" if keep else b"g")
        self._outer.stdin.flush()
        try:
            if root is not None:
                self.change_root(root)
            else:
                self.run(private_paths(runtime))
        except BaseException:
            self.close()
            raise

    def change_root(self, tree: Path) -> None:
        """Make everything that is started inside from now on see the tree `tree`. Raises ProgramFailed."""
        top = self.runtime / f"root{len(self._tops)}"
        self._tops.append(top)
        shared = [*{STATE, RUNTIME, cache_directory()}]
        self.run(["sh", "-ec", CHANGE_ROOT, "sh", str(tree), str(top), *map(str, shared)])
        self._root = tree

    def _tied(self, argv: Sequence[str]) -> list[str]:
        """Words with which a program dies with this process, even if it is stopped, unless the capsule is kept."""
        return list(argv) if self._keep else tied(argv)

    def enter(self, argv: Sequence[str]) -> list[str]:
        """The argument list that runs `argv` inside."""
        return ["nsenter", f"--target={self.pid}", *self._entered, "--root", "--wd=/", "--", *argv]

    def run(self, argv: Sequence[str], seconds: float = 60) -> str:
        """Run a program inside to its end, and return its standard output. Raises ProgramFailed."""
        return run(self.enter(argv), seconds)

    def start(self, argv: Sequence[str], log: str | os.PathLike[str]) -> subprocess.Popen[bytes]:
        """Start a program inside and leave it running, its output appended to `log`, a path of the capsule's."""
        with self.path(log).open("ab") as output:
            started = subprocess.Popen(
                self._tied(self.enter(argv)), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=ENVIRONMENT, start_new_session=True,
            )  # fmt: skip
        self._started.append(started)
        return started

    def path(self, inside: str | os.PathLike[str]) -> HostPath:
        """An absolute path inside, as the controller reaches it."""
        return HostPath(f"/proc/{self.pid}/root{os.fspath(inside)}")

    def inside(self, path: PlacePath) -> str:
        """The name inside of a path that `path` returned."""
        return str(path).removeprefix(f"/proc/{self.pid}/root")

    def mounts(self) -> list[str]:
        """The capsule's mount table, lines of mountinfo, see proc_pid_mountinfo(5)."""
        return Path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()

    def disks(self, *sizes: int) -> list[str]:
        """Make a loop device over a fresh, sparse image file, which the ledger names before it is made."""
        (size,) = sizes  # what needs several leaves something in the kernel, and runs in guests
        if self._logged is not None:
            self._disk = self._logged(size)
            return [self._disk.device]
        assert self._image is not None, "this capsule was given no place for an image file"
        self._ledger.intend("image", path=str(self._image))
        with self._image.open("xb") as file:
            file.truncate(size)
        return self._attached()

    def _attached(self) -> list[str]:
        """Make a loop device over the image file, which is found by its inode if the file loses its name."""
        assert self._image is not None
        found = self._image.stat()
        identity = {"path": str(self._image), "device": found.st_dev, "inode": found.st_ino}
        self._loops.append(self._ledger.intend("loop", **identity))
        # Direct I/O on the loop device, because otherwise benchmarks would measure the host's page cache.
        self._device = self.run(["losetup", "--find", "--show", "--direct-io=on", str(self._image)]).strip()
        return [self._device]

    @property
    def write_log(self) -> Path | None:
        """The file in which its disk writes down what it is told; None if it does not."""
        return None if self._disk is None else self._disk.log

    def after_power_cut(self) -> tuple[Capsule, list[str]]:
        """End everything inside, and return a capsule with its directories, and a device with a copy of its own."""
        assert self._image is not None, "this capsule was given no place for an image file"
        device = self._device
        image = self._image.with_suffix(".cut.img")
        self._ledger.intend("image", path=str(image))
        wait_until(lambda: self._copied(device, image), COPIES, "a moment in which the device is not written to")
        self.close()
        attached = Path("/sys/block", Path(device).name, "loop/backing_file")
        wait_until(lambda: not attached.exists(), 20, f"{device} to be released")
        return self.again(image)

    def again(self, image: Path) -> tuple[Capsule, list[str]]:
        """Return a capsule with its directories, once it has ended, and a device over `image`, which ends with it."""
        for top in self._tops:
            top.rmdir()  # the root in it was mounted in namespaces that have ended
        capsule = Capsule(self._ledger, self._keep, image=image, runtime=self.runtime, root=self._root)
        try:
            return capsule, capsule._attached()
        except BaseException:
            capsule.close()
            raise

    def _copied(self, device: str, image: Path) -> bool:
        """Copy the device's image file: whether nothing was written to the device meanwhile."""
        counters, pending = (Path("/sys/block", Path(device).name, name) for name in ("stat", "inflight"))

        def written() -> list[str]:
            return counters.read_text().split()[4:7]  # writes, those merged, sectors: Documentation/block/stat.rst

        before = written()
        run(["cp", "--sparse=always", "--reflink=auto", str(self._image), str(image)], 120)
        return written() == before and not any(map(int, pending.read_text().split()))

    def settled(self, device: str) -> None:
        """Detach a loop device in use, which the kernel releases with its last user, the mount."""
        self.run(["losetup", "--detach", device])

    def afterwards(self, argv: Sequence[str]) -> None:
        """Raise ProgramFailed, because a killed run would leave in this host's kernel what `argv` should remove."""
        raise ProgramFailed(f"{argv[0]} would have to clean up this host's kernel; use a guest, as with --kernel=6.1")

    def reach(self, socket: Path) -> Path:
        """The path of a unix socket inside, which is the path on this host, as both share the directory."""
        return socket

    def toolbox(self, tools: Toolbox) -> str:
        """The directory of the toolbox, which has one name inside and on this host."""
        return str(tools.directory)

    def close(self) -> None:
        """End everything inside, and remove its loop devices and the image file.

        Raises TimeoutError if a process does not end, or a device is not released; the file stays then.
        """
        if self._keep:
            return
        if self._outer.stdin:
            self._outer.stdin.close()
        if start_time(self.pid) is not None and self._outer.poll() is None:
            with suppress(ProcessLookupError):  # it ends by itself when its input does, and may have done so by now
                os.kill(self.pid, signal.SIGKILL)
        for program in (self._outer, *self._started):
            program.send_signal(signal.SIGCONT)  # one that is stopped would not reap what it has started inside
        wait_until(lambda: self._outer.poll() is not None, 20, f"capsule {self.pid} to end")
        wait_until(lambda: all(program.poll() is not None for program in self._started), 20, "its programs to end")
        for stream in (self._outer.stdout, self._outer.stderr):
            if stream:
                stream.close()
        if self._disk is not None:
            self._disk.close()
        for loop in reversed(self._loops):
            reaper.undo_loop(loop, reaper.RELEASE)
        if self._image is not None:
            self._image.unlink(missing_ok=True)
