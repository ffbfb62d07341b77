"""This host's kernel with another engine: daemons run in capsules whose root is an engine root."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from roadworthy.machines.host import RunningKernel
from roadworthy.machines.machine import Requirement
from roadworthy.programs import ENVIRONMENT
from roadworthy.supplies.engine_roots import EngineRoot
from roadworthy.supplies.packages import debian


class RootedHost(RunningKernel):
    """The running kernel, and the programs of an engine root, which the user cannot complete."""

    def __init__(self, root: EngineRoot) -> None:
        super().__init__()
        self.engine_root = root
        self._tree = root.tree

    def command(self, name: str) -> Requirement:
        if self._program(name) is not None:
            return Requirement(True, "")
        return Requirement(False, f"needs {name}: the engine root {self.engine_root.name} has no {debian(name)}")

    def _program(self, name: str) -> Path | None:
        directories = [Path(word).relative_to("/") for word in ENVIRONMENT["PATH"].split(":")]
        places = [self.engine_root.tree / directory / name for directory in directories]
        return next((place for place in places if place.exists()), None)

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "engine root": self.engine_root.name}
