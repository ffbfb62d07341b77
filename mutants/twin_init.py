"""The inside of the twin: root of a user namespace, with a tmpfs, kernel overlayfs upon it, and agents in a chroot.

    python -m roadworthy.mutants.twin_init DIRECTORY < trees

Standard input is a pickle: the image's layers and the volume's tree. DIRECTORY gets the socket `door`. A client sends
one line of JSON: {"renew": mutant, "calls": [names]} starts again with an empty upper layer, {"agent": [words]} makes
the connection the standard input and output of an agent. The answer is one line: `ok`, or what went wrong.
"""

# System calls and mounts, not paths of a program's own.
from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from roadworthy.deadline import wait_until
from roadworthy.declaring.places import CHECKS
from roadworthy.mutants.call_filter import NOTIFY, filtered
from roadworthy.trees.layers import Entry, Hardlink, Opaque, Whiteout, replace_opaque
from roadworthy.trees.on_disk import dress, make

#: The attribute of opaque directories if overlayfs was mounted in a user namespace, see its option `userxattr`.
OPAQUE = "user.overlay.opaque"


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True, text=True)


def lay_out(tree: Mapping[str, Entry], root: Path) -> set[str]:
    """Make what a user namespace can make of a layer, and return the checks whose trees are incomplete."""
    lacking: set[str] = set()
    order = sorted(tree, key=lambda name: (isinstance(tree[name], Hardlink), Path(name).parts))
    for path in order:
        value, place = tree[path], root / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(value, Whiteout):
                os.mknod(place, stat.S_IFCHR, 0)
                continue
            make(replace_opaque(value), place, root)
            if not isinstance(value, Hardlink):
                dress(replace_opaque(value), place)
            if isinstance(value, Opaque):
                os.setxattr(place, OPAQUE, b"y")
        except OSError:
            lacking.add(path.split("/")[1] if path.startswith(f"{CHECKS}/") else path)
    for path in reversed(order):
        if not isinstance(tree[path], Hardlink | Whiteout) and os.path.lexists(root / path):
            os.utime(root / path, ns=(tree[path].mtime_ns, tree[path].mtime_ns), follow_symlinks=False)
    return lacking


class Twin:
    """The mounts, the supervisor and the agents of one mutant after another."""

    def __init__(self, directory: Path, layers: Sequence[Mapping[str, Entry]], volume: Mapping[str, Entry]) -> None:
        self._directory = directory
        self._volume = volume
        self._generation = 0
        self._calls: list[str] = []
        self._agents: list[int] = []
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._place = directory / "inside"
        self._place.mkdir()
        mount("-t", "tmpfs", "-o", "mode=0755", "twin", str(self._place))
        self._lowers = [self._place / f"layer{number}" for number in range(len(layers))]
        lacking = set()
        for layer, place in zip(layers, self._lowers, strict=True):
            place.mkdir()
            lacking |= lay_out(layer, place)
        lacking |= lay_out(volume, self._scratch())
        (directory / "lacking").write_text(json.dumps(sorted(lacking)))

    def _scratch(self) -> Path:
        place = self._place / "volume"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return place

    @property
    def _root(self) -> Path:
        return self._place / f"{self._generation}"

    def renew(self, mutant: str, calls: list[str]) -> None:
        """End all agents, and start again with an empty upper layer, as this mutant."""
        self.end()
        self._generation += 1
        for name in ("upper", "work", "merged"):
            (self._root / name).mkdir(parents=True)
        merged = str(self._root / "merged")
        lowers = ":".join(str(place) for place in reversed(self._lowers))
        layers = f"lowerdir={lowers},upperdir={self._root / 'upper'},workdir={self._root / 'work'}"
        mount("-t", "overlay", "-o", f"{layers},userxattr", "twin", merged)
        lay_out(self._volume, self._scratch())
        for source, target in (("/proc", "proc"), ("/dev", "dev"), (str(self._place / "volume"), "volume")):
            mount("--rbind", source, f"{merged}/{target}")
        mount("--bind", str(self._directory / "toolbox"), f"{merged}/toolbox")
        mount("-t", "tmpfs", "twin", f"{merged}/tmp")
        self._calls = calls
        (self._directory / "hits").unlink(missing_ok=True)
        if calls:
            (self._directory / "n").unlink(missing_ok=True)
            with (self._directory / "supervisor.log").open("wb") as log:
                words = [str(self._directory / name) for name in ("n", "hits")]
                self._supervisor = subprocess.Popen(
                    [sys.executable, "-P", "-B", "-m", "roadworthy.mutants.supervisor", *words, mutant],
                    stdout=log,
                    stderr=log,
                )
            wait_until(lambda: (self._directory / "n").exists() or self._ended, 20, "the mutant's supervisor to listen")

    @property
    def _ended(self) -> bool:
        return self._supervisor is not None and self._supervisor.poll() is not None

    def end(self) -> None:
        """End the agents and the supervisor, and unmount."""
        for agent in self._agents:
            os.kill(agent, signal.SIGKILL)
            os.waitpid(agent, 0)
        self._agents.clear()
        if self._supervisor is not None:
            self._supervisor.kill()
            self._supervisor.wait()
            self._supervisor = None
        if self._generation:
            subprocess.run(["umount", "-l", "-R", str(self._root / "merged")], check=False, capture_output=True)

    def agent(self, words: list[str], connection: socket.socket) -> None:
        """Start an agent that talks over this connection."""
        handing = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if self._calls:
            handing.connect(str(self._directory / "n"))
        child = os.fork()
        if child:
            self._agents.append(child)
            handing.close()
            return
        try:
            log = os.open(self._directory / "agent.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.chroot(self._root / "merged")
            os.chdir("/")
            for target, source in ((0, connection.fileno()), (1, connection.fileno()), (2, log)):
                os.dup2(source, target)
            if self._calls:
                said = json.dumps({"fds": ["seccompFd"], "pid": os.getpid()}).encode()
                socket.send_fds(handing, [said], [filtered(self._calls, NOTIFY)])
            os.execve(words[0], words, {"PATH": "/toolbox/bin", "LD_LIBRARY_PATH": ""})
        except BaseException as reason:
            os.write(2, f"{type(reason).__name__}: {reason}\n".encode())
        finally:
            os._exit(70)


def first_line(connection: socket.socket) -> bytes:
    """Read one line, and nothing of what may follow it."""
    found = b""
    while not found.endswith(b"\n"):
        piece = connection.recv(1)
        if not piece:
            break
        found += piece
    return found


def main(argv: list[str]) -> None:
    directory = Path(argv[0])
    os.umask(0o022)
    layers, volume = pickle.load(sys.stdin.buffer)
    mount("--make-rprivate", "/")
    twin = Twin(directory, layers, volume)
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    door.bind(str(directory / "door.new"))
    door.listen(8)
    (directory / "door.new").rename(directory / "door")
    while True:
        connection, _ = door.accept()
        with connection:
            line = first_line(connection)
            if not line:
                return
            asked = json.loads(line)
            try:
                if "renew" in asked:
                    twin.renew(asked["renew"], asked["calls"])
                connection.sendall(b"ok\n")
                if "agent" in asked:
                    twin.agent(asked["agent"], connection)
            except (OSError, subprocess.SubprocessError, TimeoutError) as reason:
                said = getattr(reason, "stderr", "") or str(reason)
                connection.sendall(f"{type(reason).__name__}: {said.strip()}\n".replace("\n", " ").encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
