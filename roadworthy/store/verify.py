"""The verification of a running daemon's store: every unpacked layer, and the records of every image that it lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from roadworthy.store import snapshots
from roadworthy.store.daemon import Daemon, containerd_of
from roadworthy.store.findings import Damage, ImageFound, LayerFound, StoreRefused, Verdict, worst
from roadworthy.store.graph import FORMS, NO_DIRECTORY, GraphStore, top_directory
from roadworthy.store.sealed import sealed
from roadworthy.store.snapshots import SnapshotStore

REMAPPED = "owners of files are shifted by user namespaces, which this command does not take into account"


class Progress(Protocol):
    """Is told what goes on."""

    def layer(self, number: int, of: int) -> None:
        """A layer begins."""
        ...

    def read(self, size: int) -> None:
        """So many bytes of it were read."""
        ...


@dataclass(frozen=True)
class StoreFound:
    """What a verification found: images as the daemon lists them, and all layers, each after its parent."""

    driver: str
    data_root: str
    images: tuple[ImageFound, ...]
    layers: tuple[LayerFound, ...]

    @property
    def verdict(self) -> Verdict:
        images: list[Verdict] = [self.of_image(image) for image in self.images]
        return worst([*images, *(layer.verdict for layer in self.layers)])

    def of_image(self, image: ImageFound) -> Verdict:
        """The verdict of an image: the worst of its records and its layers."""
        own: Verdict = "damaged" if image.damages else "unverified" if image.reason else "whole"
        return worst([own, *(layer.verdict for layer in self.layers_of(image))])

    def layers_of(self, image: ImageFound) -> list[LayerFound]:
        by_chain = {layer.chain_id: layer for layer in self.layers}
        return [by_chain[chain] for chain in image.chain_ids if chain in by_chain]


def verified(daemon: Daemon, progress: Progress) -> StoreFound:
    """Compare the whole store of a daemon. Raises StoreRefused."""
    return of_snapshotter(daemon, progress) if daemon.snapshots else of_graph_driver(daemon, progress)


def of_graph_driver(daemon: Daemon, progress: Progress) -> StoreFound:
    driver = daemon.driver
    reason = REMAPPED if daemon.remapped else NO_DIRECTORY.get(driver, "")
    if not reason and driver not in FORMS:
        raise StoreRefused(f"{driver} is no storage driver that this command knows: {', '.join(FORMS)}")
    parts = ["image"] if reason else ["image", top_directory(driver)]
    with opened(daemon.pid, daemon.data_root, parts) as places:
        store = GraphStore(driver, places[0], places[-1])
        listed = daemon.images()
        records = store.records()
        if listed and not store.recorded_images() & listed.keys():
            raise StoreRefused(
                f"{daemon.data_root} of this machine has no record of any image that the daemon lists: its files lie "
                "elsewhere; run this where dockerd runs"
            )
        images = [store.image(identity, names) for identity, names in listed.items()]
        layers = []
        for number, record in enumerate(records, 1):
            progress.layer(number, len(records))
            if reason:
                layers.append(LayerFound(record.chain_id, record.diff_id, "", damages=[*record.broken], reason=reason))
                continue
            found = store.verified(record, progress.read)
            if found.verdict == "whole" or store.still_there(record):
                layers.append(found)
        images += [
            ImageFound(identity, (), (), (Damage(store.image_record(identity), "record", UNLISTED),))
            for identity in sorted(store.recorded_images() - listed.keys() - daemon.images().keys())
        ]
    return StoreFound(driver, daemon.data_root, tuple(images), named_layers(layers, images))


def of_snapshotter(daemon: Daemon, progress: Progress) -> StoreFound:
    driver, containerd = daemon.driver, containerd_of(daemon)
    reason = REMAPPED if daemon.remapped else snapshots.NO_DIRECTORY.get(driver, "")
    if not reason and driver not in snapshots.FORMS:
        raise StoreRefused(f"{driver} is no snapshotter that this command knows: {', '.join(snapshots.FORMS)}")
    parts = [snapshots.CONTENT, snapshots.METADATA, *([] if reason else [f"{snapshots.SNAPSHOTTER}{driver}"])]
    with opened(containerd.pid, containerd.root, parts) as places:
        store = SnapshotStore(driver, containerd.namespace, places[0], places[1], None if reason else places[2])
        unpacked = store.records()  # before the images, so that all images are known that they belong to
        images = [store.image(identity, names) for identity, names in daemon.images().items()]
        records = store.ordered(unpacked)
        layers = []
        for number, record in enumerate(records, 1):
            progress.layer(number, len(records))
            if reason:
                layers.append(LayerFound(record.chain_id, store.diff_id(record), "", reason=reason))
                continue
            found = store.verified(record, progress.read)
            if found.verdict == "whole" or store.still_there(record):
                layers.append(found)
    return StoreFound(driver, containerd.root, tuple(images), named_layers(layers, images))


UNLISTED = "the daemon does not list this image, so it has lost one of its layers"


@contextmanager
def opened(pid: int, root: str, parts: Sequence[str]) -> Iterator[list[Path]]:
    """Yield directories of a store, through mounts that refuse every change. Raises StoreRefused."""
    with ExitStack() as held:
        try:
            places = held.enter_context(sealed(pid, [f"{root}/{part}" for part in parts]))
        except StoreRefused as reason:
            raise StoreRefused(f"the daemon's store in {root} cannot be opened on this machine: {reason}") from None
        yield places


def named_layers(layers: list[LayerFound], images: list[ImageFound]) -> tuple[LayerFound, ...]:
    """The layers, each with the names of the images that have it."""
    return tuple(
        replace(layer, images=tuple(label(image) for image in images if layer.chain_id in image.chain_ids))
        for layer in layers
    )


def label(image: ImageFound) -> str:
    """An image's first name, or the beginning of its id."""
    return image.names[0] if image.names else image.identity.removeprefix("sha256:")[:12]
