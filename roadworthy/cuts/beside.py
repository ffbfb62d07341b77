"""What operations need beside their lane, and what outlives the cuts: a registry, real software, a newer engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from roadworthy.cuts.registry import Registry
from roadworthy.lane.software import Software
from roadworthy.lane.stand import Stand
from roadworthy.stage import Stage, quietly
from roadworthy.supplies.engine_roots import EngineRoot, engine_root
from roadworthy.upkeep.site import Site


class Beside:
    """The registry, the software and the engine root of one search, each made when it is first asked for."""

    def __init__(self, site: Site, software: Callable[[Stand], Software], stage: Stage = quietly) -> None:
        self._site = site
        self._stage = stage
        self._held = ExitStack()
        self._provide = software
        self._registry: Registry | None = None
        #: The images that lie in the registry.
        self.pushed: set[str] = set()
        self._software: Software | None = None

    @property
    def registry(self) -> Registry:
        """The registry. Raises Precondition if it is not installed."""
        if self._registry is None:
            self._registry = Registry(self._site)
        return self._registry

    def software(self, stand: Stand) -> Software:
        """The software, on the volume of the stand that asks first, whose disk every look finds again."""
        if self._software is None:
            self._software = self._provide(stand)
        return self._software

    def engine_root(self, name: str) -> EngineRoot:
        """The engine root of this name, which stays in the cache until `close`. Raises what engine_root raises."""
        with self._stage(f"making the engine root {name}"):
            root = engine_root(name, stage=self._stage)
        self._held.enter_context(root.held())
        return root

    def close(self) -> None:
        """End the registry, and let the engine root go."""
        self._held.close()
        if self._registry is not None:
            self._registry.close()
