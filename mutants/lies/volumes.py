"""Lies about volumes and bind mounts."""

from __future__ import annotations

from typing import Any

from roadworthy.calls.inside import INSIDE
from roadworthy.declaring.places import VOLUME
from roadworthy.mutants.lie import lie
from roadworthy.mutants.lies.life import Create

#: What the suite binds into every container: its toolbox, and the backing file system's volume.
OURS = (INSIDE, VOLUME)


def ours(bind: str) -> bool:
    return str(bind).split(":")[1] in OURS


@lie("volumes-begin-empty")
class BeginEmpty(Create):
    """A new volume lacks what the image has at its mount point."""

    def change(self, host: dict[str, Any]) -> bool:
        binds = host.get("Binds") or []
        host["Binds"] = [bind if ours(bind) or bind.startswith("/") else f"{bind},nocopy" for bind in binds]
        return bool(host["Binds"] != binds)


@lie("mounts-forgotten")
class MountsForgotten(Create):
    """Volumes and bind mounts are accepted and not mounted."""

    def change(self, host: dict[str, Any]) -> bool:
        binds = host.get("Binds") or []
        host["Binds"] = [bind for bind in binds if ours(bind)]
        return bool(host["Binds"] != binds)
