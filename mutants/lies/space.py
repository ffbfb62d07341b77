"""What images and containers take of the data root."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

from mutants.lie import Asked, Lie, lie
from mutants.lies.images import Load

#: Where copies go, below the data root.
COPIES = "copies"


def copied(layers: list[Path], target: Path) -> None:
    """What the layers hold of checks' files, the lowest first, into one new directory."""
    for layer in layers:
        if (layer / "c").is_dir():
            shutil.copytree(layer / "c", target, symlinks=True, ignore=special, dirs_exist_ok=True)


def special(directory: str, names: list[str]) -> list[str]:
    """What is no file, directory or symbolic link: to copy a device is to read all of it."""
    copied_as_they_are = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
    return [name for name in names if stat.S_IFMT(os.lstat(f"{directory}/{name}").st_mode) not in copied_as_they_are]


@lie("layers-copy-what-is-below")
class LayersCopy(Load):
    """Each layer of an image that has more than one holds a copy of all layers below it."""

    def edit(self, asked: Asked, layers: list[Path], before: int) -> bool:
        for depth in range(1, len(layers)):
            copied(layers[:depth], Path(asked.engine.root / COPIES / f"{asked.liar.checking}-{before}-{depth}"))
        return len(layers) > 1


@lie("container-copies-its-image")
class ContainerCopies(Lie):
    """Each new container holds a copy of its image."""

    def told(self, asked: Asked) -> Any:
        answer = asked.answer()
        if asked.matches("POST", "containers", "create") and answer.ok:
            place = Path(asked.engine.root / COPIES / answer.json()["Id"])
            copied(asked.image_layers(asked.body["Image"]), place)
            asked.liar.count()
        return answer
