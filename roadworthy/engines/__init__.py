"""Who runs containers: a private daemon in its capsule, Docker's or Podman's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadworthy.engines.engine import Engine


def engine_name(word: str) -> str:
    """The engine in a name with its series: `docker20.10` and `docker-20.10` are of `docker`."""
    found = re.match(r"[a-z]+", word)
    return found[0] if found else word


def engine_kind(word: str) -> type[Engine]:
    """What starts the engine that an id names."""
    from roadworthy.engines.dockerd import Dockerd
    from roadworthy.engines.podman import Podman

    return {kind.name: kind for kind in (Dockerd, Podman)}[engine_name(word)]
