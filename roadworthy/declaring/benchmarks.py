"""How a benchmark declares itself: its id, its tier, which bounds its time, and its strata.

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
#: The marks by which a run selects benchmarks; each includes the benchmarks of those before it.
TIERS = ("smoke", "nightly", "weekly")
SMOKE, NIGHTLY, WEEKLY = TIERS
#: Where the measured file comes from: an image layer, or the container itself. The baseline is always on the volume.
STRATA = ("lower", "upper")


def measured(identity: str, tier: str, *, strata: tuple[str, ...] = ()) -> Callable[[Function], Function]:
    """Make a test function a benchmark. `identity` is `block/workload` and never changes.

    `tier` is the first tier that runs it. With `strata` it runs once for each, with the stratum in its id. Raises
    ValueError.
    """
    block, _, name = identity.partition("/")
    if not block or not name:
        raise ValueError(f"{identity!r} is not a benchmark's id; expected block/workload, such as data/randread-4k")
    if tier not in TIERS:
        raise ValueError(f"{identity}: {tier!r} is not a tier; expected one of {', '.join(TIERS)}")
    unknown = [word for word in strata if word not in STRATA]
    if unknown:
        raise ValueError(f"{identity}: {unknown[0]!r} is not a stratum; expected one of {', '.join(STRATA)}")

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
    """The declaration of `item`, or None if it is not a benchmark."""
    mark = item.get_closest_marker("measured")
    if mark is None:
        return None
    feature = Feature.NONE
    for need in item.iter_markers("needs"):
        feature |= need.args[0]
    promise = " ".join((getattr(item, "function", None).__doc__ or "").split())
    return Declaration(mark.args[0], promise, mark.kwargs["tier"], feature)
