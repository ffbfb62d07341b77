"""Roadworthy: conformance and benchmarks for container storage drivers.

What a check imports is here; everything else it gets as a fixture.
"""

from roadworthy.checks import capabilities, check, layers, lower, needs
from roadworthy.features import COPY_UP, DRIVER_SWITCH, LAYERS, SHARED_PAGE_CACHE, SIZE_LIMIT, THIN_POOL, WHITEOUTS
from roadworthy.layers import (
    Device,
    Directory,
    Fifo,
    File,
    Hardlink,
    Opaque,
    SparseFile,
    Symlink,
    Whiteout,
    acl,
    file_capability,
)
from roadworthy.tiny_program import pausing_program
from roadworthy.vacuity import looked

__all__ = [
    "COPY_UP", "DRIVER_SWITCH", "LAYERS", "SHARED_PAGE_CACHE", "SIZE_LIMIT", "THIN_POOL", "WHITEOUTS", "Device",
    "Directory", "Fifo", "File", "Hardlink", "Opaque", "SparseFile", "Symlink", "Whiteout", "acl", "capabilities",
    "check", "file_capability", "layers", "looked", "lower", "needs", "pausing_program",
]  # fmt: skip
