"""The vocabulary: system calls as values, which can be drawn, sent, shrunk, shown and written down.

A slot of a process names a descriptor or a mapping, so that an operation means the same although the numbers and
addresses of the two sides differ. An operation on an empty slot is not made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from roadworthy import linux
from roadworthy.linux import open_flags

#: The names of the processes. The third one is an ordinary user's.
PROCESSES = "ABC"
USER = 1000


@dataclass(frozen=True)
class Operation:
    """One call of one process. `slot` is the descriptor that it works on, `into` the slot for what it makes."""

    process: int
    name: str
    arguments: tuple[Any, ...] = ()
    slot: int | None = None
    into: int | None = None

    @property
    def form(self) -> Form:
        return FORMS[self.name]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths among its arguments, the source first."""
        return tuple(self.arguments[place] for place in self.form.paths)

    def __str__(self) -> str:
        words = [self.held] if self.held else []
        words += [shown(self, value) for value in self.arguments]
        made = f"{self.made} = " if self.made else ""
        return f"{PROCESSES[self.process]}: {made}{self.name}({', '.join(words)})"

    @property
    def held(self) -> str:
        """A variable for the slot that it works on: `a0` for a descriptor of the first process, `bm0` for a mapping."""
        kind = "m" if self.form.on_mapping else ""
        return "" if self.slot is None else f"{PROCESSES[self.process].lower()}{kind}{self.slot}"

    @property
    def made(self) -> str:
        """A variable for the slot of what it makes."""
        kind = "m" if self.form.makes == "mapping" else ""
        return "" if self.into is None else f"{PROCESSES[self.process].lower()}{kind}{self.into}"

    def as_json(self) -> list[Any]:
        """The operation as an explorer.jsonl carries it."""
        values = [{"bytes": value.decode()} if isinstance(value, bytes) else value for value in self.arguments]
        return [self.process, self.name, values, self.slot, self.into]


def from_json(found: list[Any]) -> Operation:
    """The operation that `as_json` wrote. Raises ValueError."""
    try:
        process, name, values, slot, into = found
        FORMS[name], PROCESSES[process]
    except (TypeError, ValueError, KeyError, IndexError):
        raise ValueError(f"{found!r} is not an operation") from None
    arguments = tuple(value["bytes"].encode() if isinstance(value, dict) else value for value in values)
    return Operation(process, name, arguments, slot, into)


def shown(operation: Operation, value: Any) -> str:
    """An argument in readable form: flags by name, modes in octal."""
    if operation.name in ("open", "reopen") and value is operation.arguments[-1]:
        return open_flags(value)
    if operation.name in ("chmod", "fchmod", "mkdir") and isinstance(value, int):
        return f"0{value:o}"
    return repr(value)


Request = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Form:
    """The operations of one name: the agent's call behind them, and the meaning of their arguments.

    `paths` are the places of paths among the arguments; `follows` is true if a symbolic link at the end is followed.
    """

    request: Callable[..., Request]
    paths: tuple[int, ...] = ()
    follows: bool = False
    on_descriptor: bool = False
    on_mapping: bool = False
    makes: str = ""
    #: Whether it only reads, so that the trees are still the same after two different answers.
    looks: bool = False


def of_path(
    call: str, *, paths: tuple[int, ...] = (0,), follows: bool = False, looks: bool = False, **more: Any
) -> Form:
    """A call that takes its arguments as they are, followed by those of `more`."""
    return Form(lambda *given: (call, (*given, *more.values())), paths, follows, looks=looks)


def of_descriptor(call: str, *, looks: bool = False, **more: Any) -> Form:
    return Form(lambda fd, *given: (call, (fd, *given, *more.values())), on_descriptor=True, looks=looks)


def through_proc(fd: int) -> str:
    """The name of an open file, see proc_pid_fd(5)."""
    return f"/proc/self/fd/{fd}"


PAGE = 4096
F_DUPFD = 0

FORMS: Mapping[str, Form] = {
    "open": Form(lambda path, flags: ("open", (path, flags, 0o644)), (0,), True, makes="descriptor"),
    "tmpfile": Form(lambda path: ("open", (path, os.O_RDWR | linux.O_TMPFILE, 0o644)), (0,), True, makes="descriptor"),
    "reopen": Form(
        lambda fd, flags: ("open", (through_proc(fd), flags, 0o644)), on_descriptor=True, makes="descriptor"
    ),
    "dup": Form(lambda fd: ("fcntl", (fd, F_DUPFD, 0)), on_descriptor=True, makes="descriptor"),
    "close": of_descriptor("close"),
    "read": of_descriptor("read", looks=True),
    "pread": of_descriptor("pread", looks=True),
    "write": of_descriptor("write"),
    "pwrite": of_descriptor("pwrite"),
    "lseek": of_descriptor("lseek", looks=True),
    "ftruncate": of_descriptor("ftruncate"),
    "fallocate": of_descriptor("fallocate"),
    "fsync": of_descriptor("fsync"),
    "fstat": of_descriptor("fstat", looks=True),
    "fchmod": of_descriptor("fchmod"),
    "fchown": of_descriptor("chown"),
    "futimens": of_descriptor("futimens"),
    "fsetxattr": of_descriptor("setxattr", follow=True),
    "linkfd": Form(
        lambda fd, path: ("linkat", (through_proc(fd), path, linux.AT_SYMLINK_FOLLOW)), (0,), on_descriptor=True
    ),
    "map": Form(
        lambda fd, writable: (
            "mmap", (fd, PAGE, linux.PROT_READ | (linux.PROT_WRITE if writable else 0), linux.MAP_SHARED)
        ),
        on_descriptor=True, makes="mapping",
    ),
    "peek": Form(lambda address, length: ("peek", (address, length)), on_mapping=True, looks=True),
    "poke": Form(lambda address, data: ("poke", (address, data)), on_mapping=True),
    "unmap": Form(lambda address: ("munmap", (address, PAGE)), on_mapping=True),
    "stat": of_path("stat", follows=True, looks=True),
    "lstat": of_path("lstat", looks=True),
    "load": of_path("load", follows=True, looks=True),
    "readlink": of_path("readlink", looks=True),
    "listdir": of_path("listdir", follows=True, looks=True),
    "getxattr": of_path("getxattr", follows=True, looks=True, follow=True),
    "listxattr": of_path("listxattr", follows=True, looks=True, follow=True),
    "truncate": of_path("truncate", follows=True),
    "chmod": of_path("chmod", follows=True),
    "chown": of_path("chown", follows=True),
    "lchown": of_path("lchown"),
    "utimens": of_path("utimens", follows=True, follow=True),
    "lutimens": of_path("utimens", follow=False),
    "setxattr": of_path("setxattr", follows=True, follow=True),
    "removexattr": of_path("removexattr", follows=True, follow=True),
    "mkdir": of_path("mkdir"),
    "rmdir": of_path("rmdir"),
    "unlink": of_path("unlink"),
    "symlink": of_path("symlink", paths=(1,)),
    "link": of_path("link", paths=(0, 1)),
    "rename": of_path("rename", paths=(0, 1)),
    "noreplace": Form(lambda old, new: ("renameat2", (old, new, linux.RENAME_NOREPLACE)), (0, 1)),
    "exchange": Form(lambda old, new: ("renameat2", (old, new, linux.RENAME_EXCHANGE)), (0, 1)),
}  # fmt: skip


@dataclass(frozen=True)
class Sequence:
    """Operations on a fresh tree. An attentive sequence looks at what it touched after every step.

    A look can change what follows, because the kernel caches what it looked up; other sequences look at the end only.
    """

    attentive: bool
    operations: tuple[Operation, ...]

    def without(self, position: int) -> Sequence:
        """The sequence without the operation at `position`."""
        return Sequence(self.attentive, self.operations[:position] + self.operations[position + 1 :])

    def as_json(self) -> dict[str, Any]:
        return {"attentive": self.attentive, "operations": [operation.as_json() for operation in self.operations]}


def sequence_from_json(found: Any) -> Sequence:
    """The sequence that `as_json` wrote. Raises ValueError."""
    try:
        return Sequence(bool(found["attentive"]), tuple(from_json(line) for line in found["operations"]))
    except (TypeError, KeyError):
        raise ValueError("a sequence is an object with `attentive` and `operations`") from None
