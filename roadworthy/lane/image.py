"""Put the trees of every check into the lane's image or onto its volume."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence

from roadworthy.calls.inside import SKELETON
from roadworthy.declaring.checks import Declared
from roadworthy.declaring.places import CHECKS
from roadworthy.engines.engine import EngineFailed
from roadworthy.lane.stand import Stand
from roadworthy.lane.storage import Storage
from roadworthy.machines.place import Place, PlacePath
from roadworthy.reasons import Unsupported
from roadworthy.trees.layers import Directory, Entry, SparseFile, flattened, layer_tar, write_archive


def load_trees(stand: Stand, checks: Sequence[Declared]) -> None:
    """Put the trees of `checks` into the lane's image or onto its volume."""
    in_image, on_volume = sorted_trees(checks, native=stand.native)
    owners, volume = stand.engine.mode.owners, stand.backing.path("volume")
    if stand.engine.mode.in_user_namespace:
        stand.home.run(["chown", f"{owners.root}:{owners.root}", stand.home.inside(volume)])
    stand.machine.lay_out(owners.seen_outside(on_volume), volume)
    load_image(stand, in_image)


def sorted_trees(checks: Sequence[Declared], *, native: bool) -> tuple[list[dict[str, Entry]], dict[str, Entry]]:
    """Return the image's layers, the lowest first, and the volume's tree, which has everything on a `native` lane."""
    in_image: list[dict[str, Entry]] = [dict(SKELETON)]
    on_volume: dict[str, Entry] = {CHECKS: Directory()}
    for check in checks:
        if native or check.provenance == "volume":
            on_volume.update(flattened(check.volume_trees()))
            continue
        for depth, tree in enumerate(check.image_trees()):
            if depth == len(in_image):
                in_image.append({})
            in_image[depth].update(tree)
    return in_image, on_volume


def load_image(stand: Stand, in_image: Sequence[dict[str, Entry]]) -> None:
    """Make the lane's image from these layers, the lowest first, and load it into the daemon. Raises EngineFailed."""
    written = io.BytesIO()
    layers = [layer_tar(tree) for tree in in_image]
    digests = write_archive(written, stand.image, layers, labels=stand.engine.labels)
    archive = written.getvalue()
    # What checks put into layers compresses well.
    stand.engine.client.images.load(gzip.compress(archive, 1) if stand.machine.far else archive)
    loaded = stand.engine.client.images.get(stand.image).attrs["RootFS"]["Layers"]
    if loaded != digests:
        raise EngineFailed(f"{stand.engine.program} has loaded layers {loaded}, expected {digests}")
    if not stand.native and not stand.lane.driver.sealed_layers:
        dig_holes(stand, in_image)


def dig_holes(stand: Stand, trees: Sequence[dict[str, Entry]]) -> None:
    """Make the sparse files of the image sparse again: an image archive carries their holes as zeroes."""
    sparse = [(depth, path) for depth, tree in enumerate(trees) for path, value in tree.items()
              if isinstance(value, SparseFile)]  # fmt: skip
    if not sparse:
        return
    storage = Storage(stand.lane.driver, stand.backing, stand.engine, stand.image, "/")
    try:
        with storage.layers_at_hand(writable=True) as layers:
            for depth, path in sparse:
                # Drivers that copy or snapshot whole trees have the file in every layer from there on.
                for layer in layers[depth:]:
                    if (layer / path).is_file():
                        dig(stand.home, layer / path)
    except Unsupported:
        return  # layers that are not directories keep the archive's zeroes


def dig(home: Place, path: PlacePath) -> None:
    """Turn the zeroes of a file into holes, and keep its modification time."""
    before, file = path.stat(), home.inside(path)
    seconds, nanoseconds = divmod(before.st_mtime_ns, 10**9)
    home.run(["fallocate", "--dig-holes", file])
    home.run(["touch", "--no-create", f"--date=@{seconds}.{nanoseconds:09d}", file])
