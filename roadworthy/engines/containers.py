"""Containers of a lane, as checks use them: one that most checks share, and containers of a check's own."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from docker.errors import APIError, ImageLoadError, NotFound
from requests.exceptions import ConnectionError

from roadworthy.calls.answers import Refused
from roadworthy.calls.evidence import Evidence
from roadworthy.calls.exchange import Exchange
from roadworthy.calls.inside import INSIDE, SKELETON
from roadworthy.calls.process import Process
from roadworthy.calls.toolbox import Toolbox
from roadworthy.deadline import wait_until
from roadworthy.declaring.places import CHECKS, VOLUME
from roadworthy.engines.engine import Engine
from roadworthy.engines.pipe import ExecPipe
from roadworthy.machines.place import PlacePath
from roadworthy.reports.text import counted
from roadworthy.trees.layers import (
    Tree,
    beneath,
    build_context,
    entry,
    layer_tar,
    write_archive,
)

#: Seconds that `docker load` may take for each layer, which a process of its own unpacks.
SECONDS_PER_LAYER = 2.0


class Container:
    """One container. Its first process is the idle agent; checks drive processes that are started beside it."""

    def __init__(self, engine: Engine, toolbox: Toolbox, volume: Path, image: str, **settings: Any) -> None:
        """Create a container without starting it. `settings` are the Docker SDK's arguments of its creation.

        With a `command`, that is its first process instead of the idle agent, and no check can drive anything in it.
        """
        self._engine = engine
        self._toolbox = toolbox
        tools = engine.place.toolbox(toolbox)
        binds = {tools: {"bind": INSIDE, "mode": "ro"}, str(volume): {"bind": VOLUME, "mode": "rw"}}
        chosen: dict[str, Any] = {
            "network_mode": "none",
            "volumes": {**binds, **settings.pop("volumes", {})},
            "stop_signal": "SIGTERM",
            "environment": {"PATH": f"{INSIDE}/bin", "LD_LIBRARY_PATH": ""},
            "use_config_proxy": False,
            **engine.container_settings,
            "labels": {**engine.labels, **settings.pop("labels", {})},
        }
        chosen.update(settings)
        command = chosen.pop("command", toolbox.agent("--idle"))
        self.id = str(engine.client.containers.create(image, command, **chosen).id)
        self._exchange: Exchange | None = None

    def __repr__(self) -> str:
        return f"<container {self.id[:12]}>"

    def start(self) -> Container:
        self.handle.start()
        return self

    @property
    def handle(self) -> Any:
        """The Docker SDK's object, read anew."""
        return self._engine.client.containers.get(self.id)

    def inspect(self) -> Mapping[str, Any]:
        """The result of `docker inspect`."""
        return dict(self._engine.client.api.inspect_container(self.id))

    @property
    def proc(self) -> PlacePath:
        """The first process's /proc directory."""
        return self._engine.proc(int(self.inspect()["State"]["Pid"]))

    def mounts(self) -> list[str]:
        """The container's mount table, lines of mountinfo, see proc_pid_mountinfo(5)."""
        return (self.proc / "mountinfo").read_text().splitlines()

    def exchange(self) -> Exchange:
        """The exchange with this container's agent, begun at the first use."""
        if self._exchange is None:
            self._exchange = self._entered()
        return self._exchange

    def _entered(self) -> Exchange:
        """Start an agent by `docker exec`."""
        client = self._engine.client.api
        talk = Exchange(pipe=None, scale=self._engine.place.scale)  # type: ignore[arg-type]
        made = client.exec_create(self.id, self._toolbox.agent(), stdin=True, workdir="/")
        talk.pipe = ExecPipe(client.exec_start(made["Id"], socket=True))
        return talk

    @contextmanager
    def entered_again(self, directory: str, evidence: Evidence, name: str) -> Iterator[Process]:
        """Yield a process of another `docker exec` than that of the container's other processes."""
        talk = self._entered()
        try:
            yield Process(talk, directory, evidence, name)
        finally:
            talk.close()

    def process(self, directory: str, evidence: Evidence, name: str = "A") -> Process:
        """Start a process in the container, with the working directory `directory`."""
        return Process(self.exchange(), directory, evidence, name)

    @contextmanager
    def attached(self) -> Iterator[ExecPipe]:
        """Yield the streams of the first process, even before it starts; the container needs `stdin_open=True`."""
        client = self._engine.client.api
        asked = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        pipe = ExecPipe(client.attach_socket(self.id, asked), 30 * self._engine.place.scale)
        try:
            yield pipe
        finally:
            pipe.close()

    def forget_agent(self) -> None:
        """Close the exchange with an agent that is dead or in the way; the next process gets a new agent."""
        if self._exchange is not None:
            self._exchange.close()
            self._exchange = None

    def stop(self) -> Container:
        """Stop it, and give it back: what is committed then is at rest, and no driver has it mounted."""
        self.forget_agent()
        self.handle.stop(timeout=5)
        return self

    def diff(self) -> dict[str, str]:
        """`docker diff`: path to `A`dded, `C`hanged or `D`eleted."""
        return {change["Path"]: "CAD"[change["Kind"]] for change in self.handle.diff() or []}

    def commit(self, tag: str) -> str:
        """`docker commit`; the new image's id."""
        return str(self.handle.commit(repository="roadworthy", tag=tag).id)

    def pause(self) -> None:
        self.handle.pause()

    def unpause(self) -> None:
        self.handle.unpause()

    def going_on(self) -> Container:
        """Unpause it if it is paused, and give it back."""
        if self.inspect()["State"]["Paused"]:
            self.unpause()
        return self

    def size(self) -> int:
        """The bytes of the writable layer, as `docker ps --size` shows them."""
        found = self._engine.client.api.containers(all=True, size=True, filters={"id": self.id})
        return int(found[0].get("SizeRw", 0))

    @contextmanager
    def opened_from_outside(self, path: str) -> Iterator[PlacePath]:
        """Hold a file of the running container open from outside while the block runs, and yield the open file."""
        inside = self._engine.place.inside(self.proc / "root" / path.lstrip("/"))
        with self._engine.beside('exec 3<"$2"', argument=inside) as pid:
            yield self._engine.proc(pid) / "fd/3"

    def copy_out(self, path: str) -> dict[str, bytes]:
        """`docker cp` out of the container: the files below `path` and their contents."""
        stream, _ = self.handle.get_archive(path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
            return {member.name: reader.read() for member in tar if (reader := tar.extractfile(member))}

    def copy_in(self, path: str, tree: Tree) -> None:
        """`docker cp` of a tree into the directory `path`."""
        self.handle.put_archive(path, layer_tar({name: entry(value) for name, value in tree.items()}))

    def export(self) -> bytes:
        """`docker export`: the whole file system as a tar."""
        return b"".join(self.handle.export())

    def remove(self) -> None:
        """`docker rm -f -v`; no error if the container is removed already."""
        self.forget_agent()
        try:
            self.handle.remove(force=True, v=True)
        except NotFound:
            return


class AttemptedOperations:
    """Operations that may be refused: `containers.attempt.create(storage_opt=…)` returns the daemon's words."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def __getattr__(self, name: str) -> Callable[..., str]:
        operation = getattr(self._containers, name)

        def attempted(*arguments: Any, **keywords: Any) -> str:
            try:
                operation(*arguments, **keywords)
            except (APIError, ImageLoadError) as refusal:
                return str(getattr(refusal, "explanation", "") or refusal)
            except Refused as refusal:
                return refusal.code
            except ConnectionError:
                return "the daemon went away"
            return "success"

        return attempted


def built(engine: Engine, context: bytes) -> Any:
    """`docker build` by the classic builder without its cache, of a context as `build_context` makes it: the image."""
    image, _ = engine.client.images.build(
        fileobj=io.BytesIO(context), custom_context=True, nocache=True, rm=True, forcerm=True, network_mode="none",
        use_config_proxy=False, labels=dict(engine.labels),
    )  # fmt: skip
    return image


def kind_of(member: tarfile.TarInfo) -> str:
    """A tar member's type in words."""
    kinds = {tarfile.REGTYPE: "file", tarfile.DIRTYPE: "directory", tarfile.LNKTYPE: "hard link",
             tarfile.SYMTYPE: "symlink", tarfile.CHRTYPE: "character device", tarfile.BLKTYPE: "block device",
             tarfile.FIFOTYPE: "fifo"}  # fmt: skip
    return kinds.get(member.type, "other")


class Containers:
    """Containers, images and volumes of one check's own, removed when it ends."""

    def __init__(self, engine: Engine, toolbox: Toolbox, volume: Path, image: str, evidence: Evidence, place: str):
        #: The operations below, each returning the daemon's words or "success".
        self.attempt = AttemptedOperations(self)
        self._engine = engine
        self._toolbox = toolbox
        self._volume = volume
        self._image = image
        self._evidence = evidence
        self._place = place
        self._made: list[Container] = []
        self._images: list[str] = []
        self._volumes: list[str] = []
        self._archives = 0

    def __repr__(self) -> str:
        made = (len(self._made), "container"), (len(self._images), "image"), (len(self._volumes), "volume")
        return f"<{', '.join(counted(*one) for one in made)} of the check's own>"

    def create(self, image: str = "", **settings: Any) -> Container:
        """Create a container of the lane's image, or of `image`, without starting it."""
        made = Container(self._engine, self._toolbox, self._volume, image or self._image, **settings)
        self._made.append(made)
        return made

    def run(self, image: str = "", **settings: Any) -> Container:
        """Create a container as `create` does, and start it."""
        return self.create(image, **settings).start()

    def remove(self, container: Container) -> None:
        """`docker rm -f`."""
        container.remove()

    def discard(self, *made: Container | str) -> None:
        """Remove containers and images of the check's own before it ends, in this order."""
        for one in made:
            if isinstance(one, Container):
                one.remove()
                self._made.remove(one)
            else:
                self._engine.client.images.remove(one, force=True)
                self._images.remove(one)

    def forget(self, container: Container) -> None:
        """Do not remove the container with the check, because it has been removed already."""
        container.forget_agent()
        self._made.remove(container)

    def process(self, container: Container, name: str = "A") -> Process:
        """Start a process in `container`, in the check's own directory."""
        return container.process(self._place, self._evidence, name)

    def commit(self, container: Container) -> str:
        """Commit a container, remember the image for removal, and return its id. Raises Refused."""
        try:
            identity = container.commit(f"check-{len(self._images)}-{container.id[:12]}")  # several at once, too
        except APIError as refusal:
            raise Refused("docker commit", str(refusal.explanation or refusal)) from refusal
        self._images.append(identity)
        return identity

    def begin_commit(self, container: Container, begun: Callable[[], bool]) -> Future[str]:
        """Commit in the background; the result is the daemon's words or "success".

        Returns once the commit has `begun`, or is over.
        """
        thread = ThreadPoolExecutor(1)
        running = thread.submit(self.attempt.commit, container)
        thread.shutdown(wait=False)
        seconds = 30 * self._engine.place.scale
        wait_until(lambda: running.done() or begun(), seconds, "the commit to begin")
        return running

    def load(self, archive: bytes, name: str) -> str:
        """`docker load` of an archive that holds the image `name`, which is removed with the check; returns its id."""
        self._engine.client.images.load(archive)
        self._images.append(name)
        return str(self._engine.client.images.get(name).id)

    def image(self, *trees: Tree) -> str:
        """Load an image of these trees, the lowest first, in the check's own directory, and return its name."""
        archive, name = self.archive(*trees)
        with self._engine.patience(SECONDS_PER_LAYER * len(trees)):
            self.load(archive, name)
        return name

    def archive(self, *trees: Tree, name: str = "") -> tuple[bytes, str]:
        """Make an archive for `docker load` of these trees, the lowest first, in the check's own directory.

        Returns the archive, and the image's name in it.
        """
        self._archives += 1
        name = name or f"roadworthy:own-{self._archives}-{self._mark(self._place)}"
        layers = [beneath(f"{CHECKS}/{PurePosixPath(self._place).name}", tree) for tree in trees]
        archive = io.BytesIO()
        tars = [layer_tar({**SKELETON, **layers[0]}), *map(layer_tar, layers[1:])]
        write_archive(archive, name, tars, labels=self._engine.labels)
        return archive.getvalue(), name

    def _mark(self, word: str) -> str:
        """Digits that stand for a word, and for the run where others may use the daemon."""
        return hashlib.sha256("".join([word, *self._engine.labels.values()]).encode()).hexdigest()[:12]

    def build(self, dockerfile: Sequence[str], files: Tree) -> str:
        """`docker build` by the classic builder; `files` are in `context`. Returns the image's id."""
        self._images.append(str(built(self._engine, build_context(dockerfile, files)).id))
        return self.last_image

    def images(self) -> set[str]:
        """The ids of all images that the engine lists, with a name or without."""
        return {str(image.id) for image in self._engine.client.images.list()}

    @property
    def last_image(self) -> str:
        """The name of the image that was made last."""
        return self._images[-1]

    def layer_ids(self, image: str = "") -> list[str]:
        """The digests of the layers of an image, or of the lane's (OCI image-spec, config.md, "Layer DiffID")."""
        return list(self._engine.client.images.get(image or self._image).attrs["RootFS"]["Layers"])

    def layer_size(self, image: str) -> int:
        """The contents of all files in the image's last layer as `docker save` writes it, in bytes."""
        with self._last_layer(image) as tar:
            return sum(made.size for made in tar)

    def save(self, image: str) -> bytes:
        """`docker save`."""
        return b"".join(self._engine.client.api.get_image(image))

    def last_layer_saved(self, image: str) -> dict[str, str]:
        """The members of the image's last layer in the check's directory as `docker save` writes them, with types."""
        with self._last_layer(image) as tar:
            return {path: kind_of(made) for made in tar if (path := self._relative(made.name))}

    @contextmanager
    def _last_layer(self, image: str) -> Iterator[tarfile.TarFile]:
        with tarfile.open(fileobj=io.BytesIO(self.save(image))) as archive:
            manifest = json.load(archive.extractfile("manifest.json") or io.BytesIO())
            layer = archive.extractfile(manifest[0]["Layers"][-1])
            with tarfile.open(fileobj=layer) as tar:
                yield tar

    def reload(self, image: str) -> str:
        """`docker save`, `docker rmi`, `docker load`; returns the image's name."""
        archive = self.save(image)
        self._engine.client.images.remove(image, force=True)
        self._engine.client.images.load(archive)
        return image

    def import_tree(self, archive: bytes) -> str:
        """`docker import` of an exported file system as an image of one layer; returns its id."""
        name = f"import-{len(self._images)}-{self._mark(self._place)}"
        said = self._engine.client.api.import_image_from_data(
            archive, repository="roadworthy", tag=name,
            changes=[f"LABEL {key}={value}" for key, value in self._engine.labels.items()],
        )  # fmt: skip
        # Not every engine finds the image by the name that it was given: Podman 4.3 prefixes another registry.
        self._images.append(str(json.loads(said.splitlines()[-1])["status"]))
        return self.last_image

    def changes(self, container: Container) -> dict[str, str]:
        """`docker diff` of the check's own directory: relative path to `A`dded, `C`hanged or `D`eleted."""
        return {path: kind for whole, kind in container.diff().items() if (path := self._relative(whole))}

    def volume(self) -> str:
        """Create a named volume, which is removed with the check, and return its name.

        Of a volume that the engine names, Podman 6 thinks that it belongs to a container: it goes with the first one.
        """
        name, labels = f"roadworthy-{uuid.uuid4().hex}", dict(self._engine.labels)
        self._volumes.append(str(self._engine.client.volumes.create(name, labels=labels).name))
        return self._volumes[-1]

    def host_path(self, path: str) -> str:
        """The daemon's name of a path of the shared volume, for binding it elsewhere."""
        return str(self._volume) + path.removeprefix(VOLUME)

    def another_second(self) -> None:
        """Wait 1.1 seconds, so that times which the engine takes from the clock differ in a layer."""
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() - begun > 1.1, 10, "another second")

    def all_at_once(self, *operations: Callable[[], object]) -> None:
        """Run operations such as `container.start`, each in a thread of its own. Raises the first one's error."""
        with ThreadPoolExecutor(len(operations)) as threads:
            for running in [threads.submit(operation) for operation in operations]:
                running.result()

    def _relative(self, path: str) -> str:
        """A path of the container, relative to the check's directory; empty if it lies elsewhere."""
        head, found, tail = f"/{path.strip('/')}".partition(f"{self._place}/")
        return tail if found and not head else ""

    def leave(self) -> None:
        """Close the connections to all containers, and leave the containers to their daemon's end."""
        for container in self._made:
            container.forget_agent()

    def close(self) -> None:
        for container in reversed(self._made):
            container.remove()
        for volume in self._volumes:
            self._engine.client.volumes.get(volume).remove(force=True)
        for image in reversed(self._images):
            try:
                self._engine.client.images.remove(image, force=True)
            except NotFound:
                continue

    def __iter__(self) -> Iterator[Container]:
        return iter(self._made)
