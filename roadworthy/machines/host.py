"""This host as a machine: what its kernel has, and the sentence a sysadmin needs where it has not."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from roadworthy.machines.kernel_log import KernelLog
from roadworthy.programs import ENVIRONMENT

if TYPE_CHECKING:
    from roadworthy.guests.log import GuestKernelLog
    from roadworthy.machines.place import Place
    from roadworthy.upkeep.site import Site


@dataclass(frozen=True)
class Requirement:
    """A precondition: whether it is met, and if not, what to do about it. `host` tells a lack that the user can mend

    (a package, a privilege: `skipped`) from one that this kernel or engine simply does not have (`unsupported`).
    """

    met: bool
    reason: str
    host: bool = False


class Host:
    """The running kernel."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self.release = os.uname().release

    def kernel_log(self) -> KernelLog | GuestKernelLog:
        """The kernel's log from now on."""
        return KernelLog()

    def place(self, site: Site) -> Place:
        """A new place for a daemon: a capsule."""
        from roadworthy.machines.capsule import Capsule

        image, runtime = site.next()
        return Capsule(site.ledger, site.keep, image=image, runtime=runtime)

    @property
    def kernel(self) -> str:
        """The kernel's series as ids carry it: `linux6.18`."""
        return f"linux{series(self.release)}"

    @cached_property
    def upstream(self) -> str:
        """The upstream release that the kernel is made from: `6.1.170`, where a distribution calls it 6.1.0-56."""
        found = re.search(r"\bDebian (\d+(?:\.\d+)+)", self._read("proc/sys/kernel/version"))
        return found[1] if found else self.release

    def filesystem(self, name: str) -> Requirement:
        """The kernel can mount `name`."""
        known = {line.split()[-1] for line in self._read("proc/filesystems").splitlines()}
        if name in known:
            return Requirement(True, "")
        if self._module_file(name):
            return Requirement(False, f"needs the {name} file system: modprobe {name}", host=True)
        return Requirement(False, f"needs the {name} file system: this kernel ({self.release}) has none")

    def module(self, name: str, purpose: str) -> Requirement:
        """The kernel has module `name`, loaded or built in."""
        if (self._root / "sys/module" / name).is_dir() or self._builtin(name):
            return Requirement(True, "")
        if self._module_file(name):
            return Requirement(False, f"needs {purpose}: modprobe {name}", host=True)
        return Requirement(False, f"needs {purpose}: this kernel has no {name}")

    def command(self, name: str, package: str) -> Requirement:
        """A program is installed."""
        if shutil.which(name, path=ENVIRONMENT["PATH"]):
            return Requirement(True, "")
        return Requirement(False, f"needs {name}: apt-get install {package}", host=True)

    def own_kernel(self, what: str) -> Requirement:
        """The kernel ends with the run. `what` would outlive it otherwise, for no namespace holds it."""
        said = f"leaves {what} in the kernel when it is killed: run it in a machine of its own, as with --kernel=6.1"
        return Requirement(False, said, host=True)

    def built_with(self, program: str, mark: bytes, lacking: str) -> Requirement:
        """An installed program has a part that its packager may have left out: `mark` is somewhere in its file."""
        found = self._program(program)
        return Requirement(found is not None and mark in found.read_bytes(), lacking)

    def _program(self, name: str) -> Path | None:
        """The file of an installed program."""
        found = shutil.which(name, path=ENVIRONMENT["PATH"])
        return Path(found) if found else None

    def privilege(self) -> Requirement:
        """Root, which mounting and starting a daemon take."""
        if os.geteuid() == 0:
            return Requirement(True, "")
        return Requirement(False, "needs root to mount and to start a daemon: run it as root, or with sudo", host=True)

    def facts(self) -> dict[str, object]:
        """What explains verdicts besides the driver's name."""
        return {
            "release": self.release,
            "upstream": self.upstream,
            "version": os.uname().version,
            "machine": os.uname().machine,
            "tainted": self._read("proc/sys/kernel/tainted").strip(),
            "command line": self._read("proc/cmdline").strip(),
            "overlay parameters": self.module_parameters("overlay"),
        }

    def module_parameters(self, name: str) -> dict[str, str]:
        """A module's parameters, as `/sys/module/NAME/parameters` shows them."""
        directory = self._root / "sys/module" / name / "parameters"
        found = {}
        for path in sorted(directory.iterdir()) if directory.is_dir() else []:
            try:
                found[path.name] = path.read_text().strip()
            except OSError:  # some parameters are write-only
                continue
        return found

    def _read(self, path: str) -> str:
        try:
            return (self._root / path).read_text()
        except OSError:
            return ""

    def _builtin(self, name: str) -> bool:
        listed = self._read(f"lib/modules/{self.release}/modules.builtin")
        return any(Path(line).name.split(".")[0].replace("-", "_") == name for line in listed.splitlines())

    def _module_file(self, name: str) -> bool:
        listed = self._read(f"lib/modules/{self.release}/modules.dep")
        return any(
            Path(line.split(":")[0]).name.split(".")[0].replace("-", "_") == name for line in listed.splitlines()
        )


def series(release: str) -> str:
    """The first two numbers of a kernel release: `6.1.0-50-amd64` is of the series 6.1."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return f"{found[1]}.{found[2]}" if found else release
