"""Features that drivers and engines declare. A check whose lane lacks one that it needs is `unsupported`."""

from __future__ import annotations

import enum


class Feature(enum.Flag):
    """Features that a driver or an engine declares; LACKING has the sentence that an `unsupported` cell shows."""

    NONE = 0
    #: a container's files come from image layers
    LAYERS = enum.auto()
    #: a deletion leaves a marker in the writable layer
    WHITEOUTS = enum.auto()
    #: the first write to a file of an image copies it
    COPY_UP = enum.auto()
    #: containers of one image read the same cached pages
    SHARED_PAGE_CACHE = enum.auto()
    #: --storage-opt size limits a container's writable layer
    SIZE_LIMIT = enum.auto()
    #: all layers draw their blocks from one pool, which can run out of them
    THIN_POOL = enum.auto()
    #: one data root holds what several drivers made, and the daemon is told which driver to use
    DRIVER_SWITCH = enum.auto()
    #: images are built step by step, each in a container that is committed
    CLASSIC_BUILDER = enum.auto()
    #: a layer is a snapshot or a clone of the one below, which its file system knows
    SNAPSHOTS = enum.auto()
    #: a running container's files are plain files of the file system below, and the driver has no hand in them
    PLAIN_FILES = enum.auto()
    #: the kernel's overlayfs lays the layers over each other
    OVERLAYFS = enum.auto()


LAYERS = Feature.LAYERS
WHITEOUTS = Feature.WHITEOUTS
COPY_UP = Feature.COPY_UP
SHARED_PAGE_CACHE = Feature.SHARED_PAGE_CACHE
SIZE_LIMIT = Feature.SIZE_LIMIT
THIN_POOL = Feature.THIN_POOL
DRIVER_SWITCH = Feature.DRIVER_SWITCH
CLASSIC_BUILDER = Feature.CLASSIC_BUILDER
SNAPSHOTS = Feature.SNAPSHOTS
PLAIN_FILES = Feature.PLAIN_FILES
OVERLAYFS = Feature.OVERLAYFS

#: Why a check cannot run on a lane that lacks the feature.
LACKING = {
    LAYERS: "there are no image layers here",
    WHITEOUTS: "this driver deletes without leaving a marker",
    COPY_UP: "this driver has no copy-up",
    SHARED_PAGE_CACHE: "this driver does not declare a shared page cache",
    SIZE_LIMIT: "this driver on this backing has no size limit for a container",
    THIN_POOL: "this driver's layers are not volumes of a thin pool",
    DRIVER_SWITCH: "this engine ties a data root to the driver that made it: its database refuses another",
    SNAPSHOTS: "this driver's layers are not snapshots that their file system knows as such",
    PLAIN_FILES: "this driver has a hand in what is done to a running container's files",
    OVERLAYFS: "this driver does not mount the kernel's overlayfs",
    CLASSIC_BUILDER: "this engine builds with Buildah, whose times cannot be compared with those of Docker's builder",
}
