"""Which release of the suite makes the site: what it keeps and what it wrote is of use to that release alone."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

_REPORTS = Path(__file__).parents[1]
_KINDS = (".py", ".j2", ".css", ".js", ".json")


@cache
def suite() -> str:
    """A digest of everything in `reports/`, which all of a page and of the index depends on."""
    found = hashlib.sha256()
    for path in sorted(_REPORTS.rglob("*")):
        if path.suffix in _KINDS and path.is_file():
            found.update(f"{path.relative_to(_REPORTS)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]
