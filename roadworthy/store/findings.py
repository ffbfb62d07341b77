"""What a verification finds: damages of a layer, layers, and what is said of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

#: Kinds of damage. `record` is what the engine keeps about a layer, `blob` what it was unpacked from.
Kind = Literal[
    "missing", "zeroed", "cut short", "too long", "changed", "unreadable", "wrong type", "wrong mode", "wrong owner",
    "wrong attribute", "wrong target", "wrong device", "wrong link", "missing whiteout", "unexpected", "record", "blob",
]  # fmt: skip
Verdict = Literal["whole", "damaged", "unverified"]


class StoreRefused(Exception):
    """The store of this host cannot be verified at all; the text says what was expected instead."""


class Unverifiable(Exception):
    """A layer cannot be verified; the text is the reason."""


@dataclass(frozen=True)
class Damage:
    """One difference between a layer and what it was made from. `path` is the container's, without a leading slash.

    Of the kinds `record` and `blob` it is a path below the engine's directory.
    """

    path: str
    kind: Kind
    what: str


@dataclass
class LayerFound:
    """One unpacked layer. `images` are the names of those that have it; `reason` says why it was not verified."""

    chain_id: str
    diff_id: str
    directory: str
    images: tuple[str, ...] = ()
    damages: list[Damage] = field(default_factory=list)
    reason: str = ""
    files: int = 0

    @property
    def verdict(self) -> Verdict:
        return "damaged" if self.damages else "unverified" if self.reason else "whole"


@dataclass(frozen=True)
class ImageFound:
    """One image that the daemon lists: its names, its layers' chain ids from the lowest, and damages of its records."""

    identity: str
    names: tuple[str, ...]
    chain_ids: tuple[str, ...]
    damages: tuple[Damage, ...] = ()
    reason: str = ""


def worst(verdicts: list[Verdict]) -> Verdict:
    """The worst of some verdicts: damage, then what was not verified."""
    return "damaged" if "damaged" in verdicts else "unverified" if "unverified" in verdicts else "whole"
