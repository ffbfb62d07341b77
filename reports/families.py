"""Titles of the families of checks. Their ids do not change, because links, history and deviations depend on them."""

from __future__ import annotations

TITLES = {
    "acl": "access control lists",
    "app": "software",
    "caps": "capabilities",
    "conc": "concurrency",
    "copyup": "copy-up",
    "dura": "durability",
    "durability": "power cuts",
    "exec": "execution",
    "grid": "backing file systems",
    "handle": "file handles",
    "hunt": "silent corruption",
    "identity": "file identity",
    "image": "images",
    "life": "life cycle",
    "limit": "limits",
    "link": "hard links",
    "lock": "locks",
    "metadata": "metadata",
    "mmap": "memory maps",
    "mount": "mounting",
    "notify": "notification",
    "opaque": "opaque directories",
    "open": "open",
    "pagecache": "page cache",
    "plumb": "plumbing",
    "quota": "quotas",
    "readdir": "directory listings",
    "rename": "rename",
    "sec": "security",
    "space": "space",
    "special": "special files",
    "unlink": "unlink",
    "volume": "volumes",
    "whiteout": "whiteouts",
    "xattr": "extended attributes",
}


def title(family: str) -> str:
    """The title of a family, or its id if it has none."""
    return TITLES.get(family, family)
