"""Lies about a container's layer, mounts and inode numbers when it is stopped, removed or started again."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from roadworthy.declaring.places import CHECKS
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


@lie("restart-reverses-files")
class RestartReverses(Lie):
    """After a restart of the daemon, files of images and containers have their bytes in reverse order."""

    def starting(self, engine: Any, argv: list[str], again: bool, liar: Liar) -> list[str]:
        layers = [Path(path) for path in engine.root.glob("*/*/diff")] if again else []
        for path in (path for layer in layers for path in files(layer)):
            path.write_bytes(path.read_bytes()[::-1])
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
            shutil.copytree(layer / CHECKS, kept, symlinks=True)
        answer = asked.answer()
        if files_exist:
            asked.liar.count()
        return answer


@lie("removal-refused-while-used")
class RemovalRefused(Lie):
    """docker rm fails while something outside of a container has a file of its root open, or a copy of its mount."""

    def told(self, asked: Asked) -> Any:
        if not asked.matches("DELETE", "containers", "*"):
            return asked.answer()
        pid = asked.engine.client.api.inspect_container(asked.path[1])["State"]["Pid"]
        if not pid or not used_elsewhere(Path(asked.engine.proc(pid))):
            return asked.answer()
        return asked.invented(500, {"message": "unable to remove filesystem: device or resource busy"})


def used_elsewhere(container: Path) -> bool:
    """Whether a process beside the daemon uses a container's root; `container` is its first process in a /proc."""
    daemons, own = ((process / "ns/mnt").readlink() for process in (container.with_name("1"), container))
    root = (container / "root").stat().st_dev
    device = f"{os.major(root)}:{os.minor(root)}"
    mount = next(words[0] for words in mounts(container) if words[4] == "/")
    for process in container.parent.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            namespace = (process / "ns/mnt").readlink()
            if namespace not in (daemons, own) and any(words[2] == device for words in mounts(process)):
                return True
            if namespace != own and any(mount in held.read_text().split() for held in process.glob("fdinfo/*")):
                return True
    return False


def mounts(process: Path) -> list[list[str]]:
    """The mounts of a process, see proc_pid_mountinfo(5): number, parent, device, root, mount point and more."""
    return [line.split() for line in (process / "mountinfo").read_text().splitlines()]


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
