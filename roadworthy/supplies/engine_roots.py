"""Engine roots: a container engine with all it calls, as a tree of the Debian release that carries it.

One tree serves two uses: chrooted into a capsule on this kernel, or, as an ext4 image, as the root of a guest.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from roadworthy.engine_name import EngineName
from roadworthy.extending.table import Table
from roadworthy.reports.nearest import meant
from roadworthy.stage import Stage, quietly
from roadworthy.supplies.bootstrap import bootstrap
from roadworthy.supplies.cache import Cache, CacheEntry
from roadworthy.supplies.disk_image import ext4_image
from roadworthy.versions import version

#: Packages that every engine's drivers call, and that a guest needs: devices, modules, network, agent, fio.
COMMON = (
    "fuse-overlayfs", "e2fsprogs", "xfsprogs", "btrfs-progs", "erofs-utils", "dmsetup", "lvm2",
    "thin-provisioning-tools", "udev", "kmod", "iproute2", "python3", "fio",
)  # fmt: skip
DOCKER = ("docker.io", "containerd", "runc")
PODMAN = ("podman", "crun", "conmon")
#: Debian 12's crun raises a resource limit, which needs a capability that not every root has; runc works without it.
PODMAN_WITH_RUNC = ("podman", "runc", "conmon")
#: What Podman 6 needs in the versions that came with it.
PODMAN_6 = (*PODMAN, "netavark", "golang-github-containers-common")
#: Bytes free in an image, for guests that write to the disk itself; a hole until then.
SPARE = 256 << 20
#: Added by NAME+zfs: the tools are in contrib, and useful only if the kernel has the module.
ZFS = ("zfsutils-linux",)
#: Added by NAME+rootless: what starts a daemon as an ordinary user, and gives it subordinate ids.
ROOTLESS = ("rootlesskit", "uidmap", "slirp4netns")
#: What follows the plus of a root's name, with the components and the packages that it adds; and that of no plus.
EXTRAS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "zfs": (("main", "contrib"), ZFS), "rootless": (("main",), ROOTLESS),
}  # fmt: skip
PLAIN: tuple[tuple[str, ...], tuple[str, ...]] = (("main",), ())
#: The root without an engine, under programs that a user names by their path, and the suite that carries it.
TOOLS, TOOLS_SUITE = "tools", "trixie"


class Recipe(NamedTuple):
    """The suite that carries an engine, and its packages; the first is the engine."""

    suite: str
    packages: tuple[str, ...]


def recipe(name: str, value: object) -> Recipe:
    """The recipe of an engine root that another distribution adds. Raises ValueError."""
    if not isinstance(value, Recipe):
        raise ValueError(f"expected a Recipe, got {value!r}")
    if not version(EngineName.of_root(name).release):
        raise ValueError(f"an engine root is called KIND-SERIES, as docker-28.5, not {name!r}")
    return value


OWN = {
    "docker-20.10": Recipe("bookworm", DOCKER),
    "docker-20.10-bullseye": Recipe("bullseye", DOCKER),
    "docker-26.1": Recipe("trixie", DOCKER),
    "docker-28.5": Recipe("forky", DOCKER),
    "podman-4.3": Recipe("bookworm", PODMAN_WITH_RUNC),
    "podman-5": Recipe("trixie", PODMAN),
    "podman-5.8": Recipe("forky", PODMAN),
    "podman-6.1": Recipe("experimental", PODMAN_6),
}
#: The recipes of engine roots by name.
ENGINES: Mapping[str, Recipe] = Table("engine_roots", OWN, recipe)


class UnknownEngine(Exception):
    """No engine root has this name; the message names the nearest."""


class Root(Protocol):
    """A tree that daemons see as their root, in the cache or where a user has it."""

    @property
    def name(self) -> str: ...
    @property
    def tree(self) -> Path: ...
    @property
    def recipe(self) -> Mapping[str, Any]:
        """What it is, for the recipe of an image of it."""
        ...

    @property
    def own(self) -> bool:
        """Whether a user has brought it, and can complete it."""
        ...

    def held(self) -> AbstractContextManager[object]:
        """Keep it from being pruned while the block runs."""
        ...


class WrongEngine(Exception):
    """The suite now carries another version of the engine than the root's name says."""


@dataclass(frozen=True)
class RootSpec:
    """What an engine root is made from. `series` is the version that its name promises."""

    name: str
    suite: str
    components: tuple[str, ...]
    packages: tuple[str, ...]
    series: str

    def values(self) -> dict[str, Any]:
        """Its recipe in the cache. `tree` is the version of what bootstrap() makes of the packages."""
        return {
            "suite": self.suite,
            "components": list(self.components),
            "packages": list(self.packages),
            "machine": platform.machine(),
            "tree": 1,
        }


@dataclass(frozen=True)
class EngineRoot:
    """An engine root in the cache. `tree` is its directory, `packages` the exact version of each package in it."""

    name: str
    tree: Path
    version: str
    packages: Mapping[str, str]
    entry: CacheEntry
    own: bool = False

    @property
    def recipe(self) -> Mapping[str, Any]:
        """Its recipe and when it was made: one that is made again is another, as its packages may be newer."""
        return {"root": self.entry.recipe, "made": self.entry.made}

    def held(self) -> AbstractContextManager[object]:
        """Keep it from being pruned while the block runs. Raises CacheFailed if it is removed already."""
        return self.entry.held()

    def facts(self) -> dict[str, str]:
        """Facts for a run's record: the suite, and the exact versions of the packages asked for."""
        asked = self.entry.recipe["packages"]
        return {"suite": self.entry.recipe["suite"], **{name: self.packages[name] for name in asked}}


def newest(kind: str, after: tuple[int, ...] | None = None) -> str:
    """The name of the engine root that has the newest series of a kind of engine, as `docker`.

    With `after`, the newest that reads the data root of this series on a machine that goes on running: Podman 6 refuses
    the BoltDB in which Podman 4 kept its containers until the next start, and moves it to SQLite then.
    """
    names = [name for name in ENGINES if EngineName.of_root(name).kind == kind]
    if kind == "podman" and after is not None and after < (5,):
        names = [name for name in names if series_of(name) < (6,)]
    return max(names, key=series_of)


def series_of(name: str) -> tuple[int, ...]:
    """The series of an engine root as numbers that can be compared."""
    return version(EngineName.of_root(name).release)


def root_spec(name: str) -> RootSpec:
    """The spec of `docker-20.10` or, with an extra, of `docker-20.10+zfs`. Raises UnknownEngine."""
    base, plus, extra = name.partition("+")
    if base == TOOLS:
        components, added = (("main", "contrib"), ZFS) if plus else (("main",), ())
        return RootSpec(name, TOOLS_SUITE, components, (*COMMON, *added), "")
    if base not in ENGINES or (plus and extra not in EXTRAS):
        near = meant(name, [*ENGINES, *(f"{known}+{more}" for known in ENGINES for more in EXTRAS)]) or "."
        also = " and ".join(f"NAME+{more}" for more in EXTRAS)
        raise UnknownEngine(f"no engine root {name}{near} Known: {', '.join(ENGINES)}, each also as {also}")
    suite, packages = ENGINES[base]
    parts, more = EXTRAS.get(extra, PLAIN)
    return RootSpec(name, suite, parts, (*packages, *COMMON, *more), EngineName.of_root(base).release)


def engine_root(
    name: str, cache: Cache | None = None, *, accept_expired: bool = False, stage: Stage = quietly
) -> EngineRoot:
    """The engine root of this name, made if it is not in the cache: about a minute, 150 MB fetched, 500 MB kept.

    Raises UnknownEngine, WrongEngine, AptFailed or BootstrapFailed.
    """
    wanted = root_spec(name)

    def fill(directory: Path) -> dict[str, Any]:
        found = bootstrap(
            wanted.suite, wanted.packages, directory / "tree",
            components=wanted.components, accept_expired=accept_expired, stage=stage,
        )  # fmt: skip
        if wanted.series:
            check_version(wanted, found[wanted.packages[0]])
        return {"packages": found}

    return opened(name, (cache or Cache()).entry("engine-root", wanted.values(), fill, label=name, stage=stage))


def engine_image(root: Root, cache: Cache | None = None, *, stage: Stage = quietly) -> CacheEntry:
    """The root as an ext4 image, `root.ext4` in the entry, which takes seconds to make."""

    def fill(directory: Path) -> dict[str, Any]:
        with root.held():
            ext4_image(root.tree, directory / "root.ext4", "root", SPARE)
        return {"made from": root.name}

    return (cache or Cache()).entry("engine-image", image_recipe(root), fill, label=root.name, stage=stage)


def image_recipe(root: Root) -> dict[str, Any]:
    """The recipe of a root's image."""
    return {**root.recipe, "image": 2}


def cached_image(root: Root, cache: Cache | None = None) -> CacheEntry | None:
    """The root's image if it is in the cache."""
    return (cache or Cache()).find("engine-image", image_recipe(root), label=root.name)


def cached_root(name: str, cache: Cache | None = None) -> EngineRoot | None:
    """The engine root of this name if it is in the cache. Raises UnknownEngine."""
    found = (cache or Cache()).find("engine-root", root_spec(name).values(), label=name)
    return opened(name, found) if found else None


def opened(name: str, entry: CacheEntry) -> EngineRoot:
    packages = entry.facts["packages"]
    return EngineRoot(name, entry.path / "tree", packages[root_spec(name).packages[0]], packages, entry)


def check_version(wanted: RootSpec, version: str) -> None:
    """Raise WrongEngine if the suite has moved on from the version that the root's name promises."""
    if not re.match(rf"(?:\d+:)?{re.escape(wanted.series)}(?!\d)", version):
        package = wanted.packages[0]
        raise WrongEngine(f"{wanted.suite} carries {package} {version} now, {wanted.name} needs {wanted.series}")
