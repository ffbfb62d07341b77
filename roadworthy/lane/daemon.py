"""A private daemon with a storage driver on a fresh backing, and the confirmation that it runs what the lane names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from roadworthy.drivers import Driver
from roadworthy.engines.engine import Engine, EngineFailed
from roadworthy.lane.faults import NO_FAULTS, Faults
from roadworthy.lane.lanes import Lane
from roadworthy.machines.backing import GIB, Backing, fresh
from roadworthy.machines.machine import Machine
from roadworthy.machines.mode import ROOTFUL, Mode
from roadworthy.machines.place import Place
from roadworthy.stage import Stage, quietly
from roadworthy.upkeep.site import Site

#: Bytes of a backing image file; sparse, so it takes what is written.
BACKING_SIZE = 8 * GIB


@contextmanager
def daemon(
    site: Site,
    machine: Machine,
    kind: type[Engine],
    driver: Driver,
    backing_name: str,
    options: Sequence[str] = (),
    stage: Stage = quietly,
    size: int = BACKING_SIZE,
    extra: Sequence[str] = (),
    faults: Faults = NO_FAULTS,
    logged: bool = False,
    mode: Mode = ROOTFUL,
) -> Iterator[tuple[Place, Backing, Engine]]:
    """Yield a private daemon with a storage driver on a fresh backing; both end with the block unless the run is kept.

    `size` is the backing's, in bytes; its disk writes down what it is told if it is `logged`. Raises EngineFailed if
    the daemon does not start.
    """
    with stage(f"making {backing_name}"):
        place = machine.place(site, logged)
        try:
            backing = fresh(backing_name, place, size)
            backing.nested = driver.nested
            for command in driver.afterwards(backing):
                place.afterwards(command)
        except BaseException:
            place.close()
            raise
    try:
        with stage(f"starting {kind.program}"):
            words = [*driver.backing_options(backing), *options]
            extra = [*extra, *faults.arm(place)]
            engine = kind(place, backing, driver, words, site.cgroup, extra, mode=mode, interposer=faults.interposer())
        yield place, backing, engine
    finally:
        place.close()


def confirm(lane: Lane, backing: Backing, engine: Engine) -> None:
    """Raise EngineFailed if the daemon uses a driver or a file system other than the lane's."""
    info = engine.info()
    if info["Driver"] != lane.driver.daemon_name:
        raise EngineFailed(f"{engine.program} runs {info['Driver']}, expected {lane.driver.daemon_name}")
    reported = dict(info["DriverStatus"] or []).get("Backing Filesystem")
    if reported not in (None, "<unknown>", backing.kind.reported):
        raise EngineFailed(f"{engine.program} reports {reported} as backing file system, expected {backing.name}")
    found = backing.file_system(engine.directory)
    if found != backing.file_system_name:
        raise EngineFailed(f"the data root lies on {found}, expected {backing.name}")


def confirm_parameters(lane: Lane, machine: Machine) -> None:
    """Raise EngineFailed if the kernel did not take a module parameter that the lane names."""
    for word in lane.kernel_options:
        parameter, _, asked = word.partition("=")
        module, _, name = parameter.partition(".")
        found = machine.module_parameters(module).get(name)
        wanted = {"on": "Y", "1": "Y", "y": "Y", "off": "N", "0": "N", "n": "N"}.get(asked, asked)
        if found not in (asked, wanted):
            raise EngineFailed(f"the kernel has {parameter}={found or 'nothing'}, expected {asked}")
