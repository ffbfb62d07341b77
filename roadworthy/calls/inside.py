"""Paths inside a container of a lane, on every engine and driver."""

from __future__ import annotations

from roadworthy.declaring.places import CHECKS, VOLUME
from roadworthy.trees.layers import Directory, Entry, File, Symlink

#: Where the toolbox is seen inside a container.
INSIDE = "/toolbox"
#: Where real software lies, once a check has requested it; see roadworthy/lane/software.py.
SOFTWARE = f"{VOLUME}/software"
#: Directories that a runtime expects in a root file system, so that it makes nothing in the writable layer, and what
#: programs expect: a /usr, and users with names.
SKELETON: dict[str, Entry] = {
    **{name: Directory() for name in (CHECKS, "dev", "etc", "proc", "sys", "tmp", "toolbox", VOLUME.lstrip("/"))},
    "usr": Symlink(target=f"{SOFTWARE.lstrip('/')}/usr"),
    **{name: Symlink(target=f"usr/{name}") for name in ("bin", "sbin", "lib", "lib64")},
    "etc/passwd": File(b"root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n"),
    "etc/group": File(b"root:x:0:\nuser:x:1000:\n"),
}
