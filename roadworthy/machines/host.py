"""This host as a machine: what its kernel has, and a sentence for the sysadmin on what it lacks."""

from __future__ import annotations

import os
import shutil
import stat
from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from roadworthy.machines.capsule import Capsule
from roadworthy.machines.host_path import HostPath
from roadworthy.machines.kernel_log import KernelLog
from roadworthy.machines.logged_disk import LoggedDisk
from roadworthy.machines.loop_device import why_none
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.machines.place import Place, PlacePath
from roadworthy.machines.watchdog import Ends, Watched
from roadworthy.programs import ENVIRONMENT
from roadworthy.supplies.packages import needs
from roadworthy.trees.layers import Entry
from roadworthy.trees.on_disk import lay_out
from roadworthy.upkeep.site import Site

#: The bit of the capability in a mask, see capabilities(7).
CAP_SYS_ADMIN = 21
#: The map of user ids of a process that is in no user namespace but the first.
WHOLE_HOST = ["0", "0", "4294967295"]


class RunningKernel(Machine):
    """The kernel that runs this program. A subclass says whose programs a daemon uses."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._directory = HostPath(root)
        self.release = os.uname().release

    @property
    def _root(self) -> HostPath:
        return self._directory

    def filesystem(self, name: str) -> Requirement:
        known = {line.split()[-1] for line in self._read("proc/filesystems").splitlines()}
        if name in known:
            return Requirement(True, "")
        if self._module_file(name):
            return Requirement(False, f"needs the {name} file system: modprobe {name}", host=True)
        return Requirement(False, f"needs the {name} file system: this kernel ({self.release}) has none")

    def module(self, name: str, purpose: str) -> Requirement:
        if (self._root / "sys/module" / name).is_dir() or self._builtin(name):
            return Requirement(True, "")
        if self._module_file(name):
            return Requirement(False, f"needs {purpose}: modprobe {name}", host=True)
        return Requirement(False, f"needs {purpose}: this kernel has no {name}")

    def own_kernel(self, what: str) -> Requirement:
        said = f"leaves {what} in the kernel when it is killed: run it in a virtual machine, as with --kernel=6.1"
        return Requirement(False, said, host=True)

    def built_with(self, program: str, mark: bytes, lacking: str) -> Requirement:
        found = self._program(program)
        return Requirement(found is not None and mark in found.read_bytes(), lacking)

    def privilege(self) -> Requirement:
        if os.geteuid() != 0:
            said = "needs root to mount and to start a daemon: run it as root, or with sudo"
            return Requirement(False, said, host=True)
        if not effective() >> CAP_SYS_ADMIN & 1:
            said = "needs CAP_SYS_ADMIN to mount and to make namespaces: give it to this container, or run it outside"
            return Requirement(False, said, host=True)
        if user_ids() != WHOLE_HOST:
            said = "needs root of this host, and this is root of a user namespace only: run it outside"
            return Requirement(False, said, host=True)
        return Requirement(True, "")

    def disk(self) -> Requirement:
        reason = why_none()
        return Requirement(not reason, reason, host=True)

    def device(self, path: str, major: int, minor: int) -> Requirement:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
            made = Path(path).stat()
            if stat.S_ISCHR(made.st_mode) and made.st_rdev == os.makedev(major, minor):
                return Requirement(True, "")
            lacks = "it is another file"
        except OSError as reason:
            lacks = str(reason.strerror)
        said = f"needs {path}, and cannot use it ({lacks}): mknod {path} c {major} {minor}, and allow the device here"
        return Requirement(False, said, host=True)

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "machine": os.uname().machine}

    def place(self, site: Site, logged: bool = False) -> Place:
        """Make a place for a daemon: a capsule."""
        image, runtime = site.next()
        disk = partial(LoggedDisk, site) if logged else None
        keep = site.keep and not logged  # one after the other is made where it was: a kept one would lie under the next
        return Capsule(site.ledger, keep, image=image, runtime=runtime, root=self._tree, logged=disk)

    def kernel_log(self) -> KernelLog:
        return KernelLog()

    def lay_out(self, tree: Mapping[str, Entry], directory: PlacePath) -> None:
        lay_out(tree, Path(str(directory)))

    def lost(self) -> None:
        """Return None, because the caller runs on this machine."""

    def watched(self, place: Place, lasting: Mapping[str, Ends], end: tuple[str, ...]) -> Watched | None:
        return Watched(place.pid, lasting, end) if isinstance(place, Capsule) else None

    #: The root file system that a daemon sees; None for this host's.
    _tree: Path | None = None

    @abstractmethod
    def _program(self, name: str) -> Path | None:
        """The file of a program that a daemon would run, or None."""

    def _builtin(self, name: str) -> bool:
        return self._names(f"lib/modules/{self.release}/modules.builtin", name)

    def _module_file(self, name: str) -> bool:
        return self._names(f"lib/modules/{self.release}/modules.dep", name)

    def _names(self, listed: str, module: str) -> bool:
        """Whether one of kmod's lists names a module; see modules.dep(5)."""
        files = (line.partition(":")[0] for line in self._read(listed).splitlines())
        return any(Path(file).name.partition(".")[0].replace("-", "_") == module for file in files)


def effective() -> int:
    """The effective capabilities of this process, as a mask."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:"))


def user_ids() -> list[str]:
    """The map of this process' user ids, see user_namespaces(7)."""
    return Path("/proc/self/uid_map").read_text().split()


class Host(RunningKernel):
    """This host: its kernel, and the programs that are installed."""

    calls = ("setpriv", "unshare", "nsenter", "losetup", "ldd")

    def command(self, name: str) -> Requirement:
        if self._program(name) is not None:
            return Requirement(True, "")
        return Requirement(False, needs(name), host=True, program=name)

    def _program(self, name: str) -> Path | None:
        found = shutil.which(name, path=ENVIRONMENT["PATH"])
        return Path(found) if found else None
