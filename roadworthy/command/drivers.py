"""The command `roadworthy drivers`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import click

from roadworthy.command.answer import Answer, Table, answers, tell
from roadworthy.drivers import DRIVERS, Driver
from roadworthy.engine_name import EngineName
from roadworthy.engines.dockerd import installed_engine
from roadworthy.lane import needs
from roadworthy.lane.lanes import default_lanes
from roadworthy.machines.host import Host
from roadworthy.machines.machine import Requirement


class Described(NamedTuple):
    """A driver: whether it can run here, and how, or what to do."""

    name: str
    backings: tuple[str, ...]
    here: bool
    how: str
    do: str
    what: str


@click.command()
@answers
def drivers(form: str | None) -> None:
    """List the storage drivers, the backings they take, and what this host lacks for them.

    Exit status: 0, 4 for a mistake on the command line.
    """
    host, installed = Host(), installed_engine()
    found = [described(driver, host, installed) for driver in DRIVERS.values()]
    rows = [
        (one.name, ", ".join(one.backings), "yes" if one.here else "no", one.how or one.do, one.what) for one in found
    ]
    tell(
        Answer(
            {"drivers": [one._asdict() for one in found]},
            [Table(("driver", "backings", "here", "how, or what to do", "what"), rows)],
        ),
        form,
    )


def described(driver: Driver, host: Host, installed: EngineName) -> Described:
    """What a driver is, and whether it can run here with the engine that its lanes have by default."""
    lane = next(lane for lane in default_lanes(driver, installed, host.kernel) if not needs.lacking(lane))
    wanted, how = needs.requirements(lane, host), "with the installed engine"
    if lane.root:  # an engine root brings all programs
        wanted, how = of_root(driver, host), f"with --engine={lane.root}"
    unmet = needs.at_once([need for need in wanted if not need.met])
    what = (driver.__doc__ or "").strip().splitlines()[0]
    return Described(driver.name, driver.backings, not unmet, "" if unmet else how, unmet, what)


def of_root(driver: Driver, host: Host) -> Iterator[Requirement]:
    """What a driver in an engine root needs of this host: the kernel's part, and what makes the root."""
    yield from (need for need in driver.requirements(host) if not need.host)
    yield host.privilege()
    yield host.command("mmdebstrap")
