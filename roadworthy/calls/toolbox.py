"""The toolbox: interpreter, agent, fio and a few programs in one directory, bound read-only into every container.

Volumes bypass the storage driver, so a broken driver cannot break the tools, and the image under test holds nothing but
the trees under test. Everything is started through the toolbox's own dynamic loader with the toolbox's own libraries;
it therefore runs in an image that holds no libraries at all.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import sysconfig
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from roadworthy.calls.inside import INSIDE
from roadworthy.programs import ENVIRONMENT, ProgramFailed, run
from roadworthy.supplies.cache import Cache, CacheEntry

AGENT = Path(__file__).with_name("agent.py")
#: Programs that checks run. The last three may be missing; what needs them says so.
PROGRAMS = ("mv", "cp", "rm", "gzip", "sed", "tar", "find", "grep", "fio", "sqlite3", "strace")


@dataclass(frozen=True)
class Toolbox:
    """A finished toolbox on this host. `loader` is its dynamic loader's file name, `programs` what it holds."""

    directory: Path
    loader: str
    programs: frozenset[str]
    #: Where the cache keeps it; None for one that is not the cache's.
    entry: CacheEntry | None = None

    def held(self) -> AbstractContextManager[object]:
        """Keep it from being pruned while containers have it mounted. Raises CacheFailed, TimeoutError."""
        return self.entry.held() if self.entry else nullcontext()

    def __repr__(self) -> str:
        return f"<toolbox: {', '.join(sorted(self.programs))}>"

    def command(self, program: str, *arguments: str) -> list[str]:
        """The argument list that runs a program of the toolbox inside a container."""
        path = f"{INSIDE}/bin/{program}"
        return [f"{INSIDE}/lib/{self.loader}", "--library-path", f"{INSIDE}/lib", "--argv0", path, path, *arguments]

    def agent(self, *arguments: str) -> list[str]:
        """The argument list that runs the agent inside a container."""
        return self.command("python3", "-I", "-S", "-B", f"{INSIDE}/agent.py", *arguments)


def toolbox(cache: Cache | None = None) -> Toolbox:
    """Return the toolbox for this interpreter and these programs, made once and found again by its sources' digest.

    Raises CacheFailed, TimeoutError, ProgramFailed.
    """
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    found = {name: shutil.which(name, path=ENVIRONMENT["PATH"]) for name in PROGRAMS}
    programs = {name: Path(path).resolve() for name, path in found.items() if path}

    def filled(directory: Path) -> dict[str, str]:
        fill(directory, interpreter, programs)
        return {"python": ".".join(map(str, sys.version_info[:3])), "programs": " ".join(sorted(programs))}

    entry = (cache or Cache()).entry("toolbox", {"sources": digest(interpreter, *programs.values())}, filled)
    loader = next(path.name for path in (entry.path / "lib").iterdir() if re.match(r"ld[-.].*so", path.name))
    return Toolbox(entry.path, loader, frozenset(programs), entry)


def digest(*sources: Path) -> str:
    """A digest of what the toolbox is made from: the agent, this file, and the programs' paths, sizes and times."""
    summed = hashlib.sha256(AGENT.read_bytes() + Path(__file__).read_bytes())
    for source in sources:
        found = source.stat()
        summed.update(f"{source} {found.st_size} {found.st_mtime_ns}\n".encode())
    return summed.hexdigest()[:16]


def fill(target: Path, interpreter: Path, programs: dict[str, Path]) -> None:
    """Copy the interpreter, the programs, the agent and all that they need into an empty directory."""
    library, modules = target / "lib", target / "lib" / Path(sysconfig.get_path("stdlib")).name
    (target / "bin").mkdir()
    (modules / "lib-dynload").mkdir(parents=True)
    binaries = [interpreter, *programs.values()]
    shutil.copy2(interpreter, target / "bin/python3")
    for name, path in programs.items():
        shutil.copy2(path, target / "bin" / name)
    shutil.copy2(AGENT, target / "agent.py")
    homes = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")]
    listed = run([interpreter, "-I", "-S", "-B", AGENT, "--modules"]).split()
    for module in sorted({Path(line).resolve() for line in listed}):
        home = next((home for home in homes if module.is_relative_to(home)), None)
        if home is None:
            continue  # the agent itself
        copy = modules / module.relative_to(home)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(module, copy)
        if module.suffix == ".so":
            binaries.append(module)
    for name, path in sorted(libraries(binaries).items()):
        shutil.copy2(path.resolve(), library / name)


def libraries(binaries: list[Path]) -> dict[str, Path]:
    """The shared libraries that the binaries need, the loader included, by name, as ldd(1) resolves them here."""
    found: dict[str, Path] = {}
    for binary in binaries:
        try:
            listed = run(["ldd", binary])
        except ProgramFailed as reason:
            if "not a dynamic executable" in str(reason):
                continue
            raise
        for line in listed.splitlines():
            resolved = re.search(r"(/\S+) \(0x", line)
            if resolved:
                name = line.split()[0]
                found[Path(name).name] = Path(resolved[1])
    return found


def fio_version() -> str:
    """The output of `fio --version`, or an empty string if fio is not installed or fails."""
    try:
        return run(["fio", "--version"]).strip()
    except ProgramFailed:
        return ""
