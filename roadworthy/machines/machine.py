"""A machine: the kernel that a lane's engine runs on, the programs there, and what lanes need of both."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from roadworthy.versions import series

if TYPE_CHECKING:
    from roadworthy.machines.kernel_log import Log
    from roadworthy.machines.place import Place, PlacePath
    from roadworthy.machines.watchdog import Ends, Watched
    from roadworthy.reasons import MachineLost
    from roadworthy.trees.layers import Entry
    from roadworthy.upkeep.site import Site


@dataclass(frozen=True)
class Requirement:
    """A precondition: whether it is met, and if not, what to do about it.

    `host` is true if the user can provide what is missing (a package, a privilege: `skipped`), and false if this kernel
    or engine lacks it (`unsupported`).
    """

    met: bool
    reason: str
    host: bool = False
    #: The program that is missing, so that a message can name all of them at once.
    program: str = ""


class Machine(ABC):
    """The machine below a lane: this host or a guest."""

    #: The kernel's release, as in uname(2).
    release: str
    #: Whether sending data to it is slow, so that images are compressed, and trees are not compared.
    far: ClassVar[bool] = False
    #: What becomes of a lane on it that cannot be brought back.
    anew: ClassVar[str] = "a new daemon is started on a new disk"
    #: Programs of this host that places and tools on it are made with.
    calls: ClassVar[tuple[str, ...]] = ()
    #: Why times that are measured on it mean nothing elsewhere; empty if they may be published.
    times_withheld: str = ""

    # --- what its kernel and its programs are

    @property
    def kernel(self) -> str:
        """The kernel's series as in ids: `linux6.18`."""
        return f"linux{series(self.release)}"

    @cached_property
    def upstream(self) -> str:
        """The upstream release that the kernel is made from: `6.1.170`, which Debian calls 6.1.0-56."""
        found = re.search(r"\bDebian (\d+(?:\.\d+)+)", self._read("proc/sys/kernel/version"))
        return found[1] if found else self.release

    @abstractmethod
    def filesystem(self, name: str) -> Requirement:
        """Require that the kernel can mount `name`."""

    @abstractmethod
    def module(self, name: str, purpose: str) -> Requirement:
        """Require that the kernel has the module `name`, loaded or built in."""

    @abstractmethod
    def command(self, name: str) -> Requirement:
        """Require that the program `name` is installed."""

    @abstractmethod
    def built_with(self, program: str, mark: bytes, lacking: str) -> Requirement:
        """Require that a program was built with an optional part, so that its file contains `mark`."""

    @abstractmethod
    def own_kernel(self, what: str) -> Requirement:
        """Require that the kernel ends with the run, because no namespace holds `what`, which would outlive it."""

    def disk(self) -> Requirement:
        """Require that a block device can be made of a file; a machine of its own has disks."""
        return Requirement(True, "")

    @abstractmethod
    def privilege(self) -> Requirement:
        """Require root, which mounting and starting a daemon need."""

    def device(self, path: str, major: int, minor: int) -> Requirement:
        """Require that a character device can be opened; a machine of its own makes the devices of its kernel."""
        return Requirement(True, "")

    def user_namespaces(self) -> Requirement:
        """Require that the kernel makes user namespaces, see user_namespaces(7) and namespaces(7)."""
        if not (self._root / "proc/self/ns/user").exists():
            return Requirement(False, "needs user namespaces: this kernel is built without CONFIG_USER_NS")
        if self._read("proc/sys/user/max_user_namespaces").strip() == "0":
            said = "needs user namespaces, of which this kernel allows none: sysctl user.max_user_namespaces=15000"
            return Requirement(False, said, host=True)
        return Requirement(True, "")

    def facts(self) -> dict[str, Any]:
        """Facts that explain verdicts besides the driver's name."""
        return {
            "release": self.release,
            "upstream": self.upstream,
            "version": self._read("proc/sys/kernel/version").strip(),
            "machine": self._read("proc/sys/kernel/arch").strip() or "x86_64",  # kernels before 6.1 have no such file
            "tainted": self._read("proc/sys/kernel/tainted").strip(),
            "command line": self._read("proc/cmdline").strip(),
            "overlay parameters": self.module_parameters("overlay"),
        }

    def module_parameters(self, name: str) -> dict[str, str]:
        """A module's parameters, as `/sys/module/NAME/parameters` shows them."""
        directory = self._root / "sys/module" / name / "parameters"
        found = {}
        for path in sorted(directory.iterdir(), key=str) if directory.is_dir() else []:
            try:
                found[path.name] = path.read_text().strip()
            except OSError:  # some parameters are write-only
                continue
        return found

    # --- what happens on it

    @abstractmethod
    def place(self, site: Site, logged: bool = False) -> Place:
        """Make a place for a daemon; its disk writes down what it is told if it is `logged`. Raises Unsupported."""

    @abstractmethod
    def kernel_log(self) -> Log:
        """The kernel's log from now on."""

    @abstractmethod
    def lay_out(self, tree: Mapping[str, Entry], directory: PlacePath) -> None:
        """Make a tree in a directory of one of its places."""

    @abstractmethod
    def lost(self) -> MachineLost | None:
        """The outcome of a machine that no longer answers; None if it answers."""

    def give_up(self) -> None:
        """End it with all that nobody can end in it, if its kernel is its own; this host goes on."""
        return

    @abstractmethod
    def watched(self, place: Place, lasting: Mapping[str, Ends], end: tuple[str, ...]) -> Watched | None:
        """What the watchdog of this host has to know of an engine in a place, see there. None if it sees nothing."""

    # --- how it is read

    @property
    @abstractmethod
    def _root(self) -> PlacePath:
        """The root directory below which its files are read."""

    def _read(self, path: str) -> str:
        """The text of a file by its path below the root; empty if there is none."""
        try:
            return (self._root / path).read_text()
        except OSError:
            return ""
