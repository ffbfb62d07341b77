"""The store of Docker's graph drivers: its layers' records lie in `image/DRIVER/layerdb`, their trees with the driver.

The record of a layer has all of its tar but the content of files (`tar_split.py`), so a layer is compared with the very
tar that its diff id is the digest of.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from roadworthy.drivers import DRIVERS
from roadworthy.machines.host_path import HostPath
from roadworthy.store.chains import bare, chain_of, chains, read
from roadworthy.store.comparison import Comparison, Form, said
from roadworthy.store.findings import Damage, ImageFound, LayerFound
from roadworthy.store.on_disk import content, file_below
from roadworthy.store.tar_split import Piece, RecordDamaged, layer_of, pieces_of
from roadworthy.store.wanted import Inode, Layer, Whiteout, laid_over

FORMS = {
    "overlay2": Form(whole=False), "fuse-overlayfs": Form(whole=False, marked_by_names=True),
    "overlay": Form(whole=True, copied=True, top=True), "vfs": Form(whole=True, copied=True, top=True),
    "btrfs": Form(whole=True, top=True),
}  # fmt: skip
#: Why the layers of the others are not compared.
NO_DIRECTORY = {
    "devicemapper": "its layers are block devices, which would have to be activated and mounted",
    "zfs": "its layers are datasets, which would have to be mounted",
    "aufs": "no kernel that has it was at hand to try the comparison on",
}

#: The name of a layer's record.
DIGEST = re.compile(r"[0-9a-f]{64}")
#: Damages by which the tar of a layer can no longer be put together.
OF_CONTENT = ("missing", "zeroed", "cut short", "too long", "changed", "unreadable", "wrong type")


@dataclass(frozen=True)
class Record:
    """One layer as the layer store records it. `broken` are damages of the record itself."""

    chain_id: str
    diff_id: str
    cache_id: str
    parent: str
    directory: Path
    broken: tuple[Damage, ...]


class GraphStore:
    """The layer store of one daemon, below its data root. `image` and `layers` are two directories of it, sealed."""

    def __init__(self, driver: str, image: Path, layers: Path) -> None:
        self.driver, self.form = driver, FORMS.get(driver, Form(whole=False))
        self._image, self._layers = image / driver, layers
        self._layerdb = self._image / "layerdb/sha256"
        #: The whole trees of layers, and all paths that they or layers below ever had; of drivers that keep such trees.
        self._trees: dict[str, tuple[dict[str, Inode], frozenset[str]]] = {}

    def image(self, identity: str, names: tuple[str, ...]) -> ImageFound:
        """An image by its id, from its configuration, whose digest the id is."""
        name = self.image_record(identity)
        file = self._image / "imagedb/content" / identity.replace(":", "/")
        try:
            configuration = read(file)
        except OSError as reason:
            return ImageFound(identity, names, (), (Damage(name, "record", said(reason)),))
        if f"sha256:{hashlib.sha256(configuration).hexdigest()}" != identity:
            what = f"its {len(configuration)} bytes are not the image's configuration: their digest is another"
            return ImageFound(identity, names, (), (Damage(name, "record", what),))
        chain_ids = chains(json.loads(configuration).get("rootfs", {}).get("diff_ids") or [])
        lost = [chain for chain in chain_ids if not (self._layerdb / bare(chain)).is_dir()]
        damages = [Damage(self._named(chain), "record", "the layer store has no such layer") for chain in lost]
        return ImageFound(identity, names, tuple(chain_ids), tuple(damages))

    def image_record(self, identity: str) -> str:
        """The record of an image, below the data root."""
        return f"image/{self.driver}/imagedb/content/{identity.replace(':', '/')}"

    def recorded_images(self) -> set[str]:
        """The ids of all images that have a record."""
        place = self._image / "imagedb/content/sha256"
        return {f"sha256:{name}" for name in (os.listdir(place) if place.is_dir() else ())}

    def _named(self, chain: str, file: str = "") -> str:
        return f"image/{self.driver}/layerdb/sha256/{bare(chain)}" + (f"/{file}" if file else "")

    def records(self) -> list[Record]:
        """All layers, each after its parent."""
        names = sorted(os.listdir(self._layerdb)) if self._layerdb.is_dir() else []
        # A layer that is being removed has another name first, which ends with `-removing`.
        found = {name: self._record(name) for name in names if DIGEST.fullmatch(name)}
        ordered: dict[str, Record] = {}
        for record in found.values():
            line = [record]
            while (parent := bare(line[-1].parent)) in found and found[parent] not in line:
                line.append(found[parent])
            ordered.update((one.chain_id, one) for one in reversed(line))
        return list(ordered.values())

    def _record(self, name: str) -> Record:
        place = self._layerdb / name
        values, broken = {}, []
        for key in ("diff", "cache-id", "parent"):
            try:
                values[key] = read(place / key).decode(errors="replace").strip()
            except FileNotFoundError:
                values[key] = ""
                if key != "parent":  # the lowest layer has none
                    broken.append(Damage(self._named(name, key), "record", "it is not there"))
                continue
            except OSError as reason:
                values[key] = ""
                broken.append(Damage(self._named(name, key), "record", said(reason)))
                continue
            if not values[key]:
                broken.append(Damage(self._named(name, key), "record", "it is empty"))
        if not broken and chain_of(values["parent"], values["diff"]) != f"sha256:{name}":
            broken.append(Damage(self._named(name, "diff"), "record", "diff id and parent are not those of the layer"))
        usable = values["cache-id"] if "/" not in values["cache-id"] else ""
        return Record(f"sha256:{name}", values["diff"], usable, values["parent"], place, tuple(broken))

    def still_there(self, record: Record) -> bool:
        """Whether the daemon has this layer, and has not removed it meanwhile."""
        try:
            return read(record.directory / "cache-id").decode(errors="replace").strip() == record.cache_id
        except OSError:
            return bool(record.broken) and record.directory.is_dir()

    def verified(self, record: Record, say: Callable[[int], None]) -> LayerFound:
        """Compare one layer; those below it come first. `say` is told of bytes that were read."""
        found = LayerFound(record.chain_id, record.diff_id, "", damages=[*record.broken])
        below = self._trees.get(record.parent, ({}, frozenset())) if record.parent else ({}, frozenset())
        if not record.cache_id:
            found.reason = "its directory is not known"
            return found
        found.directory = layer_directory(self.driver, record.cache_id)
        top = self._layers / Path(found.directory).relative_to(top_directory(self.driver))
        try:
            pieces = pieces_of(record.directory / "tar-split.json.gz")
            layer = layer_of(pieces)
        except RecordDamaged as reason:
            name = self._named(record.chain_id, "tar-split.json.gz")
            found.damages.append(Damage(name, "record", str(reason)))
            found.reason = "what it has to hold is not known"
            return found
        if self.form.whole and record.parent and record.parent not in self._trees:
            found.reason = "what the layer below it has to hold is not known"
            return found
        found.files = len(layer.entries)
        tree: Mapping[str, Inode | Whiteout] = layer.entries
        removed: frozenset[str] = frozenset()
        if self.form.whole:
            whole = laid_over(below[0], layer)
            removed = below[1] | whole.keys()
            self._trees[record.chain_id] = whole, removed
            tree = whole
        true = assembles(pieces, layer, top, record.diff_id, say)
        comparison = Comparison(
            self.form, tree, layer.entries, layer.opaque, removed - tree.keys(), judge_own=not true, progress=say
        )
        found.damages += comparison.run(top)
        if not true and not record.broken and not any(damage.kind in OF_CONTENT for damage in found.damages):
            name = self._named(record.chain_id, "tar-split.json.gz")
            what = "every file has the content that it records, and the digest of the whole is not the diff id"
            found.damages.append(Damage(name, "record", what))
        return found


def assembles(pieces: list[Piece], layer: Layer, top: Path, diff_id: str, say: Callable[[int], None]) -> bool:
    """Whether a layer's tar, with the content that its files have now, has the digest that is its diff id.

    If so, the digest of each file is noted for the copies of it in layers above.
    """
    whole, noted = hashlib.sha256(), {}
    for one in pieces:
        if one.segment or not one.size:
            whole.update(one.segment)
            continue
        own = hashlib.sha256()
        try:
            with file_below(top, one.path) as file:
                if os.fstat(file).st_size != one.size:
                    return False
                for piece in content(file):
                    whole.update(piece)
                    own.update(piece)
        except OSError:
            return False
        say(one.size)
        noted[one.path] = own.digest()
    if f"sha256:{whole.hexdigest()}" != diff_id:
        return False
    for path, digest in noted.items():
        inode = layer.entries.get(path)
        if isinstance(inode, Inode):
            inode.digest = "sha256", digest
    return True


def layer_directory(driver: str, identity: str) -> str:
    """Where a driver keeps a layer, below the data root."""
    return str(DRIVERS[driver].layer_directory(HostPath("/"), identity)).lstrip("/")


def top_directory(driver: str) -> str:
    """The directory below the data root that has all layers of a driver."""
    return Path(layer_directory(driver, "-")).parts[0]
