"""A daemon that runs already, as `--engine=unix://PATH` names it: what it is, and who else uses it."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

from roadworthy.drivers import DRIVERS, Driver
from roadworthy.drivers.native import Native
from roadworthy.drivers.snapshotters import Snapshotter
from roadworthy.engine_name import EngineName
from roadworthy.machines.backing import BACKING_TYPES
from roadworthy.programs import ProgramFailed, run
from roadworthy.store.daemon import SNAPSHOTTER, peer_of, socket_of
from roadworthy.store.findings import StoreRefused
from roadworthy.upkeep.objects import LABEL
from roadworthy.versions import series

#: The name of the environment variable that `--engine=env` takes the address from.
VARIABLE = "DOCKER_HOST"
#: Seconds for an answer of the daemon before anything has begun.
PATIENCE = 20
#: Processes that listen as a daemon of this machine: itself, or the one that started it by its socket.
LISTENING = ("dockerd", "podman", "systemd", "init")


class DaemonRefused(Exception):
    """A daemon cannot be asked; the message says what was expected."""


@dataclass(frozen=True)
class RunningDaemon:
    """A daemon of this machine. `pid` is a process by whose view its files are found."""

    url: str
    pid: int
    name: EngineName
    driver: Driver
    backing: str
    kernel: str
    #: The containers of others that run, by name.
    others: tuple[str, ...]


@functools.cache
def running_daemon(word: str) -> RunningDaemon:
    """The daemon that `unix://PATH`, `env`, or either after `NAME=` names. Raises DaemonRefused."""
    label, _, address = word.rpartition("=")
    url = from_environment() if address == "env" else address
    if url.startswith(("ssh://", "tcp://", "http://", "https://", "fd://", "npipe://")):
        raise DaemonRefused(
            f"{url}: only a socket of this machine is asked, as in unix:///run/docker.sock: layers and mounts are "
            f"looked at where they lie"
        )
    try:
        path = socket_of(url)
        if not os.access(path, os.R_OK | os.W_OK):
            raise DaemonRefused(f"{path} belongs to another user (id {Path(path).stat().st_uid}): run this as root")
        pid = peer_of(path)
    except StoreRefused as reason:
        raise DaemonRefused(str(reason)) from None
    about, info, containers = asked(path)
    parts = [str(part.get("Name", "")).lower() for part in about.get("Components") or ()]
    kind = "podman" if any("podman" in part for part in parts) else "docker"
    listening = Path(f"/proc/{pid}/comm").read_text().strip()
    root = Path(f"/proc/{pid}/root{info['DockerRootDir']}")
    if listening not in LISTENING or info["KernelVersion"] != os.uname().release or not root.is_dir():
        raise DaemonRefused(f"{path} leads to a daemon of another machine (by {listening}); run this where it runs")
    release = str(about["Version"])
    name = EngineName(kind, series(release), label)
    others = tuple(
        str((one.get("Names") or [one["Id"][:12]])[0]).lstrip("/") for one in containers
        if LABEL not in (one.get("Labels") or {})
    )  # fmt: skip
    driver = driver_of(kind, info, path)
    return RunningDaemon(url, pid, name, driver, backing_of(root, info), f"linux{series(os.uname().release)}", others)


def from_environment() -> str:
    """The address in the environment. Raises DaemonRefused."""
    found = os.environ.get(VARIABLE, "")
    if not found:
        raise DaemonRefused(f"--engine=env takes the daemon from {VARIABLE}, which is not set")
    return found


def asked(path: str) -> tuple[Mapping[str, Any], Mapping[str, Any], list[Any]]:
    """A daemon's answers about itself, and the containers that run on it. Raises DaemonRefused."""
    try:
        client = docker.APIClient(base_url=f"unix://{path}", version="auto", timeout=PATIENCE)
        try:
            return client.version(), client.info(), client.containers()
        finally:
            client.close()
    except (DockerException, OSError) as reason:
        said = str(reason).splitlines()[0]
        tls = " (a socket that asks for TLS does not answer in plain words)" if "BadStatusLine" in said else ""
        raise DaemonRefused(f"what listens on {path} does not answer as dockerd or Podman does{tls}: {said}") from None


def driver_of(kind: str, info: Mapping[str, Any], path: str) -> Driver:
    """The driver that a daemon uses. Raises DaemonRefused for one that the suite does not know."""
    snapshots = dict(info.get("DriverStatus") or []).get("driver-type") == SNAPSHOTTER
    for driver in DRIVERS.values():
        fits = kind in driver.engines and driver.daemon_name == info["Driver"] and not isinstance(driver, Native)
        if fits and isinstance(driver, Snapshotter) == snapshots:
            return driver
    store = " of containerd's image store" if snapshots else ""
    raise DaemonRefused(f"the daemon at {path} runs {info['Driver']}{store}, which the suite has no file for")


def backing_of(root: Path, info: Mapping[str, Any]) -> str:
    """The file system below a daemon's data root, as lanes call it."""
    try:
        found = int(run(["stat", "--file-system", "--format=%t", root]).strip(), 16)
    except ProgramFailed:
        found = 0
    named = [name for name, kind in BACKING_TYPES.items() if kind.magic == found and not kind.file_system]
    reported = str(dict(info.get("DriverStatus") or []).get("Backing Filesystem", "unknown"))
    return named[0] if named else re.sub(r"\W", "", reported)
