"""A service whose interpreter lies in an image too: all that it takes to answer, it reads there.

Programs that check or measure come from the toolbox, which no storage driver has a hand in. What a user waits for after
a start is the reading of the service's own files, so that here the same interpreter and libraries are files of a tree.
"""

from __future__ import annotations

from pathlib import Path

from roadworthy.calls.toolbox import Toolbox, libraries
from roadworthy.trees.layers import Directory, Entry, File

#: It does what its kind is, then repeats a line that it reads, and goes on until nobody writes to it any more.
PROGRAM = b"""
import os, sys
kind, home = sys.argv[1:]
if kind == "modules":
    sys.path.append(home + "/modules")
    for number in range(200):
        __import__("m%d" % number)
elif kind == "data":
    with open(home + "/data", "rb", buffering=0) as file:
        while file.read(1 << 20):
            pass
elif kind == "state":
    with open(home + "/state", "r+b", buffering=0) as file:
        file.write(b"%d" % os.getpid())
    with open(home + "/pid", "w") as file:
        file.write(str(os.getpid()))
sys.stdout.write(sys.stdin.readline())
sys.stdout.flush()
sys.stdin.read()
"""
MODULE = b"def answer(word, times=%d):\n    return [word] * times\n\n\nWORDS = {name: len(name) for name in dir()}\n"
#: What it does before it answers, by what that is called.
KINDS = {"alone": "", "200 modules": "modules", "32 MiB of data": "data", "a state of 8 MiB": "state"}


def service_tree(toolbox: Toolbox, data: File, state: File) -> dict[str, Entry]:
    """Interpreter, libraries, program and what it reads; `data` and `state` are its large files."""
    directory = toolbox.directory
    modules = next(path for path in (directory / "lib").iterdir() if path.is_dir())
    extensions = sorted(modules.rglob("*.so"))
    names = {toolbox.loader, *libraries([directory / "bin/python3", *extensions])}
    files = [directory / "bin/python3", *sorted(modules.rglob("*"))]
    files += [path for name in sorted(names) if (path := directory / "lib" / name).is_file()]
    found: dict[str, Entry] = {name: Directory() for name in ("bin", "lib", f"lib/{modules.name}", "modules")}
    for path in files:
        found[str(path.relative_to(directory))] = Directory() if path.is_dir() else copied(path)
    for number in range(200):
        found[f"modules/m{number}.py"] = File(MODULE % number)
    return {**found, "service.py": File(PROGRAM), "data": data, "state": state}


def copied(path: Path) -> File:
    return File(path.read_bytes(), mode=path.stat().st_mode & 0o777)


def service_command(toolbox: Toolbox, home: str, kind: str) -> list[str]:
    """The argument list that starts the service from where its tree lies."""
    python = f"{home}/bin/python3"
    loader = [f"{home}/lib/{toolbox.loader}", "--library-path", f"{home}/lib", "--argv0", python, python]
    return [*loader, "-I", "-S", "-B", f"{home}/service.py", kind, home]
