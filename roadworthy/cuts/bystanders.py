"""What lies on a lane before an operation: no cut during it may hurt these."""

from __future__ import annotations

from os import O_RDONLY

from roadworthy.cuts.store import Store, Thing

TREE = {f"there/{number}": b"there before" * number for number in range(1, 21)}


def bystanders(store: Store) -> list[Thing]:
    """Make a container with an image of its own, in which a file was written and synced."""
    made = store.laid_out(TREE)
    fs = store.process(made)
    fs.store("own", b"written before")
    for path in ("own", "."):
        descriptor = fs.open(path, O_RDONLY)
        fs.fsync(descriptor)
        fs.close(descriptor)
    fs.leave()
    made.forget_agent()
    if store.stand.native:  # its containers share a volume, on which the operation works, too
        return [store.directory(made, "there", "the files from before")]
    container = store.container(made, "the container from before")
    return [container, store.image(store.containers.last_image, "the image from before")]
