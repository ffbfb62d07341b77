"""Nodes that were asked: what they are offered, how many workers they get, and what they keep. The nodes are real."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.fleet.fleet import OFFERED, Fleet
from roadworthy.fleet.inventory import NodeSpec
from roadworthy.fleet.wheel import wheel
from roadworthy.lane.lanes import Lane


def lanes(engine, kernel):
    """Two lanes that any host with the file systems can run, and one that none can."""
    found = [Lane(DRIVERS[name], "ext4", engine, kernel) for name in ("native", "vfs")]
    return [*found, Lane(DRIVERS["vfs"], "ext4", engine, "linux1.0", source="/nowhere/bzImage")]


@pytest.fixture(scope="module")
def suite():
    return wheel()


@pytest.fixture
def of(suite):
    """Makes fleets of so many local nodes, with three slots each."""
    made = []

    def of(number, **words):
        specs = [NodeSpec(f"n{at}", sys.executable, slots=3) for at in range(number)]
        made.append(Fleet(specs, suite, lanes, **words))
        return made[-1]

    yield of
    for one in made:
        one.close()


def test_a_lane_is_offered_to_some_of_the_nodes_that_can_run_it(of):
    """And one that none can run to a single node, which says why not."""
    found = of(OFFERED + 1)
    able = found.able(found.lanes[0].id)
    offered = [lane.id for offers in found.offers.values() for lane in offers]
    assert [offered.count(lane.id) for lane in found.lanes[:2]] == [min(len(able), OFFERED)] * 2
    assert offered.count(found.lanes[2].id) == 1
    assert {len(node.lanes) for node in found.nodes} == {3}
    assert found.nodes[0].why_not[found.lanes[2].id] == "needs the kernel /nowhere/bzImage, which is not on this host"


def test_slots_are_lanes_at_once_and_do_not_count_where_something_is_measured(of):
    """A node has no more workers than lanes, and one if it measures."""
    assert len(of(1).workers()) == 3
    assert len(of(1, alone=True).workers()) == 1


def test_nothing_is_left_on_a_node(of):
    """The suite is there while the fleet is, also if the process that conducts was interrupted at its terminal."""
    found = of(1)
    (node,) = found.nodes
    assert (Path(node.place) / "roadworthy/plugin.py").exists()
    keeper = node._channel.gateway._io.popen.pid
    os.kill(keeper, signal.SIGINT)
    assert node.answers()
    found.close()
    assert not Path(node.place).exists()


def test_a_node_that_ends_is_lost(of):
    """It does not answer any more, and can run nothing."""
    found = of(2)
    node, other = found.nodes
    process = node._channel.gateway._io.popen
    process.kill()
    process.wait(20)
    assert not node.answers()
    assert node.lost.startswith("node n0 is lost")
    assert found.live == [other]
    assert {one.name for lane in found.lanes for one in found.able(lane.id)} == {"n1"}
    shutil.rmtree(node.place)  # a lost host's own disk, which here is this one's
