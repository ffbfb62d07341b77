"""A private daemon for a test that speaks to it as to anybody's."""

from contextlib import contextmanager

import pytest

from roadworthy.engines import engine_class
from roadworthy.engines.dockerd import installed_engine
from roadworthy.lane.booting import booted
from roadworthy.lane.daemon import confirm, daemon
from roadworthy.lane.matrix_file import lanes_named
from roadworthy.lane.needs import refuse_unmet
from roadworthy.machines.host import Host
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.stage import quietly
from roadworthy.upkeep import reaper
from roadworthy.upkeep.ledger import Ledger
from roadworthy.upkeep.site import Site

AXES = ("driver", "backing", "engine", "kernel", "driver_opt", "kernel_opt", "mode")


@contextmanager
def private_daemon(driver, root="", size=2 << 30, mode="rootful"):
    """The engine of a lane on this host's kernel; the test is skipped if this host lacks what the lane needs."""
    named = {"driver": (driver,), "engine": (root,) if root else (), "mode": (mode,)}
    (lane,) = lanes_named({axis: named.get(axis, ()) for axis in AXES}, None, installed_engine(), Host().kernel)
    ledger = Ledger()
    try:
        site = Site(ledger)
        with booted(lane, site, quietly) as machine:
            refuse_unmet(lane, machine)
            kind = engine_class(lane.engine)
            parts = daemon(site, machine, kind, lane.driver, lane.backing, size=size, mode=lane.mode)
            with parts as (_, backing, engine):
                confirm(lane, backing, engine)
                yield engine
    except (Unsupported, Precondition) as reason:
        pytest.skip(str(reason))
    finally:
        ledger.close()
        reaper.reap()
