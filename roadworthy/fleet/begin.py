"""How a run over a fleet begins: its inventory is read, and its nodes are asked what they can run."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadworthy.fleet.fleet import Fleet
from roadworthy.fleet.inventory import InventoryError, read_inventory
from roadworthy.fleet.wheel import wheel
from roadworthy.fleet.words import measures, packages
from roadworthy.run.options import lanes_of

#: Options that a run over nodes cannot keep, each with the reason.
REFUSED = {
    "numprocesses": "-n is for this host: an inventory has slots",
    "allure_report_dir": "--alluredir is written where checks run: leave it out; --junitxml works",
    "keep_logs": "--keep-logs keeps them on the nodes, which are cleaned: leave it out",
    "keep": "--keep leaves daemons on the nodes: run the lane there, without an inventory",
    "mutant": "--mutant runs in one process: leave out the inventory",
}


def fleet_of(config: pytest.Config, inventory: Path) -> Fleet:
    """The nodes of an inventory with their lanes. Raises UsageError, and LaneError for a lane that cannot exist."""
    for name, said in REFUSED.items():
        if config.getoption(name, None):
            raise pytest.UsageError(f"roadworthy: --inventory: {said}")
    try:
        specs = read_inventory(inventory)
    except InventoryError as reason:
        raise pytest.UsageError(f"roadworthy: --inventory: {reason}") from None
    alone = measures(packages(config))
    fleet = Fleet(specs, wheel(), lambda engine, kernel: lanes_of(config, engine, kernel), alone)
    if not fleet.live:
        fleet.close()
        said = "; ".join(node.lost for node in fleet.nodes)
        raise pytest.UsageError(f"roadworthy: --inventory: {inventory}: no node is there: {said}")
    if not fleet.lanes:
        fleet.close()
        raise pytest.UsageError("roadworthy: name a storage driver, as in --driver=overlay2, or a file with --matrix")
    return fleet
