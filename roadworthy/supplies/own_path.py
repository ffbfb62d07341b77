"""Paths that a user names for something of their own: what a message says of one that does not fit."""

from __future__ import annotations

import os
from pathlib import Path

from roadworthy.reports.nearest import nearest


def absent(path: Path) -> str:
    """Say that there is nothing at a path, and what its directory has that is nearest."""
    near = nearest(path.name, sorted(os.listdir(path.parent)) if path.parent.is_dir() else [])
    return f"{path} does not exist" + (f"; the nearest is {path.parent / near}" if near else "")


def contents(path: Path) -> str:
    """The entries of a directory, for a message."""
    names = sorted(os.listdir(path))
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "nothing"
