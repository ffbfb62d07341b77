"""A kernel's modules tree: the file of each module, what it needs, and the order of loading.

Read from what depmod(8) and the kernel's build leave in lib/modules/RELEASE: modules.dep, modules.builtin,
modules.softdep, modules.alias. Names compare as the kernel compares them, `-` as `_`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from roadworthy.reports.nearest import nearest


class ModuleLacking(Exception):
    """The kernel has no such module; the message names the nearest."""


class Modules:
    """The tree lib/modules/RELEASE of one kernel."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        if not (directory / "modules.dep").is_file():
            raise ModuleLacking(
                f"{directory} has no modules.dep; expected a tree that depmod has seen: "
                f"depmod -b {directory.parents[2] if len(directory.parents) > 2 else directory} {directory.name}"
            )

    @property
    def release(self) -> str:
        """The kernel's release, as `uname -r` prints it."""
        return self.directory.name

    def builtin(self, name: str) -> bool:
        """Whether the kernel has it built in."""
        return canonical(name) in self._builtin

    def has(self, name: str) -> bool:
        """Whether the kernel has it, as a module or built in."""
        return canonical(name) in self._files or self.builtin(name)

    def file(self, name: str) -> Path | None:
        """The module's file; None if it is built in. Raises ModuleLacking."""
        known = canonical(name)
        if known in self._files:
            return self.directory / self._files[known][0]
        if known in self._builtin:
            return None
        near = nearest(known, [*self._files, *self._builtin])
        said = f"; the nearest is {near}" if near else ""
        raise ModuleLacking(f"kernel {self.release} has no module {name}{said}")

    def closure(self, names: Iterable[str]) -> list[Path]:
        """The files to load, in an order in which each finds what it needs; what is built in has no file.

        Raises ModuleLacking for a name that the kernel lacks. Soft dependencies are hints (a cipher that the module
        requests when it is used): those that the kernel lacks are skipped.
        """
        ordered: list[str] = []
        entered: set[str] = set()

        def visit(known: str) -> None:
            if known in entered or known not in self._files:
                return
            entered.add(known)
            before, after = self._soft(known)
            for other in before:
                visit(other)
            # modules.dep names a module's needs from the nearest to the farthest; the farthest is loaded first.
            for needed in reversed(self._files[known][1]):
                visit(canonical(Path(needed).name))
            ordered.append(known)
            for other in after:
                visit(other)

        for name in names:
            self.file(name)
            visit(canonical(name))
        return [self.directory / self._files[known][0] for known in ordered]

    @cached_property
    def _files(self) -> dict[str, tuple[str, list[str]]]:
        """Module name -> its file and the files it needs, relative to the tree."""
        found = {}
        for line in self._lines("modules.dep"):
            path, _, needed = line.partition(":")
            found[canonical(Path(path).name)] = (path, needed.split())
        return found

    @cached_property
    def _builtin(self) -> frozenset[str]:
        return frozenset(canonical(Path(line).name) for line in self._lines("modules.builtin"))

    @cached_property
    def _softdeps(self) -> dict[str, tuple[list[str], list[str]]]:
        found: dict[str, tuple[list[str], list[str]]] = {}
        for line in self._lines("modules.softdep"):
            words = line.split()
            if len(words) < 3 or words[0] != "softdep":
                continue
            before, after = found.setdefault(canonical(words[1]), ([], []))
            into = before
            for word in words[2:]:
                if word in ("pre:", "post:"):
                    into = before if word == "pre:" else after
                else:
                    into.append(word)
        return found

    def _soft(self, known: str) -> tuple[Iterator[str], Iterator[str]]:
        before, after = self._softdeps.get(known, ([], []))
        return self._resolved(before), self._resolved(after)

    def _resolved(self, names: Iterable[str]) -> Iterator[str]:
        """Yield the modules that a soft dependency names, which is a module or an alias of several."""
        for name in names:
            if canonical(name) in self._files:
                yield canonical(name)
            else:
                yield from self._aliases.get(canonical(name), [])

    @cached_property
    def _aliases(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for line in self._lines("modules.alias"):
            words = line.split()
            if len(words) == 3 and words[0] == "alias" and not re.search(r"[*?\[:]", words[1]):
                found.setdefault(canonical(words[1]), []).append(canonical(words[2]))
        return found

    def _lines(self, name: str) -> list[str]:
        path = self.directory / name
        return [line for line in path.read_text().splitlines() if line.strip()] if path.is_file() else []


def canonical(name: str) -> str:
    """A module's name as the kernel knows it: without directory, `.ko` and compression, `-` as `_`."""
    return re.sub(r"\.ko(\.\w+)?$", "", name).replace("-", "_")
