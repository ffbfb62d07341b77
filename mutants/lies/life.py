"""Lies about a container's layer, mounts and inode numbers when it is stopped, removed or started again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from roadworthy.mutants.lie import Asked, Liar, Lie, lie
from roadworthy.mutants.lies.images import entries, files
from roadworthy.mutants.sabotage import OPAQUE

ORIGIN = "trusted.overlay.origin"


def stops(asked: Asked) -> bool:
    """Whether a container is to be stopped or killed."""
    return asked.matches("POST", "containers", "*", "stop") or asked.matches("POST", "containers", "*", "kill")


class Stop(Lie):
    """Lies about docker stop and docker kill: afterwards the container's layer is edited."""

    def edit(self, layer: Path) -> bool:
        """Edit the layer, and return whether something was edited."""
        raise NotImplementedError

    def told(self, asked: Asked) -> Any:
        if not stops(asked):
            return asked.answer()
        layer = asked.writable_layer(asked.path[1])
        answer = asked.answer()
        if self.edit(layer):
            asked.liar.count()
        return answer


def emptied(found: Iterable[Path]) -> bool:
    """Empty files, and return whether there were any."""
    paths = list(found)
    for path in paths:
        os.truncate(path, 0)
    return bool(paths)


@lie("stop-empties-files")
class StopEmpties(Stop):
    """Files that a container wrote are empty once it has stopped."""

    def edit(self, layer: Path) -> bool:
        return emptied(files(layer))


@lie("stop-remakes-files")
class StopRemakes(Stop):
    """Files that a container wrote are other files, with the same content, once it has stopped."""

    def edit(self, layer: Path) -> bool:
        found = list(files(layer))
        for path in found:
            spare = path.with_name(f".{path.name}.remade")
            shutil.copy2(path, spare)
            # It leads overlayfs to the lower file, whose inode number the copy shows.
            if ORIGIN in os.listxattr(spare):
                os.removexattr(spare, ORIGIN)
            spare.replace(path)
        return bool(found)


@lie("stop-forgets-opaque")
class StopForgetsOpaque(Stop):
    """Directories that a container recreated show their old entries, once it has stopped."""

    def edit(self, layer: Path) -> bool:
        changed = False
        for path in entries(layer):
            if path.is_dir() and not path.is_symlink() and OPAQUE in os.listxattr(path):
                os.removexattr(path, OPAQUE)
                changed = True
        return changed


@lie("stop-makes-opaque")
class StopMakesOpaque(Stop):
    """Directories in which a container made a file show nothing of the image, once it has stopped."""

    def edit(self, layer: Path) -> bool:
        found = [path for path in entries(layer) if path.is_dir() and not path.is_symlink()]
        for path in found:
            os.setxattr(path, OPAQUE, b"y")
        return bool(found)


@lie("restart-empties-files")
class RestartEmpties(Lie):
    """After a restart of the daemon, files of images and containers are empty."""

    def starting(self, engine: Any, argv: list[str], again: bool, liar: Liar) -> list[str]:
        layers = [Path(path) for path in engine.root.glob("*/*/diff")] if again else []
        if emptied(path for layer in layers for path in files(layer)):
            liar.count()
        return argv


@lie("mount-left-behind")
class MountLeft(Lie):
    """A container that was stopped or removed leaves a mount below the data root."""

    def told(self, asked: Asked) -> Any:
        gone = stops(asked) or (asked.matches("DELETE", "containers", "*"))
        answer = asked.answer()
        if gone and answer.ok:
            place = asked.engine.data_root / asked.engine.driver.mount_directory / f"left-{asked.path[1][:12]}/merged"
            asked.run("mkdir", "-p", str(place))
            asked.run("mount", "-t", "tmpfs", "left", str(place))
            asked.liar.count()
        return answer


@lie("removed-layer-stays")
class RemovedLayerStays(Lie):
    """docker rm leaves the container's layer on the disk."""

    def told(self, asked: Asked) -> Any:
        if not asked.matches("DELETE", "containers", "*"):
            return asked.answer()
        layer = asked.writable_layer(asked.path[1])
        kept = layer.parent.with_name(f"{layer.parent.name}-left")
        if files_exist := any(True for _ in files(layer)):
            shutil.copytree(layer / "c", kept, symlinks=True)
        answer = asked.answer()
        if files_exist:
            asked.liar.count()
        return answer


@lie("removal-refused-once")
class RemovalRefused(Lie):
    """The first docker rm of each container fails because its file system is busy."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.refused: set[str] = set()

    def told(self, asked: Asked) -> Any:
        if not asked.matches("DELETE", "containers", "*") or asked.path[1] in self.refused:
            return asked.answer()
        self.refused.add(asked.path[1])
        return asked.invented(500, {"message": "unable to remove filesystem: device or resource busy"})


class Create(Lie):
    """Lies about docker create, which leave something out."""

    def change(self, host: dict[str, Any]) -> bool:
        """Change the host configuration, and return whether it was changed."""
        raise NotImplementedError

    def told(self, asked: Asked) -> Any:
        if asked.matches("POST", "containers", "create"):
            body = asked.body
            if self.change(body["HostConfig"]):
                asked.ask(body)
        return asked.answer()


@lie("read-only-forgotten")
class ReadOnlyForgotten(Create):
    """A container that was requested read-only is writable."""

    def change(self, host: dict[str, Any]) -> bool:
        return bool(host.pop("ReadonlyRootfs", False))


@lie("tmpfs-forgotten")
class TmpfsForgotten(Create):
    """A directory that was requested as a tmpfs lies in the container's layer."""

    def change(self, host: dict[str, Any]) -> bool:
        return bool(host.pop("Tmpfs", None))


@lie("root-is-a-copy")
class RootIsCopy(Lie):
    """A container's root is a copy of its image in memory; its layer is never used."""

    runtime = {"copy": True}

    def told(self, asked: Asked) -> Any:
        if asked.matches("POST", "containers", "create"):
            asked.liar.count()
        return asked.answer()
