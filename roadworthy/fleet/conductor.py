"""A run whose lanes are spread over the nodes of an inventory, joined into one bundle and one page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import execnet
import msgspec
import pytest

from roadworthy.fleet import on_node
from roadworthy.fleet.fleet import Fleet
from roadworthy.fleet.node import Node
from roadworthy.fleet.schedule import FleetScheduling
from roadworthy.lane.lanes import Lane
from roadworthy.reports.bundle import FILE_NAME, Bundle
from roadworthy.reports.made import make_directory
from roadworthy.reports.records import LaneRecord, Plan, Record, Result
from roadworthy.reports.text import counted
from roadworthy.run.conductor import Conductor, joined
from roadworthy.run.keys import BUNDLE, LANES, NODE, TOLD
from roadworthy.run.results import now
from roadworthy.run.session import CONFORMANCE, suite_version


class FleetConductor(Conductor):
    """Gives lanes to nodes, takes down what their workers tell, and goes on without a node that is lost.

    A worker's bundle lies on its node. Each of its lines is told to this process when it is written, so that a lost
    node loses no result: the check that it was running is an `error`, and its lanes go on elsewhere.
    """

    def __init__(self, config: pytest.Config, fleet: Fleet, words: Sequence[str]) -> None:
        """`words` are the arguments of the workers. pytest-xdist is told its workers here, before it is configured."""
        given = config.invocation_params
        config.invocation_params = pytest.Config.InvocationParams(args=words, plugins=given.plugins, dir=given.dir)
        self.fleet = fleet
        #: The node of each worker and the lanes that it is given, by the worker's id.
        self._node_of: dict[str, Node] = {}
        self._lanes_of: dict[str, Sequence[Lane]] = {}
        config.option.tx = [self._worker(node, address, fleet.offers[node.name]) for node, address in fleet.workers()]
        config.option.dist = "load"
        super().__init__(config, fleet.lanes)
        #: Lane, check and round of each test, and the tests that are benchmarks.
        self._cells: dict[str, list[Any]] = {}
        self._benchmarks: set[str] = set()
        self._files: dict[str, int] = {}
        self._unwritable = ""
        self._scheduling: FleetScheduling | None = None
        #: Lanes that no node was left for.
        self._dropped: list[str] = []

    def _worker(self, node: Node, address: str, lanes: Sequence[Lane]) -> str:
        """Note a worker that is about to start; its address."""
        identity = str(execnet.XSpec(address).id)
        self._node_of[identity] = node
        self._lanes_of[identity] = lanes
        return address

    def pytest_report_header(self) -> list[str]:
        lines = []
        for node in self.fleet.nodes:
            told = f"{node.engine}, {node.kernel}, offered {counted(len(self.fleet.offers[node.name]), 'lane')}"
            lines.append(f"  {node.lost or f'node {node.name}: {told}'}")
        return lines

    # --- how workers start

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self, config: pytest.Config, specs: Sequence[Any]) -> None:
        """Send no directories by pytest-xdist's rsync, which xdist 4 drops: the suite is on the nodes as a wheel."""
        self._dsession.nodemanager.roots = []
        self._dsession._clone_node = self._replace

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_getremotemodule(self) -> ModuleType:
        return on_node

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker its lanes, and where the suite is; take down what it tells."""
        super().pytest_configure_node(node)
        identity = node.gateway.id
        where = self._node_of[identity]
        told = node.gateway.newchannel()
        told.setcallback(lambda line: self._take_down(identity, line))
        node.workerinput |= {
            BUNDLE: f"{where.place}/{identity}", on_node.PLACE: where.place, NODE: where.name,
            LANES: [lane.as_values() for lane in self._lanes_of[identity]], TOLD: told,
        }  # fmt: skip

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        self._scheduling = FleetScheduling(config, log, self._cells)
        return self._scheduling

    @property
    def _dsession(self) -> Any:
        return self.config.pluginmanager.get_plugin("dsession")

    # --- what workers tell

    def _take_down(self, identity: str, line: str) -> None:
        """Write a line of a worker's bundle. execnet's thread calls this, before pytest-xdist has what follows it."""
        if line.startswith('{"type":"cells"'):
            told = msgspec.json.decode(line)
            self._cells.update(told["cells"])
            self._benchmarks.update(told["benchmarks"])
            return
        try:
            self._append(identity, line)
        except OSError as reason:
            self._unwritable = self._unwritable or f"{self._workers / identity} cannot be written: {reason.strerror}"
            self._dsession.shouldstop = self._unwritable

    def _append(self, identity: str, line: str) -> None:
        """Append to the bundle of a worker. Raises OSError."""
        if identity not in self._files:
            make_directory(self._workers / identity)
            path = self._workers / identity / FILE_NAME
            self._files[identity] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        rest = line.encode() + b"\n"
        while rest:
            rest = rest[os.write(self._files[identity], rest) :]

    # --- what is lost

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any) -> None:
        """Record the check that a lost worker was running: that says nothing about the driver."""
        lane, check, turn = self._cells.get(crashitem, ["", "", 1])
        if not check:
            return
        identity = report.node.gateway.id
        said = f"its worker on node {self._node_of[identity].name} was lost while it ran"
        report.longrepr = f"{check}: {said}"
        result = Result(
            lane=lane, check=check, nodeid=crashitem, verdict="error", at=now(), seconds=0.0, reason=said, round=turn
        )
        self._take_down(identity, msgspec.json.encode(result).decode())

    def _replace(self, node: Any) -> None:
        """Start workers for the lanes that a lost one leaves behind, where nodes are left; pytest-xdist calls this.

        A node that does not answer any more is lost as a whole.
        """
        assert self._scheduling
        lost = self._node_of[node.gateway.id]
        if not lost.lost and not lost.answers():
            lost.lost = lost.lost or f"node {lost.name} is lost"
            self._say(lost.lost, needed=True)
        left = self._left_of(node)
        while left:
            homes: dict[str, list[Lane]] = {}
            for lane in left:
                able = sorted(self.fleet.able(lane.id), key=lambda one: len(homes.get(one.name, ())))
                if able:
                    homes.setdefault(able[0].name, []).append(lane)
                else:
                    self._drop(lane)
            left = [lane for name, lanes in homes.items() for lane in self._not_started(name, lanes)]

    def _left_of(self, node: Any) -> list[Lane]:
        """The lanes of a lost worker that nobody else can take: queued ones, and those that it never brought."""
        assert self._scheduling
        by_id = {lane.id: lane for lane in self.lanes}
        left = [by_id[lane] for lane in self._scheduling.orphans()]
        others = [one.gateway.id for one in self._dsession._active_nodes if one is not node and not one.shutting_down]
        coming = {lane.id for identity in others for lane in self._lanes_of[identity]}
        never = [lane for lane in self._lanes_of[node.gateway.id] if not self._scheduling.brought(lane.id)]
        return left + [lane for lane in never if lane.id not in coming]

    def _not_started(self, name: str, lanes: list[Lane]) -> list[Lane]:
        """Start a worker with these lanes on a node; none of them, or all of them if the node cannot be reached."""
        assert self._scheduling
        (where,) = (one for one in self.fleet.nodes if one.name == name)
        address = self._worker(where, where.worker(), lanes)
        try:
            worker = self._dsession.nodemanager.setup_node(execnet.XSpec(address), self._dsession.queue.put)
        except Exception as reason:  # whatever stands between: ssh(1), a wrapper, the node itself
            where.lost = f"node {name} is lost: {type(reason).__name__} {reason}".strip()
            self._say(where.lost, needed=True)
            return lanes
        self._dsession._active_nodes.add(worker)
        self._scheduling.expect_another()
        self._say(f"{', '.join(lane.id for lane in lanes)}: on node {name} from now on", needed=True)
        return []

    def _drop(self, lane: Lane) -> None:
        """Give up a lane: its results are missing."""
        assert self._scheduling
        self._dropped.append(lane.id)
        if lane.id in self._scheduling.orphans():
            self._scheduling.drop(lane.id)
        self._say(f"{lane.id}: no node is left that can run it, so that its results are missing", needed=True)

    # --- the end

    def _joined(self, found: Sequence[Bundle]) -> list[Record]:
        """The workers' records; the plan has all lanes, and the commit of the suite that has travelled."""
        plan, *others = joined(found, self.run)
        assert isinstance(plan, Plan)
        whole = msgspec.structs.replace(
            plan, lanes=[lane.record() for lane in self.lanes], benchmarks=len(self._benchmarks),
            suite=plan.suite | suite_version(CONFORMANCE.resolve().parent),
        )  # fmt: skip
        dropped = [
            LaneRecord(lane=lane, at=now(), state="error", reason="its node was lost, and no other can run it")
            for lane in self._dropped
        ]  # fmt: skip
        return [whole, *others, *dropped]

    def _incomplete(self, found: Sequence[Bundle]) -> str:
        """Lanes of a lost worker may have gone on elsewhere: a run is incomplete if some have not."""
        missing = f"no node was left for {', '.join(self._dropped)}" * bool(self._dropped)
        return self._unwritable or missing

    def _fails(self) -> bool:
        return bool(self._dropped or self._unwritable)

    def pytest_unconfigure(self) -> None:
        for descriptor in self._files.values():
            os.close(descriptor)
        self.fleet.close()
        super().pytest_unconfigure()
