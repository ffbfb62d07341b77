"""Runs sequences on the driver and on the volume beside it, step by step, and says where they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from roadworthy.calls.answers import Died, HostTrouble, Refused, Status, judged
from roadworthy.calls.exchange import CALL_DEADLINE, AgentFault, Answer, Exchange
from roadworthy.explorer.divergence import Divergence, traits
from roadworthy.explorer.operations import Operation, Request, Sequence
from roadworthy.explorer.seen import Fields, answer_fields, status_fields, tree_fields
from roadworthy.explorer.side import Side
from roadworthy.explorer.states import Node, World

DRIVER, REFERENCE = 0, 1
SIDES = (DRIVER, REFERENCE)


class Ground(Protocol):
    """Where sequences run: a container, and fresh trees in it."""

    def exchange(self) -> Exchange:
        """The exchange with the container's agent. A new one means that all earlier processes are gone."""
        ...

    def fresh(self) -> tuple[str, str]:
        """Directories with an untouched tree each: on the driver, and on the volume."""
        ...


@dataclass
class Statistics:
    """Counts of what was done so far."""

    sequences: int = 0
    steps: int = 0
    calls: int = 0
    coverage: Counter[tuple[str, str]] = field(default_factory=Counter)


class Runner:
    """Runs sequences one after another."""

    def __init__(self, ground: Ground) -> None:
        self.statistics = Statistics()
        self._ground = ground
        self._sides: tuple[Side, Side] | None = None

    def run(self, sequence: Sequence) -> Iterator[Divergence]:
        """Run a sequence on fresh trees and yield its differences; closing the iterator ends the sequence.

        After a different outcome of an operation that changes the trees, further differences say nothing.
        """
        directories = self._ground.fresh()  # may start another container, and with it another exchange
        sides = self._ready()
        self.statistics.sequences += 1
        for side, directory in zip(sides, directories, strict=True):
            side.enter(directory)
        running = Running(sides, sequence, self.statistics)
        try:
            yield from running.steps()
            yield from running.trees()
        finally:
            if self._ground.exchange() is sides[0].exchange:
                for side in sides:
                    side.release()

    def _ready(self) -> tuple[Side, Side]:
        exchange = self._ground.exchange()
        if self._sides is None or self._sides[0].exchange is not exchange:
            self._sides = (Side(exchange), Side(exchange))
        return self._sides


@dataclass(frozen=True)
class Sent:
    """An operation that was sent to both sides, with the numbers of the requests."""

    position: int
    operation: Operation
    numbers: tuple[int, ...]


class Running:
    """One sequence while it runs.

    Operations of one process that do not need each other's answers are sent without waiting between them: the process
    still makes them in order, and the way to it takes longer than most calls.
    """

    def __init__(self, sides: tuple[Side, Side], sequence: Sequence, statistics: Statistics) -> None:
        self._sides = sides
        self._sequence = sequence
        self._statistics = statistics
        self._world = World()
        self._sent: list[Sent] = []

    def steps(self) -> Iterator[Divergence]:
        """Make the operations, and compare their answers."""
        for position, operation in enumerate(self._sequence.operations):
            if self._sent and self._sent[-1].operation.process != operation.process:
                yield from self._received()
            requests = [side.request(operation) for side in self._sides]
            if not all(requests):
                continue
            numbers = [
                side.send(operation.process, request)
                for side, request in zip(self._sides, requests, strict=True)
                if request is not None
            ]
            self._sent.append(Sent(position, operation, tuple(numbers)))
            if self._sequence.attentive or changes_slots(operation):
                yield from self._received()
        yield from self._received()

    def _received(self) -> Iterator[Divergence]:
        """Wait for the answers to what was sent, and compare them."""
        try:
            while self._sent:
                yield from self._step(self._sent.pop(0))
        finally:
            for sent in self._sent:  # the caller has closed the iterator
                for side, number in zip(self._sides, sent.numbers, strict=True):
                    side.owe(number)
            self._sent.clear()

    def _step(self, sent: Sent) -> Iterator[Divergence]:
        operation, world = sent.operation, self._world
        answers = [
            side.exchange.wait(number, CALL_DEADLINE, str(operation))
            for side, number in zip(self._sides, sent.numbers, strict=True)
        ]
        nodes, state = world.nodes(operation), world.state(operation)
        self._statistics.steps += 1
        self._statistics.calls += len(answers)
        self._statistics.coverage[operation.name, state] += 1
        known = traits(world, operation, nodes)
        seen = [
            fields_of(operation, answer, nodes[0] if nodes else None, side)
            for answer, side in zip(answers, self._sides, strict=True)
        ]
        for side, answer in zip(self._sides, answers, strict=True):
            if answer.died is not None:
                side.lost(operation.process)
            elif not answer.errno:
                side.took(operation, answer.value)
        path = operation.paths[0] if operation.paths else ""
        for what, driver, reference in differing(*seen):
            yield Divergence(
                self._sequence, sent.position, operation, path, False, what, driver, reference, state, known
            )
        if answers[REFERENCE].died is not None:
            world.forget(operation.process)
        elif not answers[REFERENCE].errno:
            world.apply(operation)
        if self._sequence.attentive and not operation.form.looks:
            for path in dict.fromkeys(operation.paths):
                yield from self._looked(sent, path)

    def _looked(self, sent: Sent, path: str) -> Iterator[Divergence]:
        """Look at a path of an operation, as the first process, and compare."""
        answers = self._both([("lstat", (path,))], "a look")
        node = self._world.node(path)
        look = Operation(0, "lstat", (path,))
        seen = [fields_of(look, answers[side][0], node, self._sides[side]) for side in SIDES]
        yield from self._differing(seen, path, sent.position, sent.operation)

    def _differing(
        self, seen: Iterable[Fields], path: str, position: int, operation: Operation | None = None
    ) -> Iterator[Divergence]:
        """Compare what two sides have at one path, after an operation or at the end."""
        spot = self._world.spot(path, follow=False)
        node = spot.node if spot else None
        known = traits(self._world, None, [node] if node else [])
        state = spot.state if spot else "absent"
        for what, driver, reference in differing(*seen):
            yield Divergence(
                self._sequence, position, operation, path, operation is not None, what, driver, reference, state, known
            )

    def _both(self, requests: list[Request], what: str) -> list[list[Answer]]:
        """Send requests to the first process of each side, then wait, and return the answers by side."""
        sent = [[side.send(0, request) for request in requests] for side in self._sides]
        self._statistics.calls += 2 * len(requests)
        return [
            [side.exchange.wait(number, CALL_DEADLINE, what) for number in numbers]
            for side, numbers in zip(self._sides, sent, strict=True)
        ]

    def trees(self) -> Iterator[Divergence]:
        """Compare the whole trees, as the first process sees them."""
        end = len(self._sequence.operations)
        listed = [answers[0] for answers in self._both([("manifest", (".",))], "the tree")]
        if any(answer.errno or answer.died is not None for answer in listed):
            words: list[Fields] = [{"answer": judged("manifest", answer)[0][:40]} for answer in listed]
            yield from self._differing(words, ".", end)
            return
        trees: list[dict[str, dict[str, str]]] = [answer.value for answer in listed]
        # Ask for what the manifest leaves out wherever a sequence can have changed it.
        asked = [path for path in trees[DRIVER] if path in trees[REFERENCE] and touched(self._world.node(path))]
        found = self._both([("lstat", (path,)) for path in asked], "the tree")
        status = [dict(zip(asked, answers, strict=True)) for answers in found]
        for path in sorted({*trees[DRIVER], *trees[REFERENCE]}):
            seen = [self._of_tree(side, trees[side], status[side], path) for side in SIDES]
            if seen[DRIVER]["entry"] != seen[REFERENCE]["entry"]:
                seen = [{"entry": fields["entry"]} for fields in seen]
            yield from self._differing(seen, path, end)

    def _of_tree(
        self, side: int, tree: dict[str, dict[str, str]], status: dict[str, Answer], path: str
    ) -> dict[str, Any]:
        """The fields of a path that are compared at the end."""
        if path not in tree:
            return {"entry": "missing"}
        fields = {"entry": "there"} | tree_fields(tree[path])
        if path in status and not status[path].errno:
            found = Status(*status[path].value)
            fields |= status_fields(found, self._world.node(path), self._sides[side].numbers)
        return fields


def changes_slots(operation: Operation) -> bool:
    """Whether the process holds other things afterwards: a slot is filled or emptied, or the process may have died."""
    return bool(operation.form.makes) or operation.form.on_mapping or operation.name == "close"


def touched(node: Node | None) -> bool:
    """Whether a node is anything but a directory, or a lower file with one name that was not copied up."""
    return node is None or (node.kind != "directory" and (node.below != 1 or node.copied or node.links != 1))


def fields_of(operation: Operation, answer: Answer, node: Node | None, side: Side) -> Fields:
    """The fields of an answer that are compared. Raises HostTrouble and AgentFault, which are not about the driver."""
    _, outcome = judged(str(operation), answer)
    if isinstance(outcome, HostTrouble | AgentFault):
        raise outcome
    assert outcome is None or isinstance(outcome, Refused | Died)
    return answer_fields(operation, answer, node, side.numbers)


def differing(driver: Fields, reference: Fields) -> Iterator[tuple[str, Any, Any]]:
    """Yield the fields that differ; if the outcomes differ, only these."""
    for what in ["answer"] if driver.get("answer") != reference.get("answer") else {**reference, **driver}:
        if driver.get(what) != reference.get(what):
            yield what, driver.get(what), reference.get(what)
