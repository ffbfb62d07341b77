"""A guest as the machine of a lane: its kernel and its programs, all of them ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadworthy.calls.preparation import lay_out_through
from roadworthy.guests.capsule import GuestCapsule
from roadworthy.guests.guest import Guest
from roadworthy.guests.log import GuestKernelLog
from roadworthy.guests.path import GuestPath
from roadworthy.machines.machine import Machine, Requirement
from roadworthy.machines.place import Place, PlacePath
from roadworthy.machines.watchdog import Ends, Watched
from roadworthy.programs import ENVIRONMENT, ProgramFailed
from roadworthy.reasons import MachineLost
from roadworthy.supplies.packages import debian
from roadworthy.trees.layers import Entry
from roadworthy.upkeep.site import Site


class GuestMachine(Machine):
    """The machine of a guest, whose root and kernel are ours, so that the user cannot provide what it lacks.

    A module is loaded when it is required, and what is missing then is `unsupported`.
    """

    far = True
    anew = "the guest is powered off, and another one is booted"

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self._places = 0
        self._files = guest.path("/")
        if guest.accelerator.name == "tcg":
            self.times_withheld = "measured under emulation: counters are exact, times are not those of any machine"
        self.release = self._read("proc/sys/kernel/osrelease").strip()

    @property
    def _root(self) -> GuestPath:
        return self._files

    def filesystem(self, name: str) -> Requirement:
        if self._has_filesystem(name) or (self._load(name) and self._has_filesystem(name)):
            return Requirement(True, "")
        return Requirement(False, f"needs the {name} file system: this kernel ({self.release}) has none")

    def module(self, name: str, purpose: str) -> Requirement:
        if (self._files / "sys/module" / name).is_dir() or self._load(name):
            return Requirement(True, "")
        return Requirement(False, f"needs {purpose}: this kernel has no {name}")

    def command(self, name: str) -> Requirement:
        for directory in ENVIRONMENT["PATH"].split(":"):
            if (self._files / directory.lstrip("/") / name).exists():
                return Requirement(True, "")
        return Requirement(False, f"needs {name}: this engine root has no {debian(name)}")

    def built_with(self, program: str, mark: bytes, lacking: str) -> Requirement:
        try:
            self.guest.run(["sh", "-c", 'grep -qF -- "$2" "$(command -v "$1")"', "sh", program, mark.decode()])
        except ProgramFailed:
            return Requirement(False, lacking)
        return Requirement(True, "")

    def own_kernel(self, what: str) -> Requirement:
        return Requirement(True, "")

    def privilege(self) -> Requirement:
        return Requirement(True, "")

    def facts(self) -> dict[str, Any]:
        return {
            **super().facts(),
            "accelerator": self.guest.accelerator.name,
            "deadlines stretched by": self.guest.scale,
        }

    def place(self, site: Site, logged: bool = False) -> Place:
        """Make a place for a daemon: a capsule inside the guest."""
        self._places += 1
        image, _ = site.next()
        return GuestCapsule(self.guest, self._places, image, site.ledger, logged)

    def kernel_log(self) -> GuestKernelLog:
        return self.guest.kernel_log()

    def lay_out(self, tree: Mapping[str, Entry], directory: PlacePath) -> None:
        process = self.guest.process(str(directory))
        try:
            lay_out_through(process, tree)
        finally:
            process.leave()  # its working directory would hold the file system

    def lost(self) -> MachineLost | None:
        return None if self.guest.answers() else MachineLost(*self.guest.diagnose())

    def give_up(self) -> None:
        """Power the guest off. What is closed after it finds that nobody answers."""
        self.guest.close()

    def watched(self, place: Place, lasting: Mapping[str, Ends], end: tuple[str, ...]) -> Watched:
        """The virtual machine itself: what runs in it, nobody else can kill or stop."""
        return self.guest.watched()

    def _has_filesystem(self, name: str) -> bool:
        return name in {line.split()[-1] for line in self._read("proc/filesystems").splitlines()}

    def _load(self, name: str) -> bool:
        """modprobe(8) of a module: whether it is loaded now, or built in."""
        try:
            self.guest.run(["modprobe", name])
        except ProgramFailed:
            return False
        return True
