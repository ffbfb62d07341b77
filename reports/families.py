"""What the families of checks are called in whole words. Their ids stay: links, history and deviations hang on them."""

from __future__ import annotations

TITLES = {
    "acl": "access control lists",
    "app": "software",
    "caps": "capabilities",
    "conc": "concurrency",
    "copyup": "copy-up",
    "dura": "durability",
    "exec": "execution",
    "grid": "backing file systems",
    "handle": "file handles",
    "identity": "file identity",
    "image": "images",
    "life": "life cycle",
    "limit": "limits",
    "link": "hard links",
    "lock": "locks",
    "metadata": "metadata",
    "mmap": "memory maps",
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
    """The family in whole words; of one that somebody else has added, its id."""
    return TITLES.get(family, family)
