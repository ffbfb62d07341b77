"""A node of a fleet while a run has it: its keeper, what that has answered about the host, and the lanes it can run."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import execnet

from roadworthy.engine_name import EngineName
from roadworthy.fleet import keeper
from roadworthy.fleet.inventory import NodeSpec
from roadworthy.lane.lanes import Lane

#: Seconds for an answer of a node: what it unpacks or looks at takes one or two.
ANSWER = 60.0
#: Seconds for a sign of life of a node that has lost a worker.
ALIVE = 10.0
#: The oldest Python that the suite runs with.
OLDEST = [3, 11]


class NodeLost(Exception):
    """A node cannot be reached, or cannot run the suite; the text says why, and begins with its name."""


class Node:
    """One node. It is asked in two steps, `send` and `answer`, so that all nodes of a fleet work at once."""

    def __init__(self, spec: NodeSpec) -> None:
        self.spec = spec
        self.name = spec.name
        #: The directory on the node with the suite.
        self.place = ""
        self.engine = EngineName("docker", "")
        self.kernel = ""
        #: The lanes that it could be given, and why it cannot run them; those that it can have an empty text.
        self.lanes: dict[str, Lane] = {}
        self.why_not: dict[str, str] = {}
        self.lost = ""
        self._channel: Any = None
        self._workers = 0

    def open(self, group: Any) -> None:
        """Start the keeper. Raises NodeLost."""
        try:
            gateway = group.makegateway(self.spec.address(f"{self.name}-keeper"))
            self._channel = gateway.remote_exec(keeper)
        except Exception as reason:  # ssh(1), a wrapper, a Python: whatever stands between
            raise self._gone(f"cannot be reached: {type(reason).__name__} {reason}".strip()) from None
        self.place = self.answer()

    def send(self, question: str, *rest: Any) -> None:
        """Send a question. Raises NodeLost."""
        try:
            self._channel.send((question, *rest))
        except OSError as reason:
            raise self._gone(f"is lost: {reason}") from None

    def answer(self, seconds: float = ANSWER) -> Any:
        """The answer to the last question. Raises NodeLost."""
        try:
            return self._channel.receive(seconds)
        except execnet.TimeoutError:
            raise self._gone(f"has not answered for {seconds:.0f} s") from None
        except (EOFError, OSError, execnet.RemoteError) as reason:
            said = str(reason).strip().splitlines()
            raise self._gone(f"is lost: {said[-1] if said else 'the connection ended'}") from None

    def take_suite(self, found: dict[str, Any]) -> None:
        """Take the answer to `suite`. Raises NodeLost if the node cannot run it."""
        python = ".".join(map(str, found["python"]))
        if found["python"][:2] < OLDEST:
            raise self._gone(f"has Python {python} as {self.spec.python}: the suite needs 3.11 or later")
        if found["missing"]:
            said = f"lacks {', '.join(found['missing'])} in Python {python}"
            raise self._gone(f"{said}: pip install roadworthy there, or name another python in the inventory")

    def take_host(self, found: dict[str, Any]) -> None:
        """Take the answer to `host`."""
        self.engine, self.kernel = EngineName(found["kind"], found["series"]), found["kernel"]

    def take_lanes(self, lanes: Sequence[Lane], found: Sequence[str]) -> None:
        """Take the answer to `lanes`, asked for these."""
        self.lanes = {lane.id: lane for lane in lanes}
        self.why_not = dict(zip(self.lanes, found, strict=True))

    def can_run(self, lane: str) -> bool:
        return not self.lost and self.why_not.get(lane) == ""

    def answers(self) -> bool:
        """Whether the node is still there."""
        with contextlib.suppress(NodeLost):
            self.send("there?")
            return bool(self.answer(ALIVE) == "there?")
        return False

    def worker(self) -> str:
        """execnet's spec of a further worker on the node."""
        self._workers += 1
        return self.spec.address(f"{self.name}-{self._workers}")

    def _gone(self, reason: str) -> NodeLost:
        self.lost = f"node {self.name} {reason}"
        return NodeLost(self.lost)
