"""The image store and the containers of a lane, as an operation uses them and as they are seen after a cut."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.process import Process
from roadworthy.cuts.beside import Beside
from roadworthy.cuts.contents import Tree, damage, kept, tree_of
from roadworthy.declaring.places import CHECKS, VOLUME
from roadworthy.engines.containers import Container, Containers
from roadworthy.engines.engine import EngineFailed
from roadworthy.lane.stand import Stand
from roadworthy.machines.place import PlacePath
from roadworthy.reasons import Unsupported
from roadworthy.supplies.engine_roots import newest, series_of
from roadworthy.trees.layers import Entry, beneath, entry
from roadworthy.versions import version

#: Characters of a refusal that tell one from another.
TOLD = 160
#: The directory in which operations work.
PLACE = f"{CHECKS}/cut"


@dataclass(frozen=True)
class Thing:
    """Something that an operation has made, changed or removed, and that a cut may lose.

    `see` returns its tree in a store, None if the store does not list it, or the engine's words if it refuses.
    Before it is acknowledged a thing may also be any of `before`.
    """

    label: str
    see: Callable[[Store], Tree | str | None]
    #: What has to be seen; None if it has to be gone. "as made" is what the store showed when the operation was over.
    expected: Tree | str | None = "as made"
    before: tuple[Tree | None, ...] = ()


class Store:
    """A lane's engine and what it holds. Operations make objects through it; a look after a cut reads them."""

    def __init__(self, stand: Stand, evidence: Evidence, beside: Beside, still: bool = False) -> None:
        """With `still`, nothing changes any more: what a container shows is asked for once."""
        self.stand = stand
        self._beside = beside
        self._evidence = evidence
        self._still = still
        self._shown: dict[str, Tree | str] = {}
        self.containers = Containers(
            stand.engine, stand.toolbox, stand.volume, stand.image, evidence, self.place
        )  # fmt: skip

    @property
    def place(self) -> str:
        """The directory in which operations work, as containers see it."""
        return f"{VOLUME if self.stand.native else ''}/{PLACE}"

    @property
    def client(self) -> docker.DockerClient:
        return self.stand.engine.client

    def note_requests(self) -> None:
        """Record every request of the engine's client from now on, as system calls are recorded."""

        def answered(response: requests.Response, **_: object) -> None:
            asked = response.request
            call = f"{asked.method} {urlsplit(str(asked.url)).path}"
            seconds = response.elapsed.total_seconds()
            self._evidence.record("engine", anonymous(call), str(response.status_code), not response.ok, seconds)

        self.client.api.hooks["response"].append(answered)

    # --- what operations do

    def laid_out(self, tree: Mapping[str, Entry | bytes]) -> Container:
        """Start a container that finds `tree` in its directory: in its image, or on the volume of a `native` lane."""
        return self.created(tree).start()

    def created(self, tree: Mapping[str, Entry | bytes], **settings: Any) -> Container:
        """Create such a container without starting it; `settings` are the Docker SDK's."""
        if not self.stand.native:
            return self.containers.create(self.containers.image(tree), **settings)
        whole = beneath(PLACE, {path: entry(value) for path, value in tree.items()})
        self.stand.machine.lay_out(whole, self.stand.backing.path("volume"))
        return self.containers.create(**settings)

    def process(self, container: Container) -> Process:
        """A process in a container, in the directory of the operations."""
        return self.containers.process(container)

    def exported(self, tree: Mapping[str, Entry | bytes]) -> bytes:
        """`docker export` of a container whose directory has this tree."""
        return self.created(tree).export()

    def imported(self, archive: bytes) -> str:
        """`docker import`; returns the image's name. Raises DockerException."""
        self.client.api.import_image_from_data(archive, repository="roadworthy", tag="cut")
        return "roadworthy:cut"

    def pushed(self, tree: Mapping[str, Entry | bytes]) -> str:
        """Push an image with this tree to the registry, remove it here, and return its name there.

        Raises Unsupported if the engine cannot reach the registry. The name is known if this was done before.
        """
        if self.stand.machine.far:
            raise Unsupported("a virtual machine has no network, and so no registry on loopback")
        if self.stand.engine.name == "podman":
            raise Unsupported("Podman takes a registry without TLS only if its configuration names the registry's port")
        name, tag = f"{self._beside.registry.address}/cut", "made"
        if f"{name}:{tag}" not in self._beside.pushed:
            made = self.containers.image(tree)
            self.client.api.tag(made, name, tag)
            said = self.client.api.push(name, tag, stream=False)
            if "errorDetail" in said:
                raise Unsupported(f"this engine pushes nothing to a registry on loopback: {said.splitlines()[-1]}")
            for one in (f"{name}:{tag}", made):
                self.client.api.remove_image(one, force=True)
            self._beside.pushed.add(f"{name}:{tag}")
        return f"{name}:{tag}"

    def pull(self, name: str) -> None:
        """`docker pull`. Raises DockerException."""
        repository, _, tag = name.rpartition(":")
        said = self.client.api.pull(repository, tag, stream=True, decode=True)
        if wrong := next((line["error"] for line in said if "error" in line), ""):
            raise DockerException(wrong)

    def build(self, base: str, files: Mapping[str, Entry | bytes]) -> str:
        """`docker build` of an image that adds files to `base`; returns its id."""
        return self.containers.build([f"FROM {base}", "COPY context /built"], files)

    def newer_engine(self) -> Callable[[], None]:
        """What upgrades the daemon to the newest series of its kind that reads its data root and has an engine root.

        Raises Unsupported if its own is the newest, and what making the root raises. The upgrade raises Unsupported if
        the newer daemon does not run here, which is no matter of power cuts.
        """
        engine = self.stand.lane.engine
        name = newest(engine.kind, version(engine.release))
        if version(engine.release) >= series_of(name):
            raise Unsupported(
                f"{engine.kind} {engine.release} is the newest there is an engine root of: nothing to upgrade to"
            )
        tree = self._beside.engine_root(name).tree

        def upgrade() -> None:
            try:
                self.stand.engine.upgrade(tree)
            except EngineFailed as reason:
                raise Unsupported(f"{name} does not run on this data root: {refused(reason)}") from None

        return upgrade

    def tagged(self, image: str) -> str:
        """`docker tag`; returns the further name."""
        self.client.api.tag(image, "roadworthy", "further")
        return "roadworthy:further"

    def program(self, name: str, *arguments: str) -> list[str]:
        """The argument list that runs a program of Debian in a container."""
        return self._beside.software(self.stand).command(name, *arguments)

    # --- what has to survive

    def image(self, name: str, label: str = "the image") -> Thing:
        """An image by its name or id: everything that a container made of it shows."""
        return Thing(label, lambda store: store._of_image(name))

    def container(self, made: Container, label: str = "the container") -> Thing:
        """A container: everything that it shows."""
        identity = made.id
        return Thing(label, lambda store: store._of_container(identity))

    def removal(self, thing: Thing) -> Thing:
        """The removal of a thing: it has to be gone, and may be there as it is now until then."""
        now = thing.see(self)
        assert isinstance(now, Mapping), f"{thing.label} is not there: {now}"
        return Thing(f"removal of {thing.label}", thing.see, expected=None, before=(now,))

    def volume_file(self, name: str, path: str, content: bytes, *before: bytes | None) -> Thing:
        """A file of a volume of the engine; `before` are what it may be until then."""

        def see(store: Store) -> Tree | str | None:
            try:
                where = store.client.volumes.get(name).attrs["Mountpoint"]
            except NotFound:
                return None
            except (DockerException, RequestException) as refusal:
                return refused(refusal)
            return only(tree_below(store.stand.home.path(where), ""), path)

        return Thing(path, see, a_file(path, content), tuple(a_file(path, one) for one in before))

    def directory(self, made: Container, path: str, label: str = "") -> Thing:
        """A directory of a container: everything in it."""
        identity, head = made.id, f"{PLACE}/{path}/"

        def see(store: Store) -> Tree | str | None:
            found = store._of_container(identity)
            if found is None or isinstance(found, str):
                return found
            return {name.removeprefix(head): one for name, one in found.items() if name.startswith(head)}

        return Thing(label or path, see)

    def output(
        self, made: Container, label: str, argv: Sequence[str], expected: str, *before: str, user: int = 0
    ) -> Thing:  # fmt: skip
        """What a program prints in a container that is started for it; `before` are what it may print until then."""
        identity, place = made.id, self.place

        def see(store: Store) -> Tree | str | None:
            try:
                store.client.api.start(identity)
                asked = store.client.api.exec_create(identity, list(argv), workdir=place, user=str(user))["Id"]
                said = store.client.api.exec_start(asked)
            except (DockerException, RequestException) as refusal:
                return refused(refusal)
            return a_file(label, said)

        told = tuple(a_file(label, one.encode()) for one in before)
        return Thing(label, see, a_file(label, expected.encode()), told)

    def file(
        self, made: Container, path: str, content: bytes | None, *before: bytes | None, mode: int = 0o644
    ) -> Thing:  # fmt: skip
        """A file of a container with this content, or its absence; `before` are what it may be until then."""
        identity = made.id

        def see(store: Store) -> Tree | str | None:
            found = store._of_container(identity)
            return found if found is None or isinstance(found, str) else only(found, f"{PLACE}/{path}", path)

        return Thing(path, see, a_file(path, content, mode), tuple(a_file(path, one) for one in before))

    # --- how it is seen

    def _of_image(self, name: str) -> Tree | str | None:
        try:
            # Podman prefixes the names of images: `localhost/` or that of a registry. A list of the SDK's objects would
            # inspect every image, and fail for one that is damaged.
            listed = {tag: str(one["Id"]) for one in self.client.api.images() for tag in one["RepoTags"] or ()}
            named = [identity for tag, identity in listed.items() if f"/{tag}".endswith(f"/{name}")]
            identity = named[0] if named else str(self.client.images.get(name).id)
        except NotFound:
            return None
        except (DockerException, RequestException) as refusal:
            return refused(refusal)
        try:
            made = self.client.api.create_container(identity, ["x"], network_disabled=True)["Id"]
        except (DockerException, RequestException) as refusal:
            return refused(refusal)
        try:
            return self._exported(made)
        finally:
            self.client.api.remove_container(made, force=True)

    def _of_container(self, identity: str) -> Tree | str | None:
        try:
            self.client.containers.get(identity)
        except NotFound:
            return None
        except (DockerException, RequestException) as refusal:
            return refused(refusal)
        if not self._still or identity not in self._shown:
            self._shown[identity] = self._on_volume() if self.stand.native else self._exported(identity)
        return self._shown[identity]

    def _on_volume(self) -> Tree:
        return tree_below(self.stand.backing.path("volume", PLACE), f"{PLACE}/")

    def _exported(self, identity: str) -> Tree | str:
        try:
            archive = b"".join(self.client.api.export(identity))
            return {path: one for path, one in tree_of(io.BytesIO(archive)).items() if not made_by_engine(path)}
        except (DockerException, RequestException) as refusal:
            return refused(refusal)
        except tarfile.TarError as broken:
            return f"the export is damaged: {broken}"


def tree_below(where: PlacePath, prefix: str) -> Tree:
    """The files and directories below a directory of a place, each under `prefix`."""
    tree = {}
    for found in sorted(where.rglob("*"), key=str):
        status = found.lstat()
        content = found.read_bytes() if found.is_file() else None
        owner = status.st_uid, status.st_gid
        tree[prefix + str(found).removeprefix(f"{where}/")] = kept(content, status.st_mode & 0o7777, owner)
    return tree


def only(tree: Tree, path: str, name: str = "") -> Tree | None:
    """A tree's file of this path, under `name`, or None if it has none."""
    return {name or path: tree[path]} if path in tree else None


def a_file(path: str, content: bytes | None, mode: int = 0o644) -> Tree | None:
    """The tree of one file with this content and mode, and owner root; None if it is absent."""
    return None if content is None else {path: kept(content, mode)}


#: What engines put into a container's file system when they create or start it.
ENGINES_OWN = ("dev", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab", "proc", "sys", "run", ".dockerenv")


def made_by_engine(path: str) -> bool:
    return any(path == own or path.startswith(f"{own}/") for own in ENGINES_OWN)


def refused(reason: Exception) -> str:
    """The first words of a refusal, without what differs from run to run: identifiers, and paths with them."""
    said = str(reason.explanation or reason) if isinstance(reason, APIError) else str(reason)
    return anonymous(" ".join(said.split()))[:TOLD]


def anonymous(words: str) -> str:
    """Words in which paths of the run and identifiers are `…`."""
    words = re.sub(r"/(run|var/lib)/roadworthy/[^/\s]+/\d+/m\b", "…", words)
    words = re.sub(r"/\d+\b|\b\d{6,}\b", lambda found: "/…" if found[0][0] == "/" else "…", words)
    return re.sub(r"\b(?=[a-zA-Z]*[0-9])[0-9a-zA-Z]{12,}\b", "…", words)


def state(thing: Thing, found: Tree | str | None, expected: Tree | str | None) -> str:
    """The state of a thing after a cut.

    `whole`, `as before` the operation, `gone`, `there again`, `says so: …` or `silent: …`, which names what is wrong.
    """
    if isinstance(found, str):
        return f"says so: {found}"
    if found == expected:
        return "whole"
    if found in thing.before:
        return "as before"
    if expected is None:
        return "there again"
    if found is None:
        return "gone"
    assert not isinstance(expected, str)
    return f"silent: {damage(expected, found)}"
