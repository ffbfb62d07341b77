"""What a driver can have. A check that needs a feature its lane lacks is `unsupported`: declared, never guessed."""

from __future__ import annotations

import enum


class Feature(enum.Flag):
    """Each one's comment is the sentence that an `unsupported` cell shows."""

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


LAYERS = Feature.LAYERS
WHITEOUTS = Feature.WHITEOUTS
COPY_UP = Feature.COPY_UP
SHARED_PAGE_CACHE = Feature.SHARED_PAGE_CACHE
SIZE_LIMIT = Feature.SIZE_LIMIT

#: Why a check cannot be asked of a lane whose driver lacks the feature.
LACKING = {
    LAYERS: "there are no image layers here",
    WHITEOUTS: "this driver deletes without leaving a marker",
    COPY_UP: "this driver has no copy-up",
    SHARED_PAGE_CACHE: "this driver does not declare a shared page cache",
    SIZE_LIMIT: "this driver on this backing has no size limit for a container",
}
