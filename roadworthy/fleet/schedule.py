"""pytest-xdist's scheduler of scopes with a lane as the scope, and with workers that each have some of the lanes.

xdist's own expects that every worker has collected every test. Here a worker has collected the lanes that its node is
offered, so that what this process keeps grows with the lanes, and not with lanes times nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xdist.scheduler import LoadScopeScheduling

#: Tests of a worker that are left when it gets another lane: it begins a test when it knows the next one.
LEFT = 2


class FleetScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a worker one lane after another, of those that it has collected.

    A worker begins when it has collected, whoever else is still at it. It ends when no lane is left that it could take;
    lanes that a lost worker leaves behind are for others, or for one that is started then.
    """

    def __init__(self, config: Any, log: Any, cells: Mapping[str, Any]) -> None:
        """`cells` has the lane of each test first, by the test's id, before a worker has reported its collection."""
        super().__init__(config, log)
        self._cells = cells
        #: The place of each test in a worker's own collection, and how many of its tests are not done.
        self._places: dict[Any, dict[str, int]] = {}
        self._left: dict[Any, int] = {}
        #: The workers that have collected each lane, and are not about to end.
        self._takers: dict[str, set[Any]] = {}
        #: How many workers have collected, of those that are expected to: `numnodes`.
        self._collected = 0

    def _split_scope(self, nodeid: str) -> str:
        return str(self._cells[nodeid][0]) if nodeid in self._cells else nodeid

    @property
    def collection_is_completed(self) -> bool:
        return bool(self._collected >= self.numnodes)

    @property
    def tests_finished(self) -> bool:
        return self.collection_is_completed and not self.workqueue and not any(self._left.values())

    @property
    def has_pending(self) -> bool:
        return bool(self.workqueue) or any(self._left.values())

    def expect_another(self) -> None:
        """Expect the collection of a worker that was not there at the beginning."""
        self.numnodes += 1

    def add_node(self, node: Any) -> None:
        super().add_node(node)
        self._left[node] = 0

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        self._collected += 1
        self._places[node] = {nodeid: at for at, nodeid in enumerate(collection)}
        self.registered_collections[node] = list(collection)
        units: dict[str, dict[str, bool]] = {}
        for nodeid in collection:
            units.setdefault(self._split_scope(nodeid), {})[nodeid] = False
        for lane, unit in units.items():
            if lane not in self._takers:  # another worker has brought it otherwise
                self.workqueue[lane] = unit
            self._takers.setdefault(lane, set()).add(node)
        self._reschedule(node)

    def schedule(self) -> None:
        """Do nothing: every worker was given work when it had collected."""

    def _reschedule(self, node: Any) -> None:
        """Give a worker that is nearly through the queued lane that fewest can take; end it if there is none."""
        while not node.shutting_down and self._left[node] < LEFT:
            mine = [lane for lane in self.workqueue if node in self._takers[lane]]
            if not mine:
                self._forget_taker(node)
                node.shutdown()
                return
            self._give(node, min(mine, key=lambda lane: len(self._takers[lane])))

    def _give(self, node: Any, lane: str) -> None:
        unit = self.assigned_work[node][lane] = self.workqueue.pop(lane)
        asked = [self._places[node][nodeid] for nodeid, done in unit.items() if not done]
        self._left[node] += len(asked)
        node.send_runtest_some(asked)

    def _forget_taker(self, node: Any) -> None:
        for takers in self._takers.values():
            takers.discard(node)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        nodeid = self.registered_collections[node][item_index]
        self.assigned_work[node][self._split_scope(nodeid)][nodeid] = True
        self._left[node] -= 1
        self._reschedule(node)

    def remove_node(self, node: Any) -> str | None:
        """Forget a worker, and queue again what is left of its lanes; the test that it was running counts as done.

        Returns that test, if there is one. Raises KeyError for a worker that was never ready.
        """
        self._forget_taker(node)
        if node not in self._places:
            self.numnodes -= 1
        self._left.pop(node, None)
        self._places.pop(node, None)
        self.registered_collections.pop(node, None)
        crashed: str | None = None
        for lane, unit in self.assigned_work.pop(node).items():
            left = [nodeid for nodeid, done in unit.items() if not done]
            if left and crashed is None:
                crashed, *left = left
                unit[crashed] = True
            if left:
                self.workqueue[lane] = unit
        for other in [other for other in self.nodes if other in self._places]:
            self._reschedule(other)
        return crashed

    def orphans(self) -> list[str]:
        """The queued lanes that no worker can take."""
        return [lane for lane in self.workqueue if not self._takers[lane]]

    def brought(self, lane: str) -> bool:
        """Whether a worker has collected the lane, so that it was queued."""
        return lane in self._takers

    def drop(self, lane: str) -> None:
        """Take a lane from the queue for good."""
        del self.workqueue[lane]
