"""Roadworthy: conformance and benchmarks for container storage drivers.

What a check imports is here; everything else it gets as a fixture.
"""

from roadworthy.declaring.benchmarks import NIGHTLY, SMOKE, WEEKLY, measured
from roadworthy.declaring.checks import capabilities, check, layers, lower, needs
from roadworthy.declaring.features import (
    CLASSIC_BUILDER,
    COPY_UP,
    DRIVER_SWITCH,
    LAYERS,
    SHARED_PAGE_CACHE,
    SIZE_LIMIT,
    THIN_POOL,
    WHITEOUTS,
)
from roadworthy.declaring.vacuity import looked
from roadworthy.trees.layers import (
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
    stacked,
)
from roadworthy.trees.specimens import (
    debian_package,
    git_repository,
    installed_package,
    installed_wheel,
    sqlite_database,
    wheel,
)
from roadworthy.trees.tiny_program import pausing_program, touching_program

__all__ = [
    "CLASSIC_BUILDER", "COPY_UP", "DRIVER_SWITCH", "LAYERS", "NIGHTLY", "SHARED_PAGE_CACHE", "SIZE_LIMIT", "SMOKE",
    "THIN_POOL", "WEEKLY", "WHITEOUTS", "Device", "Directory", "Fifo", "File", "Hardlink", "Opaque", "SparseFile",
    "Symlink", "Whiteout", "acl", "capabilities", "check", "debian_package", "file_capability", "git_repository",
    "installed_package", "installed_wheel", "layers", "looked", "lower", "measured", "needs", "pausing_program",
    "sqlite_database", "stacked", "touching_program", "wheel",
]  # fmt: skip
