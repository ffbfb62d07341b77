"""A service that lies in an image with its interpreter and libraries, so that its start reads them from layers.

Programs that check or measure come from the toolbox, which bypasses the storage driver. After a start, a user waits
until the service has read its own files; therefore the toolbox's interpreter and libraries are copied into a tree.
"""

from __future__ import annotations

from pathlib import Path

from roadworthy.calls.toolbox import Toolbox, libraries
from roadworthy.trees.layers import Directory, Entry, File

#: The service does the work of its kind, echoes one line, and runs until its input ends.
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
#: The kinds of work before the answer, by their names in metrics.
KINDS = {"alone": "", "200 modules": "modules", "32 MiB of data": "data", "a state of 8 MiB": "state"}


def service_tree(toolbox: Toolbox, data: File, state: File) -> dict[str, Entry]:
    """The service's tree: interpreter, libraries, program, modules, and its large files `data` and `state`."""
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
    """The argument list that starts the service; its tree lies in `home`."""
    python = f"{home}/bin/python3"
    loader = [f"{home}/lib/{toolbox.loader}", "--library-path", f"{home}/lib", "--argv0", python, python]
    return [*loader, "-I", "-S", "-B", f"{home}/service.py", kind, home]
