"""A guest as the machine that drivers ask for what they need: its kernel and its programs, all of them ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from roadworthy.calls.process import Process
from roadworthy.guests.guest import Guest
from roadworthy.guests.log import GuestKernelLog
from roadworthy.guests.path import GuestPath
from roadworthy.machines.host import Host, Requirement
from roadworthy.programs import ENVIRONMENT, ProgramFailed

if TYPE_CHECKING:
    from roadworthy.machines.place import Place
    from roadworthy.upkeep.site import Site


class GuestHost(Host):
    """What Host is for the running kernel. A lack in a guest is nothing that the user could mend by hand: the guest's

    root and kernel are ours. So a module is loaded where it is asked for, and what is then missing is `unsupported`.
    """

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._places = 0
        self._files: GuestPath = guest.path("/")
        self.release = self._read("proc/sys/kernel/osrelease").strip()

    def kernel_log(self) -> GuestKernelLog:
        return self._guest.kernel_log()

    def place(self, site: Site) -> Place:
        """A new place for a daemon: a capsule inside the guest."""
        from roadworthy.guests.capsule import GuestCapsule

        self._places += 1
        return GuestCapsule(self._guest, self._places)

    @property
    def guest(self) -> Guest:
        return self._guest

    def process(self, directory: GuestPath) -> Process:
        """A process of the guest, working in `directory`."""
        return self._guest.process(str(directory))

    def filesystem(self, name: str) -> Requirement:
        if self._has_filesystem(name) or (self._load(name) and self._has_filesystem(name)):
            return Requirement(True, "")
        return Requirement(False, f"needs the {name} file system: this kernel ({self.release}) has none")

    def module(self, name: str, purpose: str) -> Requirement:
        if (self._files / "sys/module" / name).is_dir() or self._load(name):
            return Requirement(True, "")
        return Requirement(False, f"needs {purpose}: this kernel has no {name}")

    def command(self, name: str, package: str) -> Requirement:
        for directory in ENVIRONMENT["PATH"].split(":"):
            if (self._files / directory.lstrip("/") / name).exists():
                return Requirement(True, "")
        return Requirement(False, f"needs {name}: this engine root has no {package}")

    def built_with(self, program: str, mark: bytes, lacking: str) -> Requirement:
        try:
            self._guest.run(["sh", "-c", 'grep -qF -- "$2" "$(command -v "$1")"', "sh", program, mark.decode()])
        except ProgramFailed:
            return Requirement(False, lacking)
        return Requirement(True, "")

    def own_kernel(self, what: str) -> Requirement:
        return Requirement(True, "")

    def privilege(self) -> Requirement:
        return Requirement(True, "")

    def facts(self) -> dict[str, Any]:
        """What explains verdicts besides the driver's name."""
        return {
            "release": self.release,
            "upstream": self.upstream,
            "version": self._read("proc/sys/kernel/version").strip(),
            "machine": "x86_64",
            "tainted": self._read("proc/sys/kernel/tainted").strip(),
            "command line": self._read("proc/cmdline").strip(),
            "overlay parameters": self.module_parameters("overlay"),
            "accelerator": self._guest.accelerator.name,
            "deadlines stretched by": self._guest.scale,
        }

    def module_parameters(self, name: str) -> dict[str, str]:
        directory = self._files / "sys/module" / name / "parameters"
        found = {}
        for path in directory.iterdir() if directory.is_dir() else ():
            try:
                found[path.name] = path.read_text().strip()
            except OSError:  # some parameters are write-only
                continue
        return found

    def _has_filesystem(self, name: str) -> bool:
        return name in {line.split()[-1] for line in self._read("proc/filesystems").splitlines()}

    def _load(self, name: str) -> bool:
        """modprobe: whether it is loaded now, or built in."""
        try:
            self._guest.run(["modprobe", name])
        except ProgramFailed:
            return False
        return True

    def _read(self, path: str) -> str:
        try:
            return (self._files / path).read_text()
        except OSError:
            return ""
