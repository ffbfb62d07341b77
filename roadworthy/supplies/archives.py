"""Archives that hold a file system: a tar of it, or an image as `docker save`, `podman save` and OCI layouts have it.

tar(1) reads them, whatever they are compressed with.
"""

from __future__ import annotations

import json
import platform
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from roadworthy.programs import ProgramFailed, run

SECONDS = 600
#: Marks of an OCI layer: a file of this prefix removes a name, and one of this name all that lies in its directory.
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
#: A tree's devices are not unpacked: whoever runs something in it mounts a /dev.
LEFT_OUT = ("--anchored", "--exclude=dev/*", "--exclude=./dev/*", "--no-anchored", f"--exclude={WHITEOUT}*")
#: What the OCI image-spec calls the processors, by uname(2)'s names.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}


class ArchiveRefused(Exception):
    """A file is no archive that can be unpacked; the message says why."""


def unpack_file_system(archive: Path, tree: Path) -> None:
    """Unpack the file system in an archive to the directory `tree`. Raises ArchiveRefused.

    What an image needs besides lies beside `tree` meanwhile.
    """
    tree.mkdir()
    try:
        names = listed(archive)
        if not {"manifest.json", "index.json"} & {name.removeprefix("./") for name in names}:
            unpack_layer(archive, names, tree)
            return
        image = tree.with_name("image")
        image.mkdir()
        run(["tar", "--extract", "--file", archive, "--directory", image, "--no-same-owner"], SECONDS)
        for layer in layers(image, archive):
            unpack_layer(layer, listed(layer), tree)
        shutil.rmtree(image)
    except ProgramFailed as reason:
        raise ArchiveRefused(f"{archive} cannot be unpacked: {str(reason).splitlines()[-1]}") from None


def listed(archive: Path) -> list[str]:
    """The names of all members."""
    return run(["tar", "--list", "--quoting-style=literal", "--file", archive], SECONDS).splitlines()


def layers(image: Path, archive: Path) -> list[Path]:
    """The files of an unpacked image's layers, the lowest first. Raises ArchiveRefused."""
    if (image / "manifest.json").is_file():
        images = read(image / "manifest.json", archive)
        if len(images) != 1:
            raise ArchiveRefused(f"{archive} holds {len(images)} images; save the engine's alone")
        return [image / layer for layer in images[0]["Layers"]]
    found = read(image / "index.json", archive)
    while "manifests" in found:
        mine = ARCHITECTURES.get(platform.machine(), platform.machine())
        fitting = [one for one in found["manifests"] if one.get("platform", {}).get("architecture", mine) == mine]
        if len(fitting) != 1:
            raise ArchiveRefused(f"{archive} holds {len(fitting)} images for {mine}; save the engine's alone")
        found = read(blob(image, fitting[0]["digest"]), archive)
    return [blob(image, layer["digest"]) for layer in found["layers"]]


def read(path: Path, archive: Path) -> Any:
    """The value of a JSON file of an unpacked image. Raises ArchiveRefused."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as reason:
        raise ArchiveRefused(f"{archive}: {path.name} cannot be read: {reason}") from None


def blob(image: Path, digest: str) -> Path:
    """The file of a digest in an OCI layout, image-layout.md of the image-spec."""
    return image / "blobs" / digest.replace(":", "/", 1)


def unpack_layer(layer: Path, names: list[str], tree: Path) -> None:
    """Unpack one layer over the layers below it. Raises ArchiveRefused for one that writes outside `tree`."""
    top = tree.resolve()
    for name in names:
        path = PurePosixPath(name)
        place = tree.joinpath(*[part for part in path.parts if part not in ("/", ".")])
        if place == tree:
            continue
        if not place.parent.resolve().is_relative_to(top):
            raise ArchiveRefused(f"{layer.name} has {name}, which a link of a lower layer leads out of the tree")
        if path.name == OPAQUE:
            for below in list(place.parent.iterdir()) if place.parent.is_dir() else []:
                remove(below)
        elif path.name.startswith(WHITEOUT):
            remove(place.with_name(path.name.removeprefix(WHITEOUT)))
    run(["tar", "--extract", "--file", layer, "--directory", tree, "--numeric-owner", *LEFT_OUT], SECONDS)


def remove(path: Path) -> None:
    """Remove a file or a tree that may be there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
