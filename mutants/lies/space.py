"""Lies that make images and containers take more of the data root."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from roadworthy.declaring.places import CHECKS
from roadworthy.mutants.lie import Asked, Lie, lie
from roadworthy.mutants.lies.images import Load
from roadworthy.programs import run

#: Where copies go, below the data root.
COPIES = "copies"


def copied(layers: list[Path], target: Path) -> None:
    """Copy the checks' files of each layer into a directory of its own below `target`; devices stay devices."""
    for depth, layer in enumerate(layers):
        if (layer / CHECKS).is_dir():
            target.mkdir(parents=True, exist_ok=True)
            run(["cp", "-a", layer / CHECKS, target / str(depth)], 120)


@lie("layers-copy-what-is-below")
class LayersCopy(Load):
    """Each layer of an image that has more than one holds a copy of all layers below it."""

    #: How many images were copied, to name the copies.
    edited = 0

    def edit(self, asked: Asked, layers: list[Path], again: bool) -> bool:
        self.edited += 1
        for depth in range(1, len(layers)):
            copied(layers[:depth], Path(asked.engine.root / COPIES / f"{self.edited}-{depth}"))
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
