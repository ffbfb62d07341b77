"""The root of an engine that a user names by its path: the user's own, or the engine's programs over the suite's tools.

A library that the tools have stays theirs, because every other program of the root calls it. One that they lack comes
from the path, or is named.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadworthy.programs import ProgramFailed, run
from roadworthy.stage import Stage, quietly
from roadworthy.supplies.bootstrap import confined
from roadworthy.supplies.cache import Cache
from roadworthy.supplies.elf import elf
from roadworthy.supplies.engine_roots import TOOLS, EngineRoot, Root, engine_root
from roadworthy.supplies.own_engine import EngineUnknown, OwnEngine, digest, program, within
from roadworthy.supplies.packages import listed

#: Where programs and libraries that lie at the top of a directory go; no package of the tools has files there.
PROGRAMS, LIBRARIES = "usr/local/bin", "usr/local/lib"
#: Programs that Podman looks for in a directory of its own, and that directory.
HELPERS, HELPERS_PLACE = ("netavark", "aardvark-dns", "catatonit", "rootlessport"), "usr/local/libexec/podman"
#: Without this file Podman loads no image; Debian ships it beside Podman, with this in it.
POLICY, ANYTHING = "etc/containers/policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}\n'
#: Directories of a package tree that a running system fills.
NOT_LAID = ("dev", "proc", "run", "sys", "tmp")


@dataclass(frozen=True)
class OwnRoot:
    """A user's root file system, used where it lies."""

    engine: OwnEngine
    own: bool = True

    @property
    def name(self) -> str:
        return str(self.engine.name)

    @property
    def tree(self) -> Path:
        return self.engine.tree

    @property
    def recipe(self) -> Mapping[str, Any]:
        """A digest of what lies in it: names, sizes and times of all files."""
        summed = hashlib.sha256()
        for path in sorted(self.tree.rglob("*")):
            found = path.lstat()
            told = f"{path.relative_to(self.tree)} {found.st_mode} {found.st_size} {found.st_mtime_ns}\n"
            summed.update(told.encode(errors="surrogateescape"))
        return {"own root": summed.hexdigest()}

    def held(self) -> AbstractContextManager[object]:
        entry = self.engine.entry
        return entry.held() if entry else nullcontext()


def own_root(
    engine: OwnEngine, zfs: bool = False, cache: Cache | None = None, *, accept_expired: bool = False,
    stage: Stage = quietly,
) -> Root:  # fmt: skip
    """The root that daemons of this engine see, with the tools of ZFS if they are needed.

    Raises EngineUnknown for libraries that are nowhere, and what engine_root raises.
    """
    if engine.root:
        return OwnRoot(engine)
    shelf = cache or Cache()
    tools = engine_root(f"{TOOLS}+zfs" if zfs else TOOLS, shelf, accept_expired=accept_expired, stage=stage)
    laid = dict(sorted(places(engine)))
    summed = {place: str(file.readlink()) if file.is_symlink() else digest(file) for place, file in laid.items()}
    recipe = {**tools.recipe, "laid": summed, "tree": 2}

    def fill(directory: Path) -> dict[str, Any]:
        tree = directory / "tree"
        # Hard links: nothing writes to a tree of the cache, and what is laid over a file replaces its name.
        run(["cp", "--archive", "--link", tools.tree, tree], 300)
        for place, file in laid.items():
            lay(file, tree, place)
        if engine.name.kind == "podman" and not (tree / POLICY).exists():
            (tree / POLICY).parent.mkdir(parents=True, exist_ok=True)
            (tree / POLICY).write_text(ANYTHING)
        run(confined(["ldconfig"], root=tree))
        refuse_unlinked(engine, tree)
        return {"packages": dict(tools.packages), "version": engine.version}

    with tools.held():
        entry = shelf.entry("engine-root", recipe, fill, label=str(engine.name), stage=stage)
    return EngineRoot(str(engine.name), entry.path / "tree", engine.version, tools.packages, entry, own=True)


def places(engine: OwnEngine) -> Iterator[tuple[str, Path]]:
    """Each file of the engine, with the path that it gets in the root."""
    top = engine.tree
    if not engine.flat:
        for directory, names, files in os.walk(top):
            here = Path(directory).relative_to(top)
            names[:] = [name for name in names if not (here == Path() and name in NOT_LAID)]
            found = {str(here / name): top / here / name for name in [*files, *names]}
            yield from ((place, file) for place, file in found.items() if file.is_symlink() or file.is_file())
        return
    for file in sorted(top.iterdir()):
        if file.is_file() and os.access(file, os.X_OK) and ".so" not in file.name:
            yield f"{HELPERS_PLACE if file.name in HELPERS else PROGRAMS}/{file.name}", file.resolve()
    for shelf in (top, top / "lib", top / "lib64"):
        for file in sorted(shelf.glob("*.so*")):
            yield f"{LIBRARIES}/{file.name}", file.resolve()


def lay(file: Path, tree: Path, place: str) -> None:
    """Copy a file or link to its place in the tree, whose own links are followed. A library that is there stays."""
    name = Path(place).name
    if ".so" in name and any((tree / at / name).is_file() for at in libraries(tree)):
        return
    parent = within(tree, str(Path(place).parent))
    if parent is None:
        raise EngineUnknown(f"{place} lies behind links that lead on and on")
    parent.mkdir(parents=True, exist_ok=True)
    target = parent / name
    if target.is_dir() and not target.is_symlink():
        return  # a link to a directory, where the tools have the directory itself
    target.unlink(missing_ok=True)
    shutil.copy2(file, target, follow_symlinks=False)


def libraries(tree: Path) -> list[str]:
    """The directories of a Debian tree that the loader looks into."""
    return ["usr/lib", *(f"usr/lib/{found.name}" for found in (tree / "usr/lib").glob("*-linux-gnu*"))]


def refuse_unlinked(engine: OwnEngine, tree: Path) -> None:
    """Raise EngineUnknown for libraries, and versions of them, that the engine's programs do not find in the root."""
    missing: dict[str, None] = {}
    for name in engine.programs:
        file = program(tree, name)
        header = elf(file) if file else None
        if file is None or header is None or not header.loader:
            continue
        loader = within(tree, header.loader)
        if loader is None or not loader.is_file():
            raise EngineUnknown(
                f"{engine.path}: {name} needs the loader {header.loader}, which the suite's tools lack: bring a static "
                f"build, or a root file system with its libc"
            )
        try:
            said = run(confined(["ldd", f"/{file.relative_to(tree)}"], root=tree))
        except ProgramFailed as reason:
            said = str(reason)
        found = re.findall(r"(\S+) => not found|version `([^']+)' not found", said)
        missing.update({f"{first or second} (for {name})": None for first, second in found})
    if missing:
        raise EngineUnknown(
            f"{engine.path} needs {listed(list(missing))}, which neither it nor the suite's tools have: put the "
            f"libraries into its lib directory"
        )
