"""Roadworthy: conformance and benchmarks for container storage drivers.

A check imports its words from here and gets everything else as a fixture. Each word is imported at its first use,
because this package also has the programs that run beside a container, without pytest.
"""

from __future__ import annotations

import importlib
from typing import Any

#: The words of checks and benchmarks, by the module that defines them.
WORDS = {
    "roadworthy.cuts.operation": ("operation",),
    "roadworthy.declaring.benchmarks": ("NIGHTLY", "SMOKE", "WEEKLY", "measured"),
    "roadworthy.declaring.checks": ("capabilities", "check", "layers", "lower", "needs"),
    "roadworthy.declaring.features": (
        "CLASSIC_BUILDER", "COPY_UP", "DRIVER_SWITCH", "LAYERS", "OVERLAYFS", "PLAIN_FILES", "SHARED_PAGE_CACHE",
        "SIZE_LIMIT", "SNAPSHOTS", "THIN_POOL", "WHITEOUTS",
    ),
    "roadworthy.declaring.vacuity": ("looked", "overlapped"),
    "roadworthy.trees.layers": (
        "Device", "Directory", "Fifo", "File", "Hardlink", "Opaque", "SparseFile", "Symlink", "Whiteout", "acl",
        "file_capability", "stacked",
    ),
    "roadworthy.trees.specimens": (
        "debian_package", "git_repository", "installed_package", "installed_wheel", "sqlite_database", "wheel",
    ),
    "roadworthy.trees.tiny_program": ("pausing_program", "touching_program"),
}  # fmt: skip
__all__ = sorted(word for words in WORDS.values() for word in words)


def __getattr__(name: str) -> Any:
    """Import one of the words at its first use, see PEP 562. Raises AttributeError."""
    home = next((module for module, words in WORDS.items() if name in words), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(importlib.import_module(home), name)
    return found
