"""This host's kernel with another engine: daemons run in capsules whose root is an engine root."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from roadworthy.machines.host import RunningKernel
from roadworthy.machines.machine import Requirement
from roadworthy.programs import ENVIRONMENT
from roadworthy.supplies.engine_roots import Root
from roadworthy.supplies.packages import debian


class RootedHost(RunningKernel):
    """The running kernel, and the programs of an engine root, which only the user who brought it can complete."""

    def __init__(self, root: Root) -> None:
        super().__init__()
        self.engine_root = root
        self._tree = root.tree

    def command(self, name: str) -> Requirement:
        if self._program(name) is not None:
            return Requirement(True, "")
        said = f"needs {name}: the engine root {self.engine_root.name} has no {debian(name)}"
        return Requirement(False, said, host=self.engine_root.own)

    def _program(self, name: str) -> Path | None:
        directories = [Path(word).relative_to("/") for word in ENVIRONMENT["PATH"].split(":")]
        places = [self.engine_root.tree / directory / name for directory in directories]
        return next((place for place in places if place.exists()), None)

    def facts(self) -> dict[str, Any]:
        brought = " by its path" if self.engine_root.own else ""
        return {**super().facts(), "engine root": f"{self.engine_root.name}{brought}"}
