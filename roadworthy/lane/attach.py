"""How a lane comes up on a daemon that runs already: volumes, an image and containers of the run's own, and no more."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from roadworthy.calls.inside import INSIDE, SKELETON
from roadworthy.calls.toolbox import Toolbox, toolbox
from roadworthy.declaring.checks import Declared
from roadworthy.engines.attached import Attached
from roadworthy.engines.engine import EngineFailed
from roadworthy.lane.faults import NO_FAULTS, Faults
from roadworthy.lane.image import load_trees
from roadworthy.lane.lanes import Lane
from roadworthy.lane.running_daemon import DaemonRefused, running_daemon
from roadworthy.lane.stand import Running, Stand
from roadworthy.machines.host import Host
from roadworthy.machines.lent import LIFE, LOOKS, LentBacking, LentPlace
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.stage import Stage, quietly, timed
from roadworthy.trees.layers import SparseFile, layer_tar, write_archive
from roadworthy.upkeep.objects import remove_labelled
from roadworthy.upkeep.site import Site


class AttachedStand(Stand):
    """A lane on a daemon that goes on after it."""

    renewable: ClassVar[bool] = False

    def refuse_life(self) -> None:
        raise Unsupported(LIFE)

    def _replace_engine(self) -> None:
        raise EngineFailed("the daemon has ended or does not answer, and is somebody else's to start again")

    def refuse_holes(self, check: Declared) -> None:
        """Raise Unsupported if the check's layers need holes: they would have to be made in the daemon's store."""
        in_image = () if self.native or check.provenance == "volume" else check.image_trees()
        if any(isinstance(found, SparseFile) for tree in in_image for found in tree.values()):
            raise Unsupported(LOOKS)


@contextmanager
def attached_up(
    lane: Lane, checks: Sequence[Declared], site: Site, stage: Stage = quietly, faults: Faults = NO_FAULTS
) -> Iterator[Stand]:
    """Yield the lane on its running daemon until the block ends; then all that was made on it is gone.

    Raises Precondition, and what the daemon says if it refuses.
    """
    if faults.any:
        raise Precondition("a fault belongs into a daemon of the suite's own: leave out --engine or --mutant")
    try:
        found = running_daemon(lane.root)
    except DaemonRefused as reason:
        raise Precondition(f"--engine: {reason}") from None
    _, runtime = site.next()
    mark = f"{site.ledger.run}-{runtime.name}"  # of the lane: another one of the run may use the daemon, too
    seconds: dict[str, float] = {}
    with stage("making the toolbox"), timed(seconds, "toolbox"):
        tools = toolbox()
    site.ledger.intend("objects", url=found.url, run=mark)
    place = LentPlace(found.pid, runtime)
    engine = Attached(place, lane.driver, found.name.kind, found.url, mark, found.pid)
    try:
        with tools.held():
            place.tools, files = (volume(engine, f"roadworthy-{mark}-{name}") for name in ("tools", "files"))
            place.own = (place.tools, files)
            image = f"roadworthy:{mark}"
            with stage("filling a volume with the toolbox"), timed(seconds, "toolbox"):
                fill(engine, image, place.tools, tools)
            backing = LentBacking(lane.backing, place, files)
            backing.path("volume").mkdir()
            running = Running(Host(), place, backing, engine, tools, files / "volume")
            stand = AttachedStand(lane, running, image, keep=site.keep, seconds=seconds)
            with stage("loading the image"), timed(seconds, "image"):
                load_trees(stand, checks)
            with stage("starting the container"):
                stand.container()
            try:
                yield stand
            finally:
                stand.close()
    finally:
        engine.client.close()
        if not site.keep:
            with suppress(OSError):  # the run tries again at its end, and says what is left
                remove_labelled(found.url, mark)


def volume(engine: Attached, name: str) -> Path:
    """Make a volume of the run's own, and return its directory as the daemon sees it."""
    return Path(engine.client.volumes.create(name, labels=dict(engine.labels)).attrs["Mountpoint"])


def fill(engine: Attached, image: str, directory: Path, tools: Toolbox) -> None:
    """Put the toolbox onto a volume, by a container that does not start, so that no path has to be shared."""
    archive = io.BytesIO()
    write_archive(archive, image, [layer_tar(SKELETON)], labels=engine.labels)
    engine.client.images.load(archive.getvalue())
    made = engine.client.containers.create(
        image, ["/unset"], network_mode="none", labels=dict(engine.labels),
        volumes={str(directory): {"bind": INSIDE, "mode": "rw"}},
    )  # fmt: skip
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(tools.directory, ".")
        # Podman's reader ends at the two empty blocks that end a tar, and whoever writes more to it fails.
        whole = tar.offset + 2 * tarfile.BLOCKSIZE
    made.put_archive(INSIDE, packed.getvalue()[:whole])
    made.remove(force=True)
    engine.client.images.remove(image, force=True)
