"""Digests and chain ids, and the reading of small files of a store."""

from __future__ import annotations

import hashlib
from pathlib import Path

from roadworthy.store.on_disk import content, opened


def bare(digest: str) -> str:
    """A digest without the name of its algorithm."""
    return digest.removeprefix("sha256:")


def chain_of(parent: str, diff_id: str) -> str:
    """The chain id of a layer over a chain, or of a lowest layer (OCI image-spec, config.md, "Layer ChainID")."""
    joined = f"{parent} {diff_id}".encode()
    return f"sha256:{hashlib.sha256(joined).hexdigest()}" if parent else diff_id


def chains(diff_ids: list[str]) -> list[str]:
    """The chain ids of an image's layers, the lowest first."""
    found: list[str] = []
    for diff_id in diff_ids:
        found.append(chain_of(found[-1] if found else "", diff_id))
    return found


def read(file: Path) -> bytes:
    """What a file has. Raises OSError."""
    with opened(str(file)) as descriptor:
        return b"".join(content(descriptor))
