"""Traces: a program's calls on a tree of files, recorded once, and replayed one by one by the agent.

A trace is a TOML file in workloads/traces: the initial tree, and a line for each call. It has the sizes of files and
not their contents. A mapped file is read instead, and a failed lookup is replayed with access(2), because a refusal of
any other call would end the replay.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from roadworthy.measuring.workloads import DIRECTORY, WorkloadError
from roadworthy.reports.nearest import hint
from roadworthy.trees.layers import Directory, Entry

TRACES = DIRECTORY / "traces"
KEYS = ("promise", "recorded", "changed", "directories", "files", "calls")
#: The calls of a trace: the words after a call's name are paths (p), opened files (f) or numbers (n).
CALLS = {
    "open": "pn", "close": "f", "read": "fn", "pread": "fnn", "write": "fn", "pwrite": "fnn", "lseek": "fnn",
    "fstat": "f", "fsync": "f", "fdatasync": "f", "ftruncate": "fn", "list": "f", "stat": "p", "lstat": "p",
    "missing": "p", "mkdir": "p", "rmdir": "p", "unlink": "p", "rename": "pp", "link": "pp", "chmod": "pn",
    "readlink": "p",
}  # fmt: skip
#: The most bytes of one call, and the most calls of a trace, because a replay is one message to the agent.
MOST_BYTES, MOST_CALLS = 1 << 20, 20_000
#: The buffer size of one getdents(2), in bytes.
LISTING = 32768
#: The modes of new files and directories.
MODES = {"open": 0o644, "mkdir": 0o755}


@dataclass(frozen=True)
class Trace:
    """One trace. `files` has sizes in bytes by path; `changed` is a file that the calls write to or replace."""

    name: str
    promise: str
    recorded: str
    changed: str
    directories: tuple[str, ...]
    files: Mapping[str, int]
    calls: tuple[tuple[str, ...], ...]

    def tree(self, filler: Callable[[int], Entry]) -> dict[str, Entry]:
        """The initial tree; `filler` makes a file of a size."""
        return {**{path: Directory() for path in self.directories},
                **{path: filler(size) for path, size in self.files.items()}}  # fmt: skip

    def rows(self, place: str, filling: bytes) -> list[list[Any]]:
        """The calls as Process.timed takes them, on a tree at `place`; writes use the start of `filling` as data."""
        opened: dict[str, list[int]] = {}
        rows: list[list[Any]] = []
        for call, *words in self.calls:
            if call == "open":
                opened[words[2]] = [len(rows)]
            taken = [
                opened[word] if kind == "f" else f"{place}/{word}" if kind == "p" else int(word)
                for kind, word in zip(CALLS[call], words, strict=False)
            ]
            rows.append(row(call, taken, filling))
        return rows


def row(call: str, words: list[Any], filling: bytes) -> list[Any]:
    """One call in the agent's form."""
    if call in MODES:
        return [call, *words, MODES[call]]
    if call in ("write", "pwrite"):
        return [call, words[0], filling[: words[1]], *words[2:]]
    if call == "list":
        return ["getdents", words[0], LISTING]
    return ["access", words[0], os.F_OK] if call == "missing" else [call, *words]


def load_trace(name: str, directory: Path = TRACES) -> Trace:
    """Load the trace `name`. Raises WorkloadError with the file, the line or key, and the nearest valid word."""
    path = directory / f"{name}.toml"
    if not path.is_file():
        names = sorted(found.stem for found in directory.glob("*.toml"))
        raise WorkloadError(f"{path}: no such trace{hint(name, names)}")
    try:
        found = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as reason:
        raise WorkloadError(f"{path}: {reason}") from None
    for key in found:
        if key not in KEYS:
            raise WorkloadError(f"{path}: unknown key {key!r}{hint(key, KEYS)}")
    for key in KEYS:
        if key not in found:
            raise WorkloadError(f"{path}: has no {key}")
    for file, size in found["files"].items():
        if type(size) is not int or not 0 <= size <= MOST_BYTES:
            raise WorkloadError(f"{path}: {file} has {size!r} bytes; it is a whole number up to {MOST_BYTES}")
    if found["changed"] not in found["files"]:
        raise WorkloadError(f"{path}: changed is {found['changed']!r}; it is one of the files")
    for named in (*found["directories"], *found["files"]):
        refuse_outside(f"{path}", named)
    lines = [(number, tuple(line.split())) for number, line in enumerate(found["calls"].splitlines(), 1) if line]
    if not 0 < len(lines) <= MOST_CALLS:
        raise WorkloadError(f"{path}: has {len(lines)} calls; a trace has 1 to {MOST_CALLS}")
    opened: set[str] = set()
    for number, words in lines:
        check(f"{path}, call {number}", words, opened)
    return Trace(
        name, str(found["promise"]), str(found["recorded"]), found["changed"], tuple(found["directories"]),
        dict(found["files"]), tuple(words for _, words in lines),
    )  # fmt: skip


def check(where: str, words: Sequence[str], opened: set[str]) -> None:
    """Raise WorkloadError for an invalid line; `opened` has the files that are open, and is updated."""
    call, *rest = words
    if call not in CALLS:
        raise WorkloadError(f"{where}: {call!r} is no call{hint(call, list(CALLS))}")
    kinds = CALLS[call] + ("f" if call == "open" else "")
    if len(rest) != len(kinds):
        raise WorkloadError(f"{where}: {call} takes {len(kinds)} words, and here are {len(rest)}")
    for kind, word in zip(kinds, rest, strict=True):
        if kind == "p":
            refuse_outside(where, word)
        elif not word.isdigit() or (kind == "n" and int(word) > MOST_BYTES << 10):
            raise WorkloadError(f"{where}: {word!r} is no number that may stand there")
        elif kind == "f" and call != "open" and word not in opened:
            raise WorkloadError(f"{where}: {word} is not open")
    if call == "open":
        opened.add(rest[2])
    elif call == "close":
        opened.remove(rest[0])
    elif call in ("read", "pread", "write", "pwrite") and int(rest[1]) > MOST_BYTES:
        raise WorkloadError(f"{where}: {rest[1]} bytes are more than {MOST_BYTES}")


def refuse_outside(where: str, path: str) -> None:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or str(pure) != path:
        raise WorkloadError(f"{where}: {path!r} is no path below the trace's tree")
