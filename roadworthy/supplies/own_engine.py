"""An engine of the user's own, named by its path: what lies there, which engine it is, and what it lacks.

The path is a directory of programs, as Docker's static builds are; a package tree, with the programs at their places
below it; or a root file system, which has a shell and all that a daemon calls. Archives of each are unpacked into the
cache. Programs get tools laid under them, see roadworthy.supplies.laid_over.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadworthy.engine_name import EngineName
from roadworthy.programs import ProgramFailed, run
from roadworthy.supplies.archives import ArchiveRefused, unpack_file_system
from roadworthy.supplies.cache import Cache, CacheEntry
from roadworthy.supplies.elf import elf
from roadworthy.supplies.own_path import absent, contents
from roadworthy.supplies.packages import debian, listed
from roadworthy.versions import version

#: Where a tree has its programs, in the order of PATH, and its libraries.
PROGRAMS = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")
LIBRARIES = ("usr/local/lib", "usr/lib", "lib", "usr/lib64", "lib64")
#: The daemon of each kind of engine, and what has to come with it; one of several words is enough.
ENGINES: Mapping[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "docker": ("dockerd", (("containerd",), ("containerd-shim-runc-v2",), ("runc",))),
    "podman": ("podman", (("conmon",), ("crun", "runc"))),
}
#: The first version of each that can be asked, and the reason. Docker 17.05 brought the option for the data root
#: (moby/moby#28696), Podman 2.0 the service that speaks Docker's API.
FIRST = {
    "docker": ("17.05", "needs API 1.29 and dockerd --data-root, which came with Docker 17.05"),
    "podman": ("2.0", "needs API 1.40, which `podman system service` speaks since Podman 2.0"),
}
#: What a root file system must have: what capsules and backings call, and what a guest does besides.
CALLED = ("sh", "mount", "umount", "losetup", "stat")
CALLED_IN_GUEST = ("python3", "modprobe", "udevadm", "unshare", "nsenter")
#: A label that names kind and series, too.
NAMED = re.compile(r"(docker|podman)(\d+(?:\.\d+)*)")


class EngineUnknown(Exception):
    """A path holds no engine that can be asked; the message says what was expected, or what is missing."""


@dataclass(frozen=True)
class OwnEngine:
    """An engine at a path. `tree` is its directory, `flat` if the programs lie at its top, `root` if it has a shell.

    `programs` are the engine's own, by name. `version` is empty if it could not be asked. `entry` is that of the cache
    which an archive was unpacked to.
    """

    path: Path
    tree: Path
    name: EngineName
    version: str
    flat: bool
    root: bool
    programs: Mapping[str, Path]
    entry: CacheEntry | None = None

    def refuse_incomplete(self, guest: bool) -> None:
        """Raise EngineUnknown for a root file system that lacks what the suite calls in it, on a host or in a guest."""
        if not self.root:
            return  # it gets the suite's tools
        wanted = (*CALLED, *(CALLED_IN_GUEST if guest else ()))
        missing = [name for name in wanted if (found := program(self.tree, name)) is None or found.name == "busybox"]
        if missing:
            packages = list(dict.fromkeys(debian(name) for name in missing))
            raise EngineUnknown(
                f"{self.path} is a root file system without {listed(missing)} (busybox has too few options); "
                f"{listed(packages)} would bring what is missing, or name a directory of the engine's programs alone"
            )


def is_path(word: str) -> bool:
    """Whether a value of --engine is the path of an engine, or a name with one."""
    return os.sep in word or "=" in word or Path(word).exists()


@functools.cache
def own_engine(word: str, cache: Cache | None = None) -> OwnEngine:
    """The engine that PATH or NAME=PATH names. Raises EngineUnknown, and what the cache raises."""
    label, equals, place = word.rpartition("=")
    if equals and not re.fullmatch(r"[A-Za-z][\w.]*", label, re.ASCII):
        raise EngineUnknown(f"{word}: the name before = is letters, digits, dots and underscores, as in docker29.1")
    path = Path(place).absolute()
    if not path.exists():
        raise EngineUnknown(absent(path))
    if path.resolve() == Path("/"):
        raise EngineUnknown("/ is the root of this host, whose engine is --engine=host")
    entry = unpacked(path, cache or Cache())
    tree = entry.path / "tree" if entry else path
    kind, tree, flat = located(path, tree, label)
    daemon, _ = ENGINES[kind]
    found = {name: at for name in named(kind) if (at := program(tree, name, flat)) is not None}
    root = not flat and (tree / "etc").is_dir() and program(tree, "sh") is not None
    refuse_foreign(path, found)
    refuse_lacking(path, kind, found)
    said = asked(path, tree, daemon, found[daemon], root, label)
    wanted = NAMED.fullmatch(label)
    if wanted and said and (wanted[1] != kind or version(said)[: len(version(wanted[2]))] != version(wanted[2])):
        raise EngineUnknown(f"{path} is {kind} {said}, and was named {label}")
    series = ".".join(map(str, version(said)[:2])) if said else wanted[2] if wanted else ""
    first, why = FIRST[kind]
    if version(series) < version(first):
        raise EngineUnknown(f"{path} is {kind} {said or series}, which is too old to ask: the suite {why}")
    return OwnEngine(path, tree, EngineName(kind, series, label), said, flat, root, found, entry)


def unpacked(path: Path, cache: Cache) -> CacheEntry | None:
    """The entry with an archive, or with the packages of a directory, as a `tree`; None for any other directory."""
    if path.is_dir():
        packages = sorted(path.glob("*.deb"))
        if not packages:
            return None
    elif path.is_file():
        packages = [path] if path.suffix == ".deb" else []
    else:
        raise EngineUnknown(f"{path} is neither a directory nor a regular file")

    def fill(directory: Path) -> dict[str, Any]:
        (directory / "tree").mkdir()
        for package in packages:
            run(["dpkg-deb", "--extract", package, directory / "tree"], 300)
        if not packages:
            (directory / "tree").rmdir()
            unpack_file_system(path, directory / "tree")
        return {}

    digests = [digest(one) for one in packages or [path]]
    recipe = {"unpacked": digests, "owners kept": os.geteuid() == 0, "tree": 1}
    try:
        return cache.entry("engine-archive", recipe, fill, label=path.name[:60])
    except (ArchiveRefused, ProgramFailed) as reason:
        raise EngineUnknown(f"{reason}; expected an archive of a root file system, an image or programs") from None


def digest(path: Path) -> str:
    """The SHA-256 of a file's contents."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def located(path: Path, tree: Path, label: str) -> tuple[str, Path, bool]:
    """The kind of the engine, its directory, and whether its programs lie at the top. Raises EngineUnknown."""
    kinds = sorted(ENGINES, key=lambda kind: not label.startswith(kind))
    below = [one for one in sorted(tree.iterdir()) if one.is_dir()]
    for directory in (tree, *(below if len(below) == 1 else ())):  # an archive often has one directory in it
        for kind in kinds:
            for flat in (True, False):
                if program(directory, ENGINES[kind][0], flat):
                    return kind, directory, flat
    raise EngineUnknown(
        f"{path} holds no engine: expected dockerd or podman in it, or in its {listed(PROGRAMS)}; it has "
        f"{contents(tree)}"
    )


def named(kind: str) -> Iterator[str]:
    """The daemon's name, and those of all programs that may come with it."""
    daemon, wanted = ENGINES[kind]
    yield daemon
    for words in wanted:
        yield from words


def program(tree: Path, name: str, flat: bool = False) -> Path | None:
    """The file of a program of a tree, whose links lead to places of the tree; None if it has none."""
    for directory in ("",) if flat else PROGRAMS:
        found = within(tree, f"{directory}/{name}")
        if found is not None and found.is_file():
            return found
    return None


def within(tree: Path, name: str) -> Path | None:
    """A path of a tree with all links followed, as a process sees it whose root the tree is; None if they lead on."""
    at, left, links = tree, [part for part in name.split("/") if part], 0
    while left:
        part = left.pop(0)
        if part == "..":
            at = at if at == tree else at.parent
        elif (here := at / part).is_symlink():
            links += 1
            if links > 40:
                return None
            target = str(here.readlink())
            at = tree if target.startswith("/") else at
            left = [word for word in target.split("/") if word not in ("", ".")] + left
        else:
            at = here
    return at


def refuse_foreign(path: Path, programs: Mapping[str, Path]) -> None:
    """Raise EngineUnknown for a program of another processor, or one that cannot be run."""
    for name, file in programs.items():
        header = elf(file)
        if header and not header.runs_here:
            raise EngineUnknown(f"{path}: {name} is a program for {header.machine}, and this is {os.uname().machine}")
        if not os.access(file, os.X_OK):
            raise EngineUnknown(f"{path}: {name} is not executable: chmod +x {file}")


def refuse_lacking(path: Path, kind: str, programs: Mapping[str, Path]) -> None:
    """Raise EngineUnknown if programs are missing that the daemon calls."""
    daemon, wanted = ENGINES[kind]
    missing = [words for words in wanted if not any(name in programs for name in words)]
    if missing:
        packages = list(dict.fromkeys(debian(words[0]) for words in missing))
        brings = "Docker's static builds have all of them; else " if kind == "docker" else ""
        raise EngineUnknown(
            f"{path} has {daemon}, and lacks {listed([' or '.join(words) for words in missing])}: {brings}"
            f"{listed(packages)} would bring what is missing"
        )


def asked(path: Path, tree: Path, daemon: str, file: Path, root: bool, label: str) -> str:
    """What the daemon says of its version; empty if this host lacks its libraries and `label` names the series.

    A daemon with its own loader is run by that, so that asking needs no privilege. Raises EngineUnknown.
    """
    refusal = "its loader is not there"
    for argv in command_lines(tree, file, root):
        try:
            said = run([*argv, "--version"], 20)
        except ProgramFailed as reason:
            refusal = str(reason).splitlines()[-1].removeprefix(" ".join(argv)).strip()
            continue
        found = re.search(r"version v?(\d+(?:\.\d+)+\S*?),?(?:\s|$)", said)
        if not found:
            raise EngineUnknown(f"{path}: {daemon} --version names no version: {said.strip()[:100] or 'it is silent'}")
        return found[1]
    if NAMED.fullmatch(label) and not root:
        return ""
    advice = "" if root else f"; if its libraries come with the tools, name its series, as in docker28.5={path}"
    raise EngineUnknown(f"{path}: {daemon} does not start on this kernel and host: {refusal}{advice}")


def command_lines(tree: Path, file: Path, root: bool) -> Iterator[list[str]]:
    """The words that may run a program: by the loader that it brings, by this host's with its libraries, or as it is.

    A program of a root file system has the first of these only.
    """
    header = elf(file)
    if header is None or not header.loader:
        yield [str(file)]
        return
    shelves = library_directories(tree)
    brought = [shelf / Path(header.loader).name for shelf in shelves]
    loaders = [within(tree, header.loader)] if root else [*brought, Path(header.loader)]
    libraries = ["--library-path", ":".join(map(str, shelves)), str(file)]
    yield from ([str(loader), *libraries] for loader in loaders if loader and loader.is_file())
    if not root:
        yield [str(file)]


def library_directories(tree: Path) -> list[Path]:
    """The directories of a tree that have libraries: its top, the usual ones, and those of Debian's architectures."""
    found = [tree, *(tree / name for name in LIBRARIES)]
    found += [one for name in LIBRARIES for one in sorted((tree / name).glob("*-linux-*")) if one.is_dir()]
    return [one for one in found if one.is_dir()]
