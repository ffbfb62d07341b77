"""Where sequences run on a lane: an image full of copies of the same tree, and as many trees on the volume beside it.

A tree of an image layer is fresh once. A sequence that is run again, as for shrinking, takes the next tree; when all
have been used, a new container of the same image replaces the old one.
"""

from __future__ import annotations

import shutil

from roadworthy.calls.exchange import Exchange
from roadworthy.declaring.checks import Declared
from roadworthy.declaring.places import CHECKS, VOLUME
from roadworthy.drivers.native import Native
from roadworthy.explorer.seeds import LAYERS, plain
from roadworthy.lane.lanes import Lane
from roadworthy.lane.stand import Stand
from roadworthy.trees.layers import Entry, beneath

#: Copies of the tree in the image. A driver that copies whole layers has to copy them all for every container.
COPIES = 400
SLUG = "explorer"


def trees(lane: Lane) -> list[Declared]:
    """The trees of the image, in the form of a check's declaration; empty for `native`."""
    if isinstance(lane.driver, Native):
        return []
    layers: list[dict[str, Entry]] = []
    for tree in LAYERS:
        layers.append({})
        for number in range(COPIES):
            layers[-1].update(beneath(f"{number:04d}", tree))
    return [Declared("explorer/trees", "explorer", "", "", "lower", SLUG, tuple(layers))]


class LaneGround:
    """Fresh trees on a lane that is up."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.containers = 1
        #: Whether the engine brought the attributes of the tree into the layers; search.Search.align sets it.
        self.attributes = True
        self._used = 0
        self._begun = 0

    def exchange(self) -> Exchange:
        return self.stand.container().exchange()

    def fresh(self) -> tuple[str, str]:
        """The driver's directory and the volume's, each with a tree that nothing has touched."""
        if self.stand.native:
            return self._on_volume(), self._on_volume()
        if self._used == COPIES:
            self.renew()
        self._used += 1
        return f"/{CHECKS}/{SLUG}/{self._used - 1:04d}", self._on_volume()

    def renew(self) -> None:
        """Replace the container, and remove what the sequences left on the volume."""
        self.stand.replace_container(frozenset())
        self.stand.container()
        self.containers += 1
        self._used = 0
        if not self.stand.machine.far:  # on a far one, removing takes longer than the rest
            for number in range(self._begun):
                shutil.rmtree(str(self.stand.backing.path("volume", f"{number:06d}")), ignore_errors=True)
            self._begun = 0

    def _on_volume(self) -> str:
        if self.stand.native and self._begun >= 2 * COPIES:
            self.renew()
        name = f"{self._begun:06d}"
        self._begun += 1
        tree = beneath(name, plain(attributes=self.attributes))
        self.stand.machine.lay_out(tree, self.stand.backing.path("volume"))
        return f"{VOLUME}/{name}"
