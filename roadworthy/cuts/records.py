"""The engine's and the driver's own records: what a maintainer asks for when something is lost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from roadworthy.cuts.store import anonymous
from roadworthy.lane.stand import Stand

#: Directories below which layers, and not records, lie; by their last names on every driver.
LAYERS = ("diff", "fs", "graph", "merged", "work", "rootfs", "subvolumes", "dir", "mnt")
#: How deep records lie below the data root.
DEEP = 8
#: The size of each record by its path.
Records = Mapping[str, int]


def records_of(stand: Stand) -> Records:
    """The files of the data root that are no layer's, with their sizes."""
    words = ["find", str(stand.engine.data_root), "-maxdepth", str(DEEP), *prune(), "-type", "f", "-printf", "%s %P\\n"]
    lines = stand.home.run(words, 60).splitlines()
    return {path: int(size) for size, _, path in (line.partition(" ") for line in lines)}


def prune() -> list[str]:
    """find(1)'s words for leaving out what lies below layers."""
    names = [word for name in LAYERS for word in ("-o", "-name", name)][1:]
    return ["(", "-type", "d", "(", *names, ")", "-prune", ")", "-o"]


def lost_records(expected: Records, found: Records) -> str:
    """Which records a cut has lost or emptied, counted where they differ only by identifiers; empty if none."""
    told: dict[str, Counter[str]] = defaultdict(Counter)
    for path, size in expected.items():
        group = anonymous(path)
        if path not in found:
            told[group]["missing"] += 1
        elif size and not found[path]:
            told[group]["empty"] += 1
        elif found[path] < size:
            told[group]["shorter"] += 1
    return "; ".join(
        f"{group}: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}" for group, kinds in told.items()
    )
