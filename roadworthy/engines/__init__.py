"""The engines that run containers: a private daemon in its capsule, Docker's or Podman's."""

from __future__ import annotations

from roadworthy.engine_name import EngineName
from roadworthy.engines.dockerd import Dockerd
from roadworthy.engines.engine import Engine
from roadworthy.engines.podman import Podman

KINDS: dict[str, type[Engine]] = {kind.name: kind for kind in (Dockerd, Podman)}


def engine_class(engine: EngineName) -> type[Engine]:
    """The class of the engine with this name."""
    return KINDS[engine.kind]
