"""The store of containerd, in which Docker keeps images when its containerd image store is on.

A layer lies in a snapshot and, as it came, in a blob of the content store. The blob's tar says what the snapshot has to
hold. Which snapshot is whose stands in two databases, of containerd and of the snapshotter.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from roadworthy.store.blob import BlobDamaged, unpacked
from roadworthy.store.bolt import Bucket, NotReadable, database
from roadworthy.store.chains import chain_of, read
from roadworthy.store.comparison import Comparison, Form, said
from roadworthy.store.findings import Damage, ImageFound, LayerFound, StoreRefused, Unverifiable
from roadworthy.store.wanted import Inode, laid_over

#: containerd sets no trusted attributes when it unpacks (its archive/tar_unix.go, setxattr).
LAYERED, WHOLE = Form(whole=False, unset=("trusted.",)), Form(whole=True, unset=("trusted.",))
#: How snapshotters keep a layer, and where below their own directory, by the snapshot's number.
FORMS = {
    "overlayfs": (LAYERED, "snapshots/{}/fs"),
    "native": (WHOLE, "snapshots/{}"),
    "btrfs": (WHOLE, "snapshots/{}"),
}
#: Why the layers of the others are not compared.
NO_DIRECTORY = {
    "erofs": "its layers are EROFS images, which would have to be mounted",
    "blockfile": "its layers are file systems in files, which would have to be mounted",
    "devmapper": "its layers are block devices, which would have to be activated and mounted",
    "zfs": "its layers are datasets, which would have to be mounted",
}
CONTENT, METADATA = "io.containerd.content.v1.content", "io.containerd.metadata.v1.bolt"
SNAPSHOTTER = "io.containerd.snapshotter.v1."
COMMITTED = 3
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Snapshot:
    """One committed snapshot of a layer, its directory below the snapshotter's, and the key of its parent."""

    chain_id: str
    directory: str
    parent: str


@dataclass(frozen=True)
class Source:
    """What a layer was unpacked from, and the chain id of the layer below, which the snapshot's parent need not be."""

    diff_id: str
    blob: str
    parent: str


class SnapshotStore:
    """The images of one namespace and the layers of one snapshotter. The directories are sealed ones of containerd.

    `snapshots` is None if the layers are only listed.
    """

    def __init__(self, snapshotter: str, namespace: str, content: Path, metadata: Path, snapshots: Path | None) -> None:
        self.snapshotter, self._namespace = snapshotter, namespace
        self._content, self._metadata, self._snapshots = content, metadata, snapshots
        self.form, self._place = FORMS.get(snapshotter, (Form(whole=False), ""))
        self.sources: dict[str, Source] = {}
        self._trees: dict[str, tuple[dict[str, Inode], frozenset[str]]] = {}
        #: Layers that a commit has unpacked over its container's own snapshot, whose few files they have therefore.
        self._over_containers: set[str] = set()

    def image(self, identity: str, names: tuple[str, ...]) -> ImageFound:
        """An image by the digest of its manifest or index; notes what its layers were unpacked from."""
        chain_ids: list[str] = []
        damages: list[Damage] = []
        waiting = [identity]
        while waiting:
            digest = waiting.pop(0)
            try:
                about = self._document(digest)
                listed = [one for one in about.get("manifests", ()) if not is_attestation(one)]
                waiting += [one["digest"] for one in listed if self._blob(one["digest"]).exists()]
                if "config" in about and "layers" in about:
                    chain_ids += self._layers(about)
            except (BlobDamaged, OSError) as reason:
                what = said(reason) if isinstance(reason, OSError) else str(reason)
                damages.append(Damage(f"{CONTENT}/blobs/{digest.replace(':', '/')}", "blob", what))
        return ImageFound(identity, names, tuple(dict.fromkeys(chain_ids)), tuple(damages))

    def _layers(self, manifest: dict[str, Any]) -> list[str]:
        if not self._blob(manifest["config"]["digest"]).exists():
            return []  # of another platform, and not pulled
        diff_ids = self._document(manifest["config"]["digest"]).get("rootfs", {}).get("diff_ids") or []
        chain_ids, chain = [], ""
        for diff_id, layer in zip(diff_ids, manifest["layers"], strict=False):
            parent, chain = chain, chain_of(chain, diff_id)
            self.sources[chain] = Source(diff_id, layer["digest"], parent)
            chain_ids.append(chain)
        return chain_ids

    def _blob(self, digest: str) -> Path:
        valid = DIGEST.fullmatch(digest)  # it comes from an image
        return self._content / "blobs" / (digest.replace(":", "/") if valid else "invalid")

    def _document(self, digest: str) -> dict[str, Any]:
        """A JSON blob. Raises BlobDamaged, OSError."""
        data = read(self._blob(digest))
        if digest != (found := f"sha256:{hashlib.sha256(data).hexdigest()}"):
            raise BlobDamaged("it is empty" if not data else f"the digest of its {len(data)} bytes is {found}")
        return dict(json.loads(data))

    def records(self) -> dict[str, Snapshot]:
        """The snapshots of all layers by chain id. Raises StoreRefused."""
        try:
            known = database(partial(read, self._metadata / "meta.db"))
            own = database(partial(read, self._snapshots / "metadata.db")) if self._snapshots else None
            return self._records(known, own)
        except (NotReadable, OSError) as reason:
            what = said(reason) if isinstance(reason, OSError) else str(reason)
            raise StoreRefused(f"containerd's database cannot be read: {what}") from None

    def ordered(self, found: Mapping[str, Snapshot]) -> list[Snapshot]:
        """Snapshots, each after that of the layer below, as far as images are known."""
        ordered: dict[str, Snapshot] = {}
        for snapshot in found.values():
            line = [snapshot]
            while (source := self.sources.get(line[-1].chain_id)) and (parent := found.get(source.parent)):
                line.append(parent)
            ordered.update((one.chain_id, one) for one in reversed(line))
        return list(ordered.values())

    def _records(self, known: Bucket, own: Bucket | None) -> dict[str, Snapshot]:
        listed = known.bucket("v1", self._namespace, "snapshots", self.snapshotter)
        numbered = own.bucket("v1", "snapshots") if own else None
        numbers = {}
        for name, about in numbered.items() if numbered else ():
            if isinstance(about, Bucket) and about.value("kind")[:1] == bytes([COMMITTED]):
                numbers[name] = uvarint(about.value("id"))
        found = {}
        for key, about in listed.items() if listed else ():
            if not key.startswith(b"sha256:") or not isinstance(about, Bucket):
                continue  # a container's, or a build's
            number = numbers.get(about.value("name"))
            directory = self._place.format(number) if number is not None else ""
            found[key.decode()] = Snapshot(key.decode(), directory, about.value("parent").decode())
        return found

    def diff_id(self, snapshot: Snapshot) -> str:
        """The diff id of a layer; empty if no image names it."""
        return self.sources[snapshot.chain_id].diff_id if snapshot.chain_id in self.sources else ""

    def still_there(self, snapshot: Snapshot) -> bool:
        """Whether containerd still has this layer."""
        return self.records().get(snapshot.chain_id) == snapshot

    def verified(self, snapshot: Snapshot, say: Callable[[int], None]) -> LayerFound:
        """Compare one layer; those below it come first. `say` is told of bytes that were read."""
        source = self.sources.get(snapshot.chain_id)
        named = f"{SNAPSHOTTER}{self.snapshotter}/{snapshot.directory}"
        found = LayerFound(snapshot.chain_id, self.diff_id(snapshot), named)
        if not snapshot.directory:
            name = f"{SNAPSHOTTER}{self.snapshotter}/metadata.db"
            found.damages.append(Damage(name, "record", "the snapshotter does not know the snapshot"))
            found.directory, found.reason = "", "its directory is not known"
            return found
        if source is None:
            found.reason = "no image that the daemon lists says what it was unpacked from"
            return found
        blob = f"{CONTENT}/blobs/{source.blob.replace(':', '/')}"
        try:
            wanted = unpacked(self._blob(source.blob), source.blob, say)
        except FileNotFoundError:
            found.reason = f"its blob is not in the content store: {source.blob}"
            return found
        except Unverifiable as reason:
            found.reason = str(reason)
            return found
        except (BlobDamaged, OSError) as reason:
            what = said(reason) if isinstance(reason, OSError) else str(reason)
            found.damages.append(Damage(blob, "blob", what))
            found.reason = "what it has to hold is not known"
            return found
        if wanted.diff_id != source.diff_id:
            found.damages.append(Damage(blob, "blob", f"its tar has the diff id {wanted.diff_id}"))
            found.reason = "what it has to hold is not known"
            return found
        layer = wanted.layer
        found.files = len(layer.entries)
        if not self.form.whole:
            comparison = Comparison(self.form, layer.entries, layer.entries, layer.opaque, progress=say)
        elif source.parent and source.parent not in self._trees:
            found.reason = "what the layer below it has to hold is not known"
            return found
        else:
            below, ever = self._trees.get(source.parent, ({}, frozenset()))
            tree = laid_over(below, layer)
            ever |= tree.keys()
            self._trees[snapshot.chain_id] = tree, ever
            if snapshot.parent != source.parent or source.parent in self._over_containers:
                self._over_containers.add(snapshot.chain_id)
            form = replace(self.form, more=snapshot.chain_id in self._over_containers)
            comparison = Comparison(form, tree, layer.entries, layer.opaque, ever - tree.keys(), progress=say)
        assert self._snapshots is not None
        found.damages += comparison.run(self._snapshots / snapshot.directory)
        return found


def is_attestation(descriptor: Mapping[str, Any]) -> bool:
    """Whether an entry of an index is what a build says about an image, and no image."""
    kind = (descriptor.get("annotations") or {}).get("vnd.docker.reference.type")
    return kind == "attestation-manifest"


def uvarint(data: bytes) -> int | None:
    """A number as Go's encoding/binary writes it; None if there is none."""
    found = 0
    for place, byte in enumerate(data):
        found |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return found
    return None
