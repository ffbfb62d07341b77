"""The image store and the containers of a lane, as an operation uses them and as they are seen after a cut."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from requests.exceptions import RequestException

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.process import Process
from roadworthy.cuts.contents import Tree, damage, tree_of
from roadworthy.declaring.places import CHECKS, VOLUME
from roadworthy.engines.containers import Container, Containers
from roadworthy.lane.stand import Stand
from roadworthy.trees.layers import Entry, beneath, entry

#: The directory in which operations work.
PLACE = f"{CHECKS}/cut"


@dataclass(frozen=True)
class Thing:
    """Something that an operation has made, changed or removed, and that a cut may lose.

    `see` returns its tree in a store, None if the store does not list it, or the engine's words if it refuses.
    Before it is acknowledged a thing may also be any of `before`.
    """

    label: str
    kind: str
    see: Callable[[Store], Tree | str | None]
    #: What has to be seen; None if it has to be gone. "as made" is what the store showed when the operation was over.
    expected: Tree | str | None = "as made"
    before: tuple[Tree | None, ...] = ()


class Store:
    """A lane's engine and what it holds. Operations make objects through it; a look after a cut reads them."""

    def __init__(self, stand: Stand, evidence: Evidence) -> None:
        self.stand = stand
        self._evidence = evidence
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
        if not self.stand.native:
            return self.containers.run(self.containers.image(tree))
        whole = beneath(PLACE, {path: entry(value) for path, value in tree.items()})
        self.stand.machine.lay_out(whole, self.stand.backing.path("volume"))
        return self.containers.run()

    def process(self, container: Container) -> Process:
        """A process in a container, in the directory of the operations."""
        return self.containers.process(container)

    # --- what has to survive

    def image(self, name: str, label: str = "the image") -> Thing:
        """An image by its name or id: everything that a container made of it shows."""
        return Thing(label, "image", lambda store: store._of_image(name))

    def container(self, made: Container, label: str = "the container") -> Thing:
        """A container: everything that it shows."""
        identity = made.id
        return Thing(label, "container", lambda store: store._of_container(identity))

    def file(self, made: Container, path: str, content: bytes | None, *before: bytes | None) -> Thing:
        """A file of a container with this content, or its absence; `before` are what it may be until then."""
        identity = made.id

        def see(store: Store) -> Tree | str | None:
            found = store._of_container(identity)
            return found if found is None or isinstance(found, str) else only(found, path)

        return Thing(path, "file", see, expected=a_file(path, content), before=tuple(a_file(path, b) for b in before))

    # --- how it is seen

    def _of_image(self, name: str) -> Tree | str | None:
        try:
            self.client.images.get(name)
        except ImageNotFound:
            return None
        except (DockerException, RequestException) as refusal:
            return refused(refusal)
        try:
            made = self.client.api.create_container(name, ["x"], network_disabled=True)["Id"]
        except (DockerException, RequestException) as refusal:
            return refused(refusal)
        try:
            return self._exported(made)
        finally:
            self.client.api.remove_container(made, force=True)

    def _of_container(self, identity: str) -> Tree | str | None:
        if self.stand.native:
            return self._of_volume()
        try:
            self.client.containers.get(identity)
        except NotFound:
            return None
        except (DockerException, RequestException) as refusal:
            return refused(refusal)
        return self._exported(identity)

    def _exported(self, identity: str) -> Tree | str:
        try:
            archive = b"".join(self.client.api.export(identity))
            return {path: kept for path, kept in tree_of(io.BytesIO(archive)).items() if not made_by_engine(path)}
        except (DockerException, RequestException) as refusal:
            return refused(refusal)
        except tarfile.TarError as broken:
            return f"the export is damaged: {broken}"

    def _of_volume(self) -> Tree:
        packed = io.BytesIO()
        where = self.stand.backing.path("volume", PLACE)
        with tarfile.open(fileobj=packed, mode="w:", format=tarfile.PAX_FORMAT) as tar:
            for found in sorted(where.rglob("*"), key=str):
                member = tarfile.TarInfo(f"{PLACE}/{str(found).removeprefix(f'{where}/')}")
                status = found.lstat()
                member.mode, member.uid, member.gid = status.st_mode & 0o7777, status.st_uid, status.st_gid
                if found.is_file():
                    data = found.read_bytes()
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
                else:
                    member.type = tarfile.DIRTYPE
                    tar.addfile(member)
        packed.seek(0)
        return tree_of(packed)


def only(tree: Tree, path: str) -> Tree | None:
    """A tree's file of this path below the operations' directory, or None if it has none."""
    whole = f"{PLACE}/{path}"
    return {path: tree[whole]} if whole in tree else None


def a_file(path: str, content: bytes | None) -> Tree | None:
    """The tree of one file with this content, mode 0644 and owner root; None if it is absent."""
    if content is None:
        return None
    member = tarfile.TarInfo(path)
    member.size = len(content)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:") as tar:
        tar.addfile(member, io.BytesIO(content))
    packed.seek(0)
    return tree_of(packed)


#: What engines put into a container's file system when they create or start it.
ENGINES_OWN = ("dev", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab", "proc", "sys", "run", ".dockerenv")


def made_by_engine(path: str) -> bool:
    return any(path == own or path.startswith(f"{own}/") for own in ENGINES_OWN)


def refused(reason: Exception) -> str:
    """The words of a refusal, without what differs from run to run: identifiers, and paths with them."""
    said = str(reason.explanation or reason) if isinstance(reason, APIError) else str(reason)
    return anonymous(" ".join(said.split()))


def anonymous(words: str) -> str:
    """Words in which paths of the run and identifiers are `…`."""
    words = re.sub(r"/(run|var/lib)/roadworthy/[^/\s]+/\d+/m\b", "…", words)
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
