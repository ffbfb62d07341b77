"""A system call as a fault sees it, and the answers that a fault can give.

A fault is a function from a call to an answer. None leaves the call to the kernel, and is not a hit.
"""

# System calls on descriptors and /proc links, not paths of ours.
# ruff: noqa: PTH115
from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass

from roadworthy.mutants.calls import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_FLAGS,
    AT_SYMLINK_NOFOLLOW,
    NOT_FOLLOWED,
    SECOND,
    SUBJECT,
    Where,
)
from roadworthy.mutants.target import Target


@dataclass(frozen=True)
class Value:
    """The call is not made; it returns this."""

    value: int = 0


@dataclass(frozen=True)
class Error:
    """The call is not made; it fails with this errno."""

    errno: int


@dataclass(frozen=True)
class Descriptor:
    """The call is not made; it returns a copy of our descriptor, to be closed on exec or not."""

    descriptor: int
    close_on_exec: bool = False


@dataclass(frozen=True)
class Proceed:
    """Something was done first; now the kernel makes the call as requested."""


Answer = Value | Error | Descriptor | Proceed


@dataclass(frozen=True)
class Opening:
    """The flags and the mode of an open, openat, openat2 or creat."""

    flags: int
    mode: int

    @property
    def writes(self) -> bool:
        return self.flags & os.O_ACCMODE != os.O_RDONLY and not self.flags & os.O_PATH

    @property
    def makes_temporary(self) -> bool:
        return self.flags & os.O_TMPFILE == os.O_TMPFILE


class Call:
    """One waiting call. Its methods raise OSError if its arguments lead nowhere; the kernel then refuses the call."""

    def __init__(self, name: str, arguments: tuple[int, ...], target: Target) -> None:
        self.name = name
        self.arguments = arguments
        self.target = target

    def integer(self, position: int) -> int:
        """An argument of type int."""
        return int(struct.unpack("=i", struct.pack("=I", self.arguments[position] & 0xFFFFFFFF))[0])

    def string(self, position: int) -> str:
        """An argument that points to a string; empty for a null pointer."""
        address = self.arguments[position]
        return self.target.string(address) if address else ""

    @property
    def place(self) -> tuple[int, str]:
        """What the call acts on: a directory descriptor (AT_FDCWD for the working directory) and a path."""
        return self._place(SUBJECT[self.name])

    @property
    def second_place(self) -> tuple[int, str]:
        """The new name of a rename or link."""
        return self._place(SECOND[self.name])

    def _place(self, where: Where) -> tuple[int, str]:
        descriptor, path = where
        return (
            AT_FDCWD if descriptor is None else self.integer(descriptor),
            "" if path is None else self.string(path),
        )

    @property
    def at_flags(self) -> int:
        return self.integer(AT_FLAGS[self.name]) if self.name in AT_FLAGS else 0

    @property
    def follows(self) -> bool:
        """Whether a symbolic link at the end of the path is followed."""
        if self.name in NOT_FOLLOWED:
            return False
        if self.name in ("open", "openat", "openat2"):
            return not self.opening.flags & os.O_NOFOLLOW
        return not self.at_flags & AT_SYMLINK_NOFOLLOW

    def subject(self, flags: int = os.O_PATH, mode: int = 0) -> int:
        """Our descriptor of what the call acts on. Raises OSError."""
        directory, path = self.place
        takes_path = SUBJECT[self.name][1] is not None and self.name != "utimensat"
        if takes_path and not path and not self.at_flags & AT_EMPTY_PATH:
            raise FileNotFoundError
        return self.target.open(directory, path, flags | (0 if self.follows else os.O_NOFOLLOW), mode)

    def inside(self, descriptor: int) -> str:
        """The path of our descriptor, as the container names it."""
        return self.target.within(os.readlink(f"/proc/self/fd/{descriptor}"))

    def name_of(self, place: tuple[int, str]) -> tuple[int, str]:
        """The directory descriptor and the last component of a place."""
        return self.target.parent(*place)

    @property
    def opening(self) -> Opening:
        match self.name:
            case "creat":
                return Opening(os.O_CREAT | os.O_WRONLY | os.O_TRUNC, self.integer(1))
            case "open":
                return Opening(self.integer(1), self.integer(2))
            case "openat":
                return Opening(self.integer(2), self.integer(3))
            case "openat2":
                flags, mode = struct.unpack("=QQ", self.target.read(self.arguments[2], 16))
                return Opening(flags, mode)
        raise ValueError(f"{self.name} opens nothing")

    def opened(self, flags: int) -> Descriptor:
        """Answer an open with what it names, opened by us with other flags and with our rights: see `by_root`."""
        asked = self.opening
        creates = flags & os.O_CREAT or flags & os.O_TMPFILE == os.O_TMPFILE
        descriptor = self.subject(flags, asked.mode & 0o7777 if creates else 0)
        return Descriptor(descriptor, bool(asked.flags & os.O_CLOEXEC))

    @property
    def by_root(self) -> bool:
        """Whether the caller has our rights; a fault must not lend them where permissions are tested."""
        return self.target.user == 0


Fault = Callable[[Call], Answer | None]
FAULTS: dict[str, Fault] = {}


def fault(name: str) -> Callable[[Fault], Fault]:
    """Register a fault under its name in the catalogue."""

    def registered(function: Fault) -> Fault:
        if name in FAULTS:
            raise ValueError(f"two faults are called {name}")
        FAULTS[name] = function
        return function

    return registered
