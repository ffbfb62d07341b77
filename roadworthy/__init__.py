"""Roadworthy: conformance and benchmarks for container storage drivers.

What a check imports is here; everything else it gets as a fixture. A word is imported at its first use: programs of the
suite that run beside a container, and know nothing of pytest, are modules of this package, too.
"""

from __future__ import annotations

import importlib
from typing import Any

#: The words of checks and benchmarks, by the module that has them.
WORDS = {
    "roadworthy.declaring.benchmarks": ("NIGHTLY", "SMOKE", "WEEKLY", "measured"),
    "roadworthy.declaring.checks": ("capabilities", "check", "layers", "lower", "needs"),
    "roadworthy.declaring.features": (
        "CLASSIC_BUILDER", "COPY_UP", "DRIVER_SWITCH", "LAYERS", "PLAIN_FILES", "SHARED_PAGE_CACHE", "SIZE_LIMIT",
        "THIN_POOL", "WHITEOUTS",
    ),
    "roadworthy.declaring.vacuity": ("looked",),
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
    """One of the words, see PEP 562."""
    home = next((module for module, words in WORDS.items() if name in words), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(importlib.import_module(home), name)
    return found
