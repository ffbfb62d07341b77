"""A path on this host, with the few further methods of GuestPath, so that machine-side code can use either."""

from __future__ import annotations

import os
from pathlib import PosixPath


class HostPath(PosixPath):
    """A path with functions of os as methods: extended attributes, statvfs, lexists."""

    def lexists(self) -> bool:
        """Whether the path exists, even as a dangling symlink."""
        return os.path.lexists(self)

    def statvfs(self) -> os.statvfs_result:
        """os.statvfs of the file system that holds the path."""
        return os.statvfs(self)

    def listxattr(self, follow_symlinks: bool = True) -> list[str]:
        return os.listxattr(self, follow_symlinks=follow_symlinks)

    def getxattr(self, name: str, follow_symlinks: bool = True) -> bytes:
        return os.getxattr(self, name, follow_symlinks=follow_symlinks)

    def setxattr(self, name: str, value: bytes, follow_symlinks: bool = True) -> None:
        os.setxattr(self, name, value, follow_symlinks=follow_symlinks)

    def removexattr(self, name: str, follow_symlinks: bool = True) -> None:
        os.removexattr(self, name, follow_symlinks=follow_symlinks)
