"""The nodes of a run, and which lanes each of them is offered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import execnet

from roadworthy.engine_name import EngineName
from roadworthy.fleet.inventory import NodeSpec
from roadworthy.fleet.node import Node, NodeLost
from roadworthy.lane.lanes import Lane

#: How many nodes a lane is offered to: so many may be lost or busy, and the work of who conducts stays in proportion to
#: the lanes, however many nodes could run each.
OFFERED = 3
#: Seconds for processes on nodes to end by themselves.
ENDING = 10.0
#: The lanes of a command line on a host with this engine and this kernel.
Expansion = Callable[[EngineName, str], list[Lane]]


class Fleet:
    """Nodes that have the suite and have said which lanes they can run. Its `lanes` are those of all nodes, each once.

    `lanes_of` says which lanes the command line names on a host; `host` in it is each node's own.
    """

    def __init__(self, specs: Iterable[NodeSpec], suite: bytes, lanes_of: Expansion, alone: bool = False) -> None:
        """With `alone`, a node has one lane at a time whatever its slots: a neighbour would be measured, too."""
        self.alone = alone
        self._group = execnet.Group(execmodel="main_thread_only")
        self.nodes = [Node(spec) for spec in specs]
        #: The lanes that each node is offered.
        self.offers: dict[str, list[Lane]] = {node.name: [] for node in self.nodes}
        try:
            self._each(lambda node: node.open(self._group))
            self._ask("suite", lambda node: (suite,), Node.take_suite)
            self._ask("host", lambda node: (), Node.take_host)
            named = {node.name: lanes_of(node.engine, node.kernel) for node in self.live}
            self._ask(
                "lanes", lambda node: ([lane.as_values() for lane in named[node.name]],),
                lambda node, found: node.take_lanes(named[node.name], found),
            )  # fmt: skip
        except BaseException:
            self.close()
            raise
        self.lanes = list({lane.id: lane for node in self.live for lane in node.lanes.values()}.values())
        self._offer()

    @property
    def live(self) -> list[Node]:
        return [node for node in self.nodes if not node.lost]

    def _each(self, act: Callable[[Node], None]) -> None:
        """Do something with every node that is there; one that is lost by it stays lost."""
        for node in self.live:
            try:
                act(node)
            except NodeLost:
                continue

    def _ask(self, question: str, rest: Callable[[Node], Sequence[Any]], take: Callable[[Node, Any], None]) -> None:
        self._each(lambda node: node.send(question, *rest(node)))
        self._each(lambda node: take(node, node.answer()))

    def _offer(self) -> None:
        """Offer each lane to the nodes that can run it and have the fewest; what is rarest first."""
        for lane in sorted(self.lanes, key=lambda lane: len(self.able(lane.id))):
            able = self.able(lane.id)
            for node in sorted(able, key=lambda node: len(self.offers[node.name]))[:OFFERED]:
                self.offers[node.name].append(lane)

    def able(self, lane: str) -> list[Node]:
        """The nodes that can run a lane. If none can, one that the command line names it for: it will say why not."""
        able = [node for node in self.live if node.can_run(lane)]
        return able or [node for node in self.live if lane in node.lanes][:1]

    def workers(self) -> list[tuple[Node, str]]:
        """Each worker that the run begins with: its node, and execnet's spec."""
        found = []
        for node in self.live:
            slots = 1 if self.alone else node.spec.slots
            found += [(node, node.worker()) for _ in range(min(slots, len(self.offers[node.name])))]
        return found

    def close(self) -> None:
        """End the keepers, which remove what they have unpacked."""
        self._group.terminate(ENDING)
