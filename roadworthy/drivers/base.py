"""A storage driver as the suite sees it: what it needs, how its daemon is configured, where its layers lie."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from roadworthy.declaring.features import Feature

if TYPE_CHECKING:
    from roadworthy.machines.backing import Backing
    from roadworthy.machines.machine import Machine, Requirement
    from roadworthy.machines.place import Place, PlacePath


#: The form of a setting's value: `true` and nothing else, a number, one word, or words between commas.
Form = Literal["switch", "number", "word", "words"]


class Daemon(Protocol):
    """What a driver needs of a daemon to find its layers. Every engine has it."""

    #: The data root, as its place sees it.
    data_root: Path
    place: Place

    @property
    def root(self) -> PlacePath:
        """The data root, as the controller reaches it."""
        ...

    @property
    def containerd(self) -> str:
        """The address of the containerd that the daemon starts, as its place sees it; empty if it starts none."""
        ...

    @property
    def containerd_namespace(self) -> str:
        """The namespace in which that containerd keeps what is the daemon's."""
        ...

    def info(self) -> dict[str, Any]:
        """The result of `docker info`."""
        ...


class Driver:
    """One storage driver. A subclass is one short file; its docstring says in a sentence what the driver does."""

    #: The name on the command line and in ids.
    name: ClassVar[str]
    #: Backing file systems that it accepts; the first is the default.
    backings: ClassVar[tuple[str, ...]]
    #: The features that it promises.
    features: ClassVar[Feature] = Feature.NONE
    #: The backings on which it limits a container's size besides, by project quotas.
    sizes_on: ClassVar[tuple[str, ...]] = ()
    #: The name that the daemon gives it; empty if that is `name`.
    engine_name: ClassVar[str] = ""
    #: Debian packages of the programs that the driver calls, besides the engine.
    packages: ClassVar[tuple[str, ...]] = ()
    #: The first engine release without it, as its release notes say; empty while it is shipped.
    removed_in: ClassVar[str] = ""
    #: The first engine release with it; empty if every engine has it.
    first_in: ClassVar[str] = ""
    #: Entries of dockerd's configuration file that it needs.
    configuration: ClassVar[Mapping[str, Any]] = {}
    #: The engines that have it; `default_engine` is the engine root of a lane if the command line names none.
    engines: ClassVar[tuple[str, ...]] = ("docker",)
    default_engine: ClassVar[str] = ""
    #: The driver that a check which switches drivers makes the daemon use instead, on the same backing.
    another: ClassVar[str] = "vfs"
    #: A driver whose layers a daemon that is told no driver must not pass over.
    prior: ClassVar[str] = "aufs"
    #: Layers that the engine adds between those of an image and the one that a container writes to.
    layers_added: ClassVar[int] = 1
    #: The options of a lane that are containerd's, not the daemon's: the plugin of each, and the form of its value.
    containerd_options: ClassVar[Mapping[str, tuple[str, Form]]] = MappingProxyType({})
    #: Directories that it makes under the data root, for a reader who looks for a layer.
    layout: ClassVar[tuple[str, ...]] = ()
    #: Directories below the data root in which a commit makes names before it is over; empty for those of `layout`.
    committed_to: ClassVar[tuple[str, ...]] = ()
    #: Fields of `docker info` below the driver's name that its documentation shows.
    info_fields: ClassVar[tuple[str, ...]] = ()
    #: How a deletion looks in the writable layer: `character device 0:0`, `.wh. file` or `nothing`.
    whiteout_form: ClassVar[str] = "nothing"
    #: Whether a file of an image has a hard link for every layer above its own, which its link count then shows.
    links_layers: ClassVar[bool] = False
    #: The file system, in the kernel or in a server, that lays its layers over each other; empty if there is none.
    #: Deviations name it instead of every driver that inherits its behaviour.
    built_on: ClassVar[str] = ""
    #: The file system that a container's root shows in the mount table; empty: that of the backing.
    root_file_system: ClassVar[str] = ""
    #: statfs(2)'s f_type inside a container; 0: that of the backing.
    magic: ClassVar[int] = 0
    #: Whether its file systems lie in files of the backing, so that they are synced before the backing is measured.
    nested: ClassVar[bool] = False
    #: Why holes and file flags of its image layers cannot be made from outside; empty if they can.
    sealed_layers: ClassVar[str] = ""
    #: Whether a daemon that remaps users makes the owners right in a copy of the image, for every container.
    remaps_in_a_copy: ClassVar[bool] = False
    #: The name of the process that serves a container's files; empty if the kernel does.
    server: ClassVar[str] = ""

    def __repr__(self) -> str:
        return f"<driver {self.name}>"

    def requirements(self, machine: Machine) -> Iterator[Requirement]:
        """Yield what the machine must have; the first unmet requirement is the lane's reason."""
        yield from ()

    def storage_options(self, options: Mapping[str, str]) -> list[str]:
        """The daemon's --storage-opt words for the lane's driver options."""
        return [f"{key}={value}" for key, value in options.items()]

    def mistake_in(self, key: str, value: str) -> str:
        """What is wrong with an option of a lane, in a sentence; empty if it is right, or the daemon has to say so."""
        return ""

    def backing_options(self, backing: Backing) -> list[str]:
        """The daemon's --storage-opt words for a backing that is more than a data root."""
        return []

    def afterwards(self, backing: Backing) -> Iterator[list[str]]:
        """Yield commands that remove what the daemon leaves in the kernel, once its processes and mounts are gone."""
        yield from ()

    def find(self, place: Place, data_root: Path) -> None:
        """Make known to the kernel what the driver keeps in the data root besides files, after a cut of the power."""

    def writable_layer(self, engine: Daemon, container: Mapping[str, Any]) -> PlacePath:
        """The directory of a container's writable layer; `container` is the result of `docker inspect`."""
        return self.layer_directory(engine.root, mount_id(engine.root, self.daemon_name, container["Id"]))

    def image_layer(self, engine: Daemon, chain_id: str) -> PlacePath:
        """The directory of one image layer, by its chain id (OCI image-spec, config.md, "Layer ChainID")."""
        return self.layer_directory(engine.root, layer_id(engine.root, self.daemon_name, chain_id))

    @contextmanager
    def layers_at_hand(self, engine: Daemon, chain_ids: Sequence[str], writable: bool) -> Iterator[list[PlacePath]]:
        """Yield the directories of image layers while the block runs; drivers that mount layers for use mount them."""
        yield [self.image_layer(engine, chain_id) for chain_id in chain_ids]

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        """Where a graph driver keeps the layer `identity`."""
        raise NotImplementedError(f"{self.name} does not say where its layers lie")

    def server_version(self, place: Place) -> str:
        """The version of the program that serves a container's files; empty if the kernel does."""
        return ""

    def lower_directories(self, engine: Daemon, root: str, container: Mapping[str, Any]) -> list[str]:
        """The lower directories of a running container's root, the highest first; empty if they cannot be seen.

        `root` is the root's line of mountinfo. A FUSE server's line shows none; `docker inspect` then names them.
        """
        found = re.search(r"lowerdir=([^,\s]+)", root)
        if found:
            return found[1].split(":")
        data = container.get("GraphDriver", {}).get("Data") or {}
        return data["LowerDir"].split(":") if "LowerDir" in data else []

    def descent(
        self, engine: Daemon, chain_ids: Sequence[str], container: Mapping[str, Any]
    ) -> list[tuple[str, str]]:  # fmt: skip
        """The image's layers, the lowest first, and the container's: each with its origin, empty for none.

        Only drivers with the feature SNAPSHOTS have it.
        """
        raise NotImplementedError(f"{self.name} does not say what its layers stem from")

    @property
    def mounts_root(self) -> bool:
        """Whether the daemon mounts a root file system for every running container."""
        return bool(self.root_file_system)

    @property
    def mount_directory(self) -> str:
        """The directory below the data root where the daemon mounts root file systems."""
        return self.daemon_name

    def containerd_plugins(
        self, place: Place, data_root: Path, options: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:  # fmt: skip
        """Prepare and return plugin settings for a containerd of ours; empty if the one that dockerd starts will do.

        `options` are the lane's, KEY=VALUE.
        """
        return {}

    @property
    def daemon_name(self) -> str:
        """The name that `docker info` must report."""
        return self.engine_name or self.name


def layer_id(data_root: PlacePath, daemon_name: str, chain_id: str) -> str:
    """The name under which the layer store keeps an image layer."""
    return (data_root / "image" / daemon_name / "layerdb" / chain_id.replace(":", "/") / "cache-id").read_text().strip()


def mount_id(data_root: PlacePath, daemon_name: str, container: str) -> str:
    """The name under which the layer store mounted a container's writable layer."""
    return (data_root / "image" / daemon_name / "layerdb/mounts" / container / "mount-id").read_text().strip()
