"""A private dockerd: own data root on the backing under test, own socket, no network, started inside a capsule."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

from roadworthy.deadline import wait_until
from roadworthy.drivers import Driver
from roadworthy.machines.backing import Backing
from roadworthy.machines.place import Place, PlacePath, Program
from roadworthy.programs import ENVIRONMENT, ProgramFailed, run
from roadworthy.reasons import Precondition

#: The engine of an id when none is installed, so that planning needs no engine: Debian 12's.
DEFAULT_SERIES = "20.10"
START_DEADLINE = 60.0


class EngineFailed(Exception):
    """The engine did not start, fell back to another driver, or died: nothing is said about the driver's promises."""


def installed_series() -> str:
    """The series of the dockerd on this host's PATH (`20.10`), or DEFAULT_SERIES where there is none."""
    try:
        said = run(["dockerd", "--version"], 10) if shutil.which("dockerd", path=ENVIRONMENT["PATH"]) else ""
    except ProgramFailed:
        said = ""
    found = re.search(r"version (\d+\.\d+)", said)
    return found[1] if found else DEFAULT_SERIES


class Dockerd:
    """One daemon. `runtime` is a short directory for socket, exec root and log: socket paths end at 108 bytes."""

    def __init__(
        self,
        place: Place,
        backing: Backing,
        driver: Driver,
        storage_options: Sequence[str] = (),
        cgroup: str = "",
        extra: Sequence[str] = (),
        data_root: Path | None = None,
    ) -> None:
        self.data_root = data_root or backing.mountpoint / "docker"
        self.place = place
        self._runtime = runtime = place.runtime
        self.log = place.path(runtime / "log")
        self.socket = place.reach(runtime / "s")
        # 20.10 refuses /dev/null as its configuration file.
        configuration = runtime / "daemon.json"
        place.path(configuration).write_text(json.dumps(dict(driver.configuration)) + "\n")
        self._argv = [
            "dockerd", "--config-file", str(configuration), "--data-root", str(self.data_root),
            "--exec-root", str(runtime / "x"), "--pidfile", str(runtime / "pid"), "--host", f"unix://{runtime / 's'}",
            "--group", "root", "--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false",
            "--storage-driver", driver.daemon_name,
            *[word for option in storage_options for word in ("--storage-opt", option)],
            *(["--cgroup-parent", f"/{cgroup}"] if cgroup else []), *extra,
        ]  # fmt: skip
        self.client: docker.DockerClient
        self._process: Program | None = None
        self.start()

    def start(self) -> None:
        """Start the daemon and wait until it answers. Raises EngineFailed with the daemon's last words."""
        self.place.path(self._runtime / "s").unlink(missing_ok=True)
        self._process = self.place.start(self._argv, self._runtime / "log")
        try:
            wait_until(self._answers, START_DEADLINE * self.place.scale, "dockerd to answer on its socket")
        except TimeoutError as reason:
            raise EngineFailed(f"{reason}; it said: {self.last_words()}") from None

    def _answers(self) -> bool:
        assert self._process
        if self._process.poll() is not None:
            raise EngineFailed(f"dockerd ended with {self._process.poll()}: {self.last_words()}")
        if not self.place.path(self._runtime / "s").exists():
            return False
        try:
            # The base URL is ours: DOCKER_HOST and contexts of the environment play no part.
            patience = int(60 * self.place.scale)
            self.client = docker.DockerClient(base_url=f"unix://{self.socket}", version="auto", timeout=patience)
            return bool(self.client.ping())
        except DockerException:
            return False

    @property
    def root(self) -> PlacePath:
        """The data root, as the controller reaches it."""
        return self.place.path(self.data_root)

    @property
    def containerd(self) -> str:
        """The address of the containerd that dockerd starts, as the place sees it."""
        return str(self._runtime / "x/containerd/containerd.sock")

    def alive(self) -> bool:
        """Whether the daemon's process is there."""
        return self._process is not None and self._process.poll() is None

    def info(self) -> dict[str, Any]:
        """What `docker info` says."""
        return dict(self.client.info())

    def proc(self, pid: int) -> PlacePath:
        """The /proc directory of a process as the engine numbers it, which is not as this host does."""
        return self.place.path(f"/proc/{pid}")

    def daemon_pid(self) -> int:
        """dockerd's process id, as its place numbers it."""
        return int(self.place.path(self._runtime / "pid").read_text())

    def command(self, *words: str) -> str:
        """What the `docker` command answers, or what it says where it refuses."""
        if not shutil.which("docker", path=ENVIRONMENT["PATH"]):
            raise Precondition("needs docker: apt-get install docker.io")
        try:
            return run(["docker", "--host", f"unix://{self.socket}", *words])
        except ProgramFailed as refusal:
            return str(refusal)

    @contextmanager
    def leaked_mounts(self) -> Iterator[None]:
        """A mount namespace that holds a copy of every mount there is now, while the block runs."""
        with self.beside("", "unshare", "--mount", "--propagation", "private", "--"):
            yield

    @contextmanager
    def beside(self, preparation: str, *wrapped: str, argument: str = "") -> Iterator[int]:
        """A shell beside the daemon, while the block runs; its process id, as its place numbers it.

        It runs `preparation` with `argument` as `$2` first. `wrapped` is a program that runs the shell.
        """
        mark = self._runtime / "beside"
        script = f'{preparation}\necho $$ >"$1"; while [ -e "$1" ]; do sleep 0.1; done'
        held = self.place.start([*wrapped, "sh", "-c", script, "sh", str(mark), argument], self._runtime / "log")
        seen = self.place.path(mark)
        begun = "a shell beside the daemon to begin"
        wait_until(lambda: seen.exists() and seen.read_text().endswith("\n"), 20 * self.place.scale, begun)
        try:
            yield int(seen.read_text())
        finally:
            seen.unlink()
            wait_until(lambda: held.poll() is not None, 20 * self.place.scale, "a shell beside the daemon to end")

    def stop(self, kill: bool = False) -> None:
        """End the daemon, gently or by SIGKILL; containers end with a gentle stop."""
        assert self._process
        if self._process.poll() is None:
            word = "KILL" if kill else "TERM"
            self.place.run(["sh", "-c", f"kill -{word} {self.daemon_pid()}"])
            wait_until(lambda: not self.alive(), 30 * self.place.scale, "dockerd to end")
        self.client.close()

    def restart(self, kill: bool = False, storage_driver: str | None = None) -> None:
        """Stop, gently or by SIGKILL, and start again on the same data root.

        Told a driver, the daemon takes that one; told an empty name, it has to choose.
        """
        self.stop(kill)
        if storage_driver is not None:
            self._argv[self._argv.index("--storage-driver") + 1] = storage_driver
        self.start()

    def last_words(self) -> str:
        """The error lines at the end of the daemon's log, or its last lines."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        wrong = [line for line in lines[-60:] if re.search(r"level=(error|fatal)|failed|panic", line)]
        told = [re.sub(r'^time="[^"]*" ', "", line) for line in (wrong or lines)[-3:]]
        return " / ".join(told) or "nothing"
