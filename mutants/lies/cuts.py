"""Lies about what outlives a power cut: what an engine syncs, what it loads again, and what it starts on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from roadworthy.mutants.lie import Asked, Liar, Lie, lie
from roadworthy.mutants.lies.images import layers_in
from roadworthy.mutants.without_sync import without_sync


@lie("daemon-syncs-nothing")
class SyncsNothing(Lie):
    """Whatever a daemon and its containers sync reports success, and nothing is written to the device for it."""

    def starting(self, engine: Any, argv: list[str], again: bool, liar: Liar) -> list[str]:
        liar.count()
        return without_sync(argv)


@lie("load-again-does-nothing")
class LoadAgainDoesNothing(Lie):
    """An image that was loaded once is not looked at when it is loaded again, whatever has become of it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        #: The images that each daemon was given, by their layers.
        self.loaded: WeakKeyDictionary[Any, set[tuple[str, ...]]] = WeakKeyDictionary()

    def told(self, asked: Asked) -> Any:
        if not asked.matches("POST", "images", "load"):
            return asked.answer()
        known, chains = self.loaded.setdefault(asked.engine, set()), tuple(layers_in(bytes(asked.request.body)))
        if chains in known:
            return asked.invented(200, {"stream": ""})
        known.add(chains)
        return asked.answer()


@lie("torn-database-stops-daemon")
class TornDatabase(Lie):
    """A daemon that starts on a data root with containers finds its network's database cut short, and ends."""

    def starting(self, engine: Any, argv: list[str], again: bool, liar: Liar) -> list[str]:
        for path in engine.root.glob("network/files/*.db") if again else ():
            os.truncate(Path(path), 512)
            liar.count()
        return argv
