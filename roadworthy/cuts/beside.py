"""What operations need beside their lane, and what outlives the cuts: a registry and real software."""

from __future__ import annotations

from collections.abc import Callable

from roadworthy.cuts.registry import Registry
from roadworthy.lane.software import Software
from roadworthy.lane.stand import Stand
from roadworthy.upkeep.site import Site


class Beside:
    """The registry and the software of one search, each made when it is first asked for."""

    def __init__(self, site: Site, software: Callable[[Stand], Software]) -> None:
        self._site = site
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

    def close(self) -> None:
        """End the registry."""
        if self._registry is not None:
            self._registry.close()
