"""Where a check's trees lie, as its containers see them."""

from __future__ import annotations

#: The directory of the image, and of the volume, below which every check has a directory of its own.
CHECKS = "c"
#: Where the volume, a directory of the backing file system, is seen inside a container.
VOLUME = "/volume"
