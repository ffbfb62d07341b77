"""The suite as a wheel: what a node gets, so that every node runs what this host runs, changes included.

A wheel is a zip archive with the package and its metadata (PyPA's binary distribution format). It is made from the
package that runs, however that was installed; a node unpacks it and puts it in front of its search path.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
#: What running the package leaves in it.
LEFT_OUT = ("__pycache__",)
#: The time of every member, so that one suite makes one wheel: the earliest that a zip archive can hold.
EARLIEST = (1980, 1, 1, 0, 0, 0)


def wheel() -> bytes:
    """The wheel of the running suite; the same bytes for the same files."""
    found = distribution("roadworthy")
    info = f"roadworthy-{found.version}.dist-info"
    members = dict(files())
    for name in ("METADATA", "entry_points.txt"):
        members[f"{info}/{name}"] = (found.read_text(name) or "").encode()
    members[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: roadworthy\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    lines = [f"{name},sha256={digest(data)},{len(data)}" for name, data in members.items()]
    members[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            made = zipfile.ZipInfo(name, EARLIEST)
            made.compress_type = zipfile.ZIP_DEFLATED
            made.external_attr = 0o644 << 16
            archive.writestr(made, data)
    return target.getvalue()


def files() -> Iterator[tuple[str, bytes]]:
    """Yield the package's files, links followed, by their names in the archive."""
    for directory, below, names in os.walk(PACKAGE, followlinks=True):
        below[:] = sorted(name for name in below if name not in LEFT_OUT)
        for name in sorted(names):
            path = Path(directory, name)
            yield str(Path("roadworthy") / path.relative_to(PACKAGE)), path.read_bytes()


def digest(data: bytes) -> str:
    """A digest as RECORD has it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
