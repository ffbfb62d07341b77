"""How a lane comes up: its machine, a daemon on a fresh backing, the image with all trees, and a container."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import PurePosixPath

from roadworthy.calls.inside import SOFTWARE
from roadworthy.calls.toolbox import toolbox
from roadworthy.declaring.checks import Declared
from roadworthy.declaring.places import VOLUME
from roadworthy.engines import engine_class
from roadworthy.engines.engine import EngineFailed
from roadworthy.lane.attach import attached_up
from roadworthy.lane.booting import booted
from roadworthy.lane.daemon import BACKING_SIZE, confirm, confirm_parameters, daemon
from roadworthy.lane.daemons import reason as words_of
from roadworthy.lane.faults import NO_FAULTS, Faults
from roadworthy.lane.image import load_trees
from roadworthy.lane.lanes import Lane
from roadworthy.lane.needs import refuse_unmet
from roadworthy.lane.stand import Running, Stand
from roadworthy.machines.backing import BACKING_TYPES
from roadworthy.machines.host import Host
from roadworthy.machines.machine import Machine
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Unsupported
from roadworthy.stage import Stage, quietly, timed
from roadworthy.upkeep.site import Site


@contextmanager
def lane_up(
    lane: Lane, checks: Sequence[Declared], site: Callable[[], Site], stage: Stage = quietly,
    accept_expired: bool = False, faults: Faults = NO_FAULTS,
) -> Iterator[Stand]:  # fmt: skip
    """Yield the lane, up on its machine with the trees of `checks`, until the block ends.

    `site` makes the run's directories, which needs root. Raises Unsupported or Precondition for what is missing,
    EngineFailed, GuestFailed, and what the supplies of the machine raise.
    """
    if lane.attached:
        with attached_up(lane, checks, site(), stage, faults) as stand:
            yield stand
        return
    if lane.source == "host" and not lane.root:
        refuse_unmet(lane, Host())  # first: seeing what the kernel lacks needs no root
    with booted(lane, site(), stage, accept_expired) as machine, ExitStack() as held:
        try:
            stand = held.enter_context(bring_up(lane, checks, machine, site(), stage, faults=faults))
        except EngineFailed as reason:
            raise refusal(lane, reason) from None
        yield stand


def refusal(lane: Lane, reason: EngineFailed) -> Exception:
    """What a daemon means that does not start: on a backing with a choice, that its driver refuses the choice."""
    if BACKING_TYPES[lane.backing].of and " ended with " in str(reason):
        return Unsupported(f"{lane.driver.name} refuses {lane.backing}: {words_of(str(reason))}")
    return reason


@contextmanager
def bring_up(
    lane: Lane, checks: Sequence[Declared], machine: Machine, site: Site, stage: Stage = quietly,
    size: int = BACKING_SIZE, faults: Faults = NO_FAULTS, logged: bool = False,
) -> Iterator[Stand]:  # fmt: skip
    """Yield the lane, up on a running machine; the trees of `checks` lie in its image or, for `native`, on its volume.

    `size` is the backing's, in bytes; its disk writes down what it is told if it is `logged`.
    """
    refuse_unmet(lane, machine)
    confirm_parameters(lane, machine)
    seconds: dict[str, float] = {}

    @contextmanager
    def staged(name: str) -> Iterator[None]:
        kind = {"making": "backing", "starting": "daemon"}.get(name.split()[0], name.split()[-1])
        with stage(name), timed(seconds, kind):
            yield

    with staged("making the toolbox"):
        tools = toolbox()
    options = lane.driver.storage_options(dict(lane.options))
    kind = engine_class(lane.engine)
    with tools.held(), daemon(
        site, machine, kind, lane.driver, lane.backing, options, staged, size, faults=faults, logged=logged,
        mode=lane.mode,
    ) as (home, backing, engine):  # fmt: skip
        confirm(lane, backing, engine)
        backing.path("volume").mkdir()
        running = Running(machine, home, backing, engine, tools, backing.mountpoint / "volume")
        stand = Stand(lane, running, keep=site.keep and not logged, seconds=seconds)
        with staged("loading the image"):
            load_trees(stand, checks)
            faults.sabotage(stand)
        with stage("starting the container"):
            stand.container()
        try:
            yield stand
        finally:
            stand.close()


def begin_round(stand: Stand, checks: Sequence[Declared], turn: int) -> None:
    """Begin round `turn` of the checks with fresh containers, a new image and a new volume.

    The layers have changed since they were loaded: fuse-overlayfs, for instance, updates access times of files in them.
    """
    stand.remove_containers()
    here, old = stand.backing.path("volume"), stand.backing.path(f"volume.round{stand.round}")
    home = stand.home
    home.run(["mv", home.inside(here), home.inside(old)])
    here.mkdir()
    programs = PurePosixPath(SOFTWARE).relative_to(VOLUME)
    if (old / programs).is_dir():
        home.run(["mv", home.inside(old / programs), home.inside(here)])
    with suppress(ProgramFailed):  # files that a check made immutable stay there, out of the way
        home.run(["rm", "-rf", home.inside(old)])
    stand.engine.client.images.remove(stand.image, force=True)
    load_trees(stand, checks)
    stand.round = turn
