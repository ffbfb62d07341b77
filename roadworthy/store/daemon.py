"""The daemon behind a socket of this machine: what it lists, and the process by whose view its files are found."""

from __future__ import annotations

import socket
import stat
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

from roadworthy.store.findings import StoreRefused

#: Seconds for one answer of the daemon.
ANSWER_DEADLINE = 60
SCHEME, EXAMPLE = "unix://", "unix:///var/run/docker.sock"
SNAPSHOTTER = "io.containerd.snapshotter.v1"


@dataclass(frozen=True)
class Daemon:
    """A running dockerd: its answers, and the process that listens on its socket."""

    pid: int
    info: Mapping[str, Any]
    client: docker.DockerClient

    @property
    def driver(self) -> str:
        return str(self.info["Driver"])

    @property
    def snapshots(self) -> bool:
        """Whether its images lie in containerd's store."""
        return dict(self.info.get("DriverStatus") or []).get("driver-type") == SNAPSHOTTER

    @property
    def data_root(self) -> str:
        return str(self.info["DockerRootDir"])

    @property
    def remapped(self) -> bool:
        """Whether files belong to other users than the tars say: user namespaces, or a daemon without root."""
        options = self.info.get("SecurityOptions") or []
        return any(option.startswith(("name=userns", "name=rootless")) for option in options)

    def images(self) -> dict[str, tuple[str, ...]]:
        """Every image that it lists, by id, with its names."""
        found = {}
        for image in self.client.api.images(all=True):
            named = [image.get(key) or () for key in ("RepoTags", "RepoDigests")]
            tags, digests = ([name for name in names if not name.startswith("<none>")] for names in named)
            found[str(image["Id"])] = tuple(tags or digests)
        return found


@dataclass(frozen=True)
class Containerd:
    """The containerd that a dockerd uses: its process, its root as the process sees it, Docker's namespace in it."""

    pid: int
    root: str
    namespace: str


#: containerd's own database, which it keeps open, so that its process shows where its root is.
DATABASE = "/io.containerd.metadata.v1.bolt/meta.db"


def containerd_of(daemon: Daemon) -> Containerd:
    """The containerd behind a daemon. Raises StoreRefused."""
    said = daemon.info.get("Containerd") or {}
    namespace = (said.get("Namespaces") or {}).get("Containers", "moby")
    address = said.get("Address", "")
    if not address:
        raise StoreRefused("this dockerd does not say where its containerd listens, as it does from Docker 27 on")
    pid = peer_of(f"/proc/{daemon.pid}/root{address}")
    root = ""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it may have been closed just now
            file = str(descriptor.readlink())
            root = file.removesuffix(DATABASE) if file.endswith(DATABASE) else root
    if not root:
        raise StoreRefused(f"process {pid} listens as containerd on {address}, and has none of its databases open")
    return Containerd(pid, root, namespace)


def socket_of(host: str) -> str:
    """The path of the socket that --host names. Raises StoreRefused."""
    if not host.startswith(SCHEME):
        meant = f"; did you mean unix://{host}?" if host.startswith("/") else ""
        raise StoreRefused(
            f"{host!r} is no socket of this machine, on which the layers have to lie: expected unix://PATH, as in "
            f"{EXAMPLE}{meant}"
        )
    path = host.removeprefix(SCHEME)
    if not path.startswith("/"):
        raise StoreRefused(f"{host!r} has no absolute path: expected {EXAMPLE} or its like")
    try:
        found = Path(path).stat()
    except OSError as reason:
        raise StoreRefused(f"no socket {path}: {reason.strerror}; expected that of a running dockerd") from None
    if not stat.S_ISSOCK(found.st_mode):
        raise StoreRefused(f"{path} is not a socket; expected that of a running dockerd, as in {EXAMPLE}")
    return path


def peer_of(path: str) -> int:
    """The process that listens on a socket, as this machine numbers it. Raises StoreRefused."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_DEADLINE)
        try:
            connection.connect(path)
        except OSError as reason:
            raise StoreRefused(f"nobody answers on {path}: {reason.strerror or reason}; is dockerd running?") from None
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, _, _ = struct.unpack("3i", found)
    if not pid:
        raise StoreRefused(f"who listens on {path} cannot be seen from here; run this where dockerd runs")
    return int(pid)


def daemon_at(host: str) -> Daemon:
    """The daemon behind --host. Raises StoreRefused."""
    path = socket_of(host)
    pid = peer_of(path)
    try:
        client = docker.DockerClient(base_url=f"unix://{path}", version="auto", timeout=ANSWER_DEADLINE)
        about, info = client.version(), client.info()
    except DockerException as reason:
        raise StoreRefused(f"what listens on {path} does not answer as dockerd does: {reason}") from None
    if any("podman" in str(part.get("Name", "")).lower() for part in about.get("Components") or ()):
        raise StoreRefused(f"{path} is Podman's; its own command verifies its store: podman system check")
    return Daemon(pid, info, client)
