"""A path on this host, with the few methods more that GuestPath has, so that machine-side code uses either."""

from __future__ import annotations

import os
from pathlib import PosixPath


class HostPath(PosixPath):
    """What os has as functions of a path: attributes, statvfs, lexists. They never follow a symlink for attributes."""

    def lexists(self) -> bool:
        """Whether there is anything at all, be it a dangling symlink."""
        return os.path.lexists(self)

    def statvfs(self) -> os.statvfs_result:
        """os.statvfs of the file system that it lies in."""
        return os.statvfs(self)

    def listxattr(self, follow_symlinks: bool = True) -> list[str]:
        return os.listxattr(self, follow_symlinks=follow_symlinks)

    def getxattr(self, name: str, follow_symlinks: bool = True) -> bytes:
        return os.getxattr(self, name, follow_symlinks=follow_symlinks)

    def setxattr(self, name: str, value: bytes, follow_symlinks: bool = True) -> None:
        os.setxattr(self, name, value, follow_symlinks=follow_symlinks)

    def removexattr(self, name: str, follow_symlinks: bool = True) -> None:
        os.removexattr(self, name, follow_symlinks=follow_symlinks)
