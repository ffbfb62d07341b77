"""How a benchmark declares itself: its id, what it is compared on, and how long a run may take for it.

@measured("data/randread-4k", SMOKE, strata=("lower", "upper"))
def test_random_reads(bench, stratum):
    \"\"\"What a 4 KiB random read costs.\"\"\"
    bench.fio("randread-4k", stratum)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from roadworthy.declaring.features import Feature

Function = TypeVar("Function", bound=Callable[..., Any])
#: A run picks by these marks; each holds the benchmarks of those before it.
TIERS = ("smoke", "nightly", "weekly")
SMOKE, NIGHTLY, WEEKLY = TIERS
#: Where the measured file comes from: an image layer, or the container itself. The baseline is always on the volume.
STRATA = ("lower", "upper")


def measured(identity: str, tier: str, *, strata: tuple[str, ...] = ()) -> Callable[[Function], Function]:
    """Make a test function a benchmark. `identity` is `block/workload`, stable for ever.

    `tier` is the first one that runs it. With `strata` it runs once each, with the stratum in its id.
    """
    block, _, name = identity.partition("/")
    if not block or not name:
        raise ValueError(f"{identity!r} is no benchmark's id; it is block/workload, as data/randread-4k")
    if tier not in TIERS:
        raise ValueError(f"{identity}: {tier!r} is no tier; it is one of {', '.join(TIERS)}")
    unknown = [word for word in strata if word not in STRATA]
    if unknown:
        raise ValueError(f"{identity}: {unknown[0]!r} is no stratum; it is one of {', '.join(STRATA)}")

    def marked(function: Function) -> Function:
        function = pytest.mark.measured(identity, tier=tier, strata=strata)(function)
        for name in TIERS[TIERS.index(tier) :]:
            function = getattr(pytest.mark, name)(function)
        return function

    return marked


@dataclass(frozen=True)
class Declaration:
    """What a collected benchmark declared. `slug` names its directories."""

    identity: str
    promise: str
    tier: str
    feature: Feature

    @property
    def slug(self) -> str:
        return self.identity.replace("/", ".")


def declared_benchmark(item: pytest.Item) -> Declaration | None:
    """What `item` declares, or None where it is no benchmark."""
    mark = item.get_closest_marker("measured")
    if mark is None:
        return None
    feature = Feature.NONE
    for need in item.iter_markers("needs"):
        feature |= need.args[0]
    promise = " ".join((getattr(item, "function", None).__doc__ or "").split())
    return Declaration(mark.args[0], promise, mark.kwargs["tier"], feature)
