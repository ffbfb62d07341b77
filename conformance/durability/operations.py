"""The operations that the power is cut in. Each is ready at its first yield, and acknowledged at each later one."""

from __future__ import annotations

from os import O_APPEND, O_RDONLY, O_WRONLY

from roadworthy.cuts.operation import Steps, operation
from roadworthy.cuts.store import Store
from roadworthy.trees.layers import File

#: What an image brings: 200 files as a package has them, with owners and modes.
FILES = {
    f"d{number % 10}/f{number}": File(b"content %d\n" % number * 40, mode=0o750, uid=number) for number in range(200)
}


def synced(fs, path):
    """fsync(2) of a file or a directory."""
    descriptor = fs.open(path, O_RDONLY)
    fs.fsync(descriptor)
    fs.close(descriptor)


@operation("load", repeats=True, usual=4)
def load(store: Store) -> Steps:
    """docker load of an image with 200 files."""
    archive, name = store.containers.archive(FILES, name="roadworthy:cut")
    yield None
    store.containers.load(archive, name)
    yield store.image(name)


@operation("commit", usual=3)
def commit(store: Store) -> Steps:
    """docker commit of a container in which 200 files were written."""
    made = store.laid_out({"old": b"image"})
    made.copy_in(store.place, FILES)
    yield None
    image = store.containers.commit(made)
    yield store.image(image)


@operation("copy-up", usual=3)
def copy_up(store: Store) -> Steps:
    """The first write to a file of the image, and its fsync."""
    fs = store.process(made := store.laid_out({"f": b"image" * 50_000}))
    yield None
    fs.write(descriptor := fs.open("f", O_WRONLY | O_APPEND), b"written")
    fs.fsync(descriptor)
    yield store.file(made, "f", b"image" * 50_000 + b"written", b"image" * 50_000)


ON_IMAGES = (load, commit)
ON_FILES = (copy_up,)
ALL = (*ON_IMAGES, *ON_FILES)
REPEATED = tuple(one for one in ALL if one.repeats)
