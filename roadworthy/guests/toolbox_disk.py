"""The toolbox as a disk: a guest cannot see the host's files, so it gets them as a read-only image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roadworthy.calls.toolbox import Toolbox
from roadworthy.supplies.cache import Cache
from roadworthy.supplies.disk_image import ext4_image

#: The serial number by which a guest finds it.
SERIAL = "toolbox"


def toolbox_image(made: Toolbox, cache: Cache | None = None) -> Path:
    """The image file of a toolbox, made once for each. It holds the contents of `made.directory`."""

    def fill(directory: Path) -> Mapping[str, Any]:
        ext4_image(made.directory, directory / "toolbox.ext4", SERIAL, spare=1 << 20)
        return {"toolbox": made.directory.name}

    recipe = {"toolbox": made.directory.name, "image": 1}
    return (cache or Cache()).entry("toolbox-image", recipe, fill).path / "toolbox.ext4"
