"""The engines that run containers: a private daemon in its capsule, Docker's or Podman's."""

from __future__ import annotations

from collections.abc import Mapping

from roadworthy.engine_name import EngineName
from roadworthy.engines.dockerd import Dockerd
from roadworthy.engines.engine import Engine
from roadworthy.engines.podman import Podman
from roadworthy.extending.table import Table, subclass_of

OWN: dict[str, type[Engine]] = {kind.name: kind for kind in (Dockerd, Podman)}


def made(name: str, value: object) -> type[Engine]:
    """The kind of engine that another distribution adds. Raises ValueError."""
    return subclass_of(Engine, name, value)  # type: ignore[type-abstract]


KINDS: Mapping[str, type[Engine]] = Table("engines", OWN, made)


def engine_class(engine: EngineName) -> type[Engine]:
    """The class of the engine with this name."""
    return KINDS[engine.kind]
