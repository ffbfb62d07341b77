"""Containers of a lane, as checks use them: one shared by most checks, and own ones for those that ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docker.errors import NotFound

from roadworthy.engines.dockerd import Dockerd
from roadworthy.engines.pipe import ExecPipe
from roadworthy.evidence import Evidence
from roadworthy.exchange import Exchange
from roadworthy.process import Process
from roadworthy.toolbox import INSIDE, Toolbox

#: Where the volume of the backing file system is seen inside a container.
VOLUME = "/volume"


class Container:
    """One container. Its first process is the idle agent; checks drive processes that are started beside it."""

    def __init__(self, engine: Dockerd, toolbox: Toolbox, volume: Path, image: str, **settings: Any) -> None:
        """Create, not start. `settings` go to the Engine API's container creation, through the Docker SDK."""
        self._engine = engine
        self._toolbox = toolbox
        binds = {str(toolbox.directory): {"bind": INSIDE, "mode": "ro"}, str(volume): {"bind": VOLUME, "mode": "rw"}}
        chosen: dict[str, Any] = {
            "network_mode": "none",
            "volumes": {**binds, **settings.pop("volumes", {})},
            "stop_signal": "SIGTERM",
            "environment": {"PATH": f"{INSIDE}/bin", "LD_LIBRARY_PATH": ""},
            "use_config_proxy": False,
        }
        chosen.update(settings)
        self.id = str(engine.client.containers.create(image, toolbox.agent("--idle"), **chosen).id)
        self._exchange: Exchange | None = None

    def start(self) -> Container:
        self.handle.start()
        return self

    @property
    def handle(self) -> Any:
        """The Docker SDK's object, fresh."""
        return self._engine.client.containers.get(self.id)

    def inspect(self) -> Mapping[str, Any]:
        """What `docker inspect` says."""
        return dict(self._engine.client.api.inspect_container(self.id))

    @property
    def proc(self) -> Path:
        """The first process's /proc directory."""
        return self._engine.proc(int(self.inspect()["State"]["Pid"]))

    def mounts(self) -> list[str]:
        """The container's mount table, lines of mountinfo, see proc_pid_mountinfo(5)."""
        return (self.proc / "mountinfo").read_text().splitlines()

    def exchange(self) -> Exchange:
        """The conversation with this container's agent, begun at the first use."""
        if self._exchange is None:
            client = self._engine.client.api
            talk = Exchange(pipe=None)  # type: ignore[arg-type]
            made = client.exec_create(self.id, self._toolbox.agent(talk.nonce), stdin=True, workdir="/")
            talk.pipe = ExecPipe(client.exec_start(made["Id"], socket=True))
            self._exchange = talk
        return self._exchange

    def process(self, directory: str, evidence: Evidence, name: str = "A") -> Process:
        """A new process inside, working in `directory`."""
        return Process(self.exchange(), directory, evidence, name)

    def forget_agent(self) -> None:
        """Let go of an agent that is dead or in the way; the next process gets a new one."""
        if self._exchange is not None:
            self._exchange.close()
            self._exchange = None

    def stop(self) -> None:
        self.forget_agent()
        self.handle.stop(timeout=5)

    def diff(self) -> dict[str, str]:
        """`docker diff`: path to `A`dded, `C`hanged or `D`eleted."""
        return {change["Path"]: "CAD"[change["Kind"]] for change in self.handle.diff() or []}

    def commit(self, tag: str) -> str:
        """`docker commit`; the new image's id."""
        return str(self.handle.commit(repository="roadworthy", tag=tag).id)

    def export(self) -> bytes:
        """`docker export`: the whole file system as a tar."""
        return b"".join(self.handle.export())

    def remove(self) -> None:
        """`docker rm -f -v`, and no complaint where it is gone already."""
        self.forget_agent()
        try:
            self.handle.remove(force=True, v=True)
        except NotFound:
            return


class Containers:
    """Own containers of one check, gone with it."""

    def __init__(self, engine: Dockerd, toolbox: Toolbox, volume: Path, image: str, evidence: Evidence, place: str):
        self._engine = engine
        self._toolbox = toolbox
        self._volume = volume
        self._image = image
        self._evidence = evidence
        self._place = place
        self._made: list[Container] = []
        self._images: list[str] = []

    def create(self, image: str = "", **settings: Any) -> Container:
        """A container of the lane's image (or of `image`), not started."""
        made = Container(self._engine, self._toolbox, self._volume, image or self._image, **settings)
        self._made.append(made)
        return made

    def run(self, image: str = "", **settings: Any) -> Container:
        """A container, started."""
        return self.create(image, **settings).start()

    def process(self, container: Container, name: str = "A") -> Process:
        """A process in `container`, working in the check's own directory."""
        return container.process(self._place, self._evidence, name)

    def commit(self, container: Container) -> str:
        """Commit, and remember the image for removal; its id."""
        identity = container.commit(f"check-{len(self._images)}")
        self._images.append(identity)
        return identity

    def load(self, archive: bytes, name: str) -> str:
        """`docker load` of an archive that holds `name`; the image's id, removed with the check."""
        self._engine.client.images.load(archive)
        self._images.append(name)
        return str(self._engine.client.images.get(name).id)

    def close(self) -> None:
        for container in reversed(self._made):
            container.remove()
        for image in reversed(self._images):
            try:
                self._engine.client.images.remove(image, force=True)
            except NotFound:
                continue

    def __iter__(self) -> Iterator[Container]:
        return iter(self._made)
