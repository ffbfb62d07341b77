"""What a storage driver is to the suite: what it needs, how the daemon is configured, where its layers lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from roadworthy.features import Feature
from roadworthy.machines.host import Host, Requirement
from roadworthy.machines.place import PlacePath

if TYPE_CHECKING:
    from roadworthy.engines.dockerd import Dockerd


class Driver:
    """One storage driver. A subclass is one short file; its docstring says what the driver does in a sentence."""

    #: The name on the command line and in ids.
    name: ClassVar[str]
    #: Backing file systems that it accepts; the first is the default.
    backings: ClassVar[tuple[str, ...]]
    #: What its promises include.
    features: ClassVar[Feature] = Feature.NONE
    #: What the daemon is told to use, where that is not the name.
    engine_name: ClassVar[str] = ""
    #: Debian packages that hold what the driver calls, besides the engine.
    packages: ClassVar[tuple[str, ...]] = ()
    #: The first engine release without it, as its release notes say; empty while it is shipped.
    removed_in: ClassVar[str] = ""
    #: The first engine release with it; empty where every engine has it.
    first_in: ClassVar[str] = ""
    #: What dockerd's configuration file has to say for it.
    configuration: ClassVar[Mapping[str, Any]] = {}
    #: What the daemon is told to use instead of it, on the same backing, where a check switches drivers.
    another: ClassVar[str] = "vfs"
    #: Directories that it makes under the data root, for a reader who looks for a layer.
    layout: ClassVar[tuple[str, ...]] = ()
    #: Fields of `docker info` below the driver's name that its documentation shows.
    info_fields: ClassVar[tuple[str, ...]] = ()
    #: How a deletion looks in the writable layer: `character device 0:0`, `.wh. file` or `nothing`.
    whiteout_form: ClassVar[str] = "nothing"
    #: The file system that a container's root shows in the mount table; empty: that of the backing.
    root_file_system: ClassVar[str] = ""
    #: statfs(2)'s f_type inside a container; 0: that of the backing.
    magic: ClassVar[int] = 0

    def requirements(self, machine: Host) -> Iterator[Requirement]:
        """What the machine must have; the first that is not met is the lane's reason."""
        yield from ()

    def storage_options(self, options: Mapping[str, str]) -> list[str]:
        """The daemon's --storage-opt words for the lane's driver options."""
        return [f"{key}={value}" for key, value in options.items()]

    def writable_layer(self, engine: Dockerd, container: Mapping[str, Any]) -> PlacePath:
        """The directory of a container's writable layer; `container` is what `docker inspect` says."""
        return self.layer_directory(engine.root, mount_id(engine.root, self.daemon_name, container["Id"]))

    def image_layer(self, engine: Dockerd, chain_id: str) -> PlacePath:
        """The directory of one image layer, by its chain id (OCI image-spec, config.md, "Layer ChainID")."""
        cache = engine.root / "image" / self.daemon_name / "layerdb" / chain_id.replace(":", "/") / "cache-id"
        return self.layer_directory(engine.root, cache.read_text().strip())

    def layer_directory(self, data_root: PlacePath, identity: str) -> PlacePath:
        """Where a graph driver keeps the layer `identity`."""
        raise NotImplementedError(f"{self.name} does not say where its layers lie")

    @property
    def daemon_name(self) -> str:
        """What `docker info` must report."""
        return self.engine_name or self.name


def mount_id(data_root: PlacePath, daemon_name: str, container: str) -> str:
    """The name under which the layer store mounted a container's writable layer."""
    return (data_root / "image" / daemon_name / "layerdb/mounts" / container / "mount-id").read_text().strip()
