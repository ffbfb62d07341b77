"""A machine: the kernel that a lane's engine runs on, with the programs there, and what lanes ask of both."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from roadworthy.machines.kernel_log import Log
from roadworthy.machines.place import Place, PlacePath
from roadworthy.reasons import MachineLost
from roadworthy.trees.layers import Entry
from roadworthy.upkeep.site import Site
from roadworthy.versions import series


@dataclass(frozen=True)
class Requirement:
    """A precondition: whether it is met, and if not, what to do about it. `host` tells a lack that the user can mend

    (a package, a privilege: `skipped`) from one that this kernel or engine simply does not have (`unsupported`).
    """

    met: bool
    reason: str
    host: bool = False


class Machine(ABC):
    """What lanes ask of the machine below them, whether it is this host or a guest."""

    #: The kernel's release, as uname(2) says it.
    release: str
    #: Whether what is sent to it goes a slow way, so that it is packed, and its trees are not compared.
    far: ClassVar[bool] = False
    #: Why times that are measured on it mean nothing to others; empty where they may be published.
    times_withheld: str = ""

    # --- what its kernel and its programs are

    @property
    def kernel(self) -> str:
        """The kernel's series as ids carry it: `linux6.18`."""
        return f"linux{series(self.release)}"

    @cached_property
    def upstream(self) -> str:
        """The upstream release that the kernel is made from: `6.1.170`, where a distribution calls it 6.1.0-56."""
        found = re.search(r"\bDebian (\d+(?:\.\d+)+)", self._read("proc/sys/kernel/version"))
        return found[1] if found else self.release

    @abstractmethod
    def filesystem(self, name: str) -> Requirement:
        """The kernel can mount `name`."""

    @abstractmethod
    def module(self, name: str, purpose: str) -> Requirement:
        """The kernel has module `name`, loaded or built in."""

    @abstractmethod
    def command(self, name: str, package: str) -> Requirement:
        """A program is installed."""

    @abstractmethod
    def built_with(self, program: str, mark: bytes, lacking: str) -> Requirement:
        """An installed program has a part that its packager may have left out: `mark` is somewhere in its file."""

    @abstractmethod
    def own_kernel(self, what: str) -> Requirement:
        """The kernel ends with the run. `what` would outlive it otherwise, for no namespace holds it."""

    @abstractmethod
    def privilege(self) -> Requirement:
        """Root, which mounting and starting a daemon take."""

    def facts(self) -> dict[str, Any]:
        """What explains verdicts besides the driver's name."""
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
    def place(self, site: Site) -> Place:
        """A new place for a daemon."""

    @abstractmethod
    def kernel_log(self) -> Log:
        """The kernel's log from now on."""

    @abstractmethod
    def lay_out(self, tree: Mapping[str, Entry], directory: PlacePath) -> None:
        """Make a tree in a directory of one of its places."""

    @abstractmethod
    def lost(self) -> MachineLost | None:
        """What became of the machine, where it does not answer any more; None where it answers."""

    # --- how it is read

    @property
    @abstractmethod
    def _root(self) -> PlacePath:
        """The directory that its files are read from."""

    def _read(self, path: str) -> str:
        """A file of it, by its path below the root; empty where there is none."""
        try:
            return (self._root / path).read_text()
        except OSError:
            return ""
