"""Saboteurs: edit the layer directories of the lane's image while no container uses them.

Each returns how many paths it edited, by the directory of the check that they belong to.
"""

from __future__ import annotations

import itertools
import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from roadworthy.declaring.places import CHECKS
from roadworthy.lane.stand import Stand
from roadworthy.lane.storage import Storage, chain_ids
from roadworthy.reasons import Unsupported

Saboteur = Callable[["Stand"], Counter[str]]
SABOTEURS: dict[str, Saboteur] = {}
OPAQUE = "trusted.overlay.opaque"


def saboteur(name: str) -> Callable[[Saboteur], Saboteur]:
    def registered(function: Saboteur) -> Saboteur:
        SABOTEURS[name] = function
        return function

    return registered


def image_layers(stand: Stand) -> list[Path]:
    """The image's layer directories, the lowest first."""
    found = Storage(stand.lane.driver, stand.backing, stand.engine, stand.image, "/").image_layers()
    layers: list[Path] = [layer for layer in found if isinstance(layer, Path)]
    if len(layers) < len(found):
        raise Unsupported("mutants run on this host's kernel only")
    return layers


def within(layer: Path) -> Iterator[tuple[str, Path]]:
    """Yield everything in the checks' directories of a layer, each with the name of its check's directory."""
    for check in sorted((layer / CHECKS).glob("*")):
        for above, directories, files in os.walk(check):
            for name in [*directories, *files]:
                yield check.name, Path(above, name)


@saboteur("opaque-mark-removed")
def opaque_mark_removed(stand: Stand) -> Counter[str]:
    """Opaque directories show the entries of the layers below."""
    edited: Counter[str] = Counter()
    for layer in image_layers(stand):
        for check, path in within(layer):
            if path.is_dir() and not path.is_symlink() and OPAQUE in os.listxattr(path):
                os.removexattr(path, OPAQUE)
                edited[check] += 1
    return edited


@saboteur("whiteout-removed")
def whiteout_removed(stand: Stand) -> Counter[str]:
    """What a layer removes is visible again."""
    edited: Counter[str] = Counter()
    for layer in image_layers(stand):
        for check, path in list(within(layer)):
            found = path.lstat()
            if stat.S_ISCHR(found.st_mode) and found.st_rdev == 0:
                path.unlink()
                edited[check] += 1
    return edited


@saboteur("top-layer-lost")
def top_layer_lost(stand: Stand) -> Counter[str]:
    """The uppermost layer of the image holds nothing."""
    edited: Counter[str] = Counter()
    for check in sorted((image_layers(stand)[-1] / CHECKS).glob("*")):
        shutil.rmtree(check)
        edited[check.name] += 1
    return edited


@saboteur("old-metadata-wins")
def old_metadata_wins(stand: Stand) -> Counter[str]:
    """If two layers have a directory of one name, the older owner and mode are seen."""
    edited: Counter[str] = Counter()
    layers = image_layers(stand)
    for depth, layer in enumerate(layers[1:], 1):
        for check, path in within(layer):
            below = [older / path.relative_to(layer) for older in layers[:depth]]
            first = next((older.lstat() for older in below if older.is_dir()), None)
            found = path.lstat()
            if first is None or not stat.S_ISDIR(found.st_mode):
                continue
            if (first.st_mode, first.st_uid, first.st_gid) != (found.st_mode, found.st_uid, found.st_gid):
                os.chown(path, first.st_uid, first.st_gid)
                path.chmod(stat.S_IMODE(first.st_mode))
                edited[check] += 1
    return edited


@saboteur("image-times-cut")
def image_times_cut(stand: Stand) -> Counter[str]:
    """Files of the image have their times in whole seconds."""
    edited: Counter[str] = Counter()
    for layer in image_layers(stand):
        for check, path in within(layer):
            found = path.lstat()
            if found.st_mtime_ns % 10**9:
                os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns // 10**9 * 10**9), follow_symlinks=False)
                edited[check] += 1
    return edited


@saboteur("image-links-split")
def image_links_split(stand: Stand) -> Counter[str]:
    """Two names of one file in an image are two files."""
    edited: Counter[str] = Counter()
    for layer in image_layers(stand):
        for check, path in within(layer):
            found = path.lstat()
            if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
                spare = path.with_name(f"{path.name}.split")
                shutil.copy2(path, spare)
                os.chown(spare, found.st_uid, found.st_gid)
                spare.replace(path)
                edited[check] += 1
    return edited


@saboteur("layers-repeat-files")
def layers_repeat_files(stand: Stand) -> Counter[str]:
    """A layer has a hard link to each file of the layer below it, as the first overlay driver made them."""
    edited: Counter[str] = Counter()
    layers = image_layers(stand)
    for below, layer in itertools.pairwise(layers):
        for check, path in list(within(below)):
            place = layer / path.relative_to(below)
            above = [parent for parent in place.parents if parent.is_relative_to(layer)]
            if not place.parent.is_dir() or any(OPAQUE in os.listxattr(parent) for parent in above):
                continue
            if path.is_file() and not path.is_symlink() and not os.path.lexists(place):
                os.link(path, place)
                edited[check] += 1
    return edited


@saboteur("layers-named-by-digest")
def layers_named_by_digest(stand: Stand) -> Counter[str]:
    """The layer store knows each layer's directory by the layer's digest."""
    engine = stand.engine
    digests = engine.client.images.get(stand.image).attrs["RootFS"]["Layers"]
    edited: Counter[str] = Counter()
    for digest, chain, layer in zip(digests, chain_ids(digests), image_layers(stand), strict=True):
        name = digest.partition(":")[2]
        layer.parent.with_name(name).symlink_to(layer.parent.name)
        database = engine.root / "image" / stand.lane.driver.daemon_name / "layerdb" / chain.replace(":", "/")
        (database / "cache-id").write_text(name)
        edited.update(check.name for check in (layer / CHECKS).glob("*"))
    return edited
