"""What is shown of each lane: its newest answer to each check and its newest numbers, of whichever edition they are.

An edition need not run the whole suite: power cuts and benchmarks may be run once a week, and a lane again for a single
check. What was not asked within as many editions as a strip shows is forgotten.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from roadworthy.reports.bundle import Bundle
from roadworthy.reports.records import SCHEMA
from roadworthy.reports.site.editions import Edition
from roadworthy.reports.site.history import SHOWN, History


@dataclass(frozen=True)
class Part:
    """What is shown of an edition: all cells of `lanes`, other `cells`, and the `numbers` of a lane and benchmark."""

    lanes: set[str] = field(default_factory=set)
    cells: set[tuple[str, str]] = field(default_factory=set)
    numbers: set[tuple[str, str]] = field(default_factory=set)


def function(benchmark: str) -> str:
    """The benchmark that a record is of, without stratum and point: `copy-up/first-write`."""
    return "/".join(benchmark.partition("@")[0].split("/")[:2])


def newest_of(
    editions: Sequence[Edition], history: History, measured: Mapping[tuple[str, str], int]
) -> dict[int, Part]:
    """What is shown of each edition, by its number. A lane that was never up is shown as it was planned last."""
    first = len(editions) - SHOWN
    found: dict[int, Part] = {}
    for lane, planned in {lane: number for number, one in enumerate(editions) for lane in one.lanes}.items():
        newest = history.ran[lane][-1] if lane in history.ran else planned
        found.setdefault(newest, Part()).lanes.add(lane)
        for check, states in history.states.get(lane, {}).items():
            if states[-1].verdict is None and (asked := history.asked(lane, check)) is not None and asked >= first:
                found.setdefault(asked, Part()).cells.add((lane, check))
    for key, number in measured.items():
        if number >= first:
            found.setdefault(number, Part()).numbers.add(key)
    return found


def part_of(bundle: Bundle, part: Part) -> Bundle:
    """What is shown of a bundle."""
    lanes = {*part.lanes, *(lane for lane, _ in part.cells), *(lane for lane, _ in part.numbers)}
    kept = [
        at for at, one in enumerate(bundle.results) if one.lane in part.lanes or (one.lane, one.check) in part.cells
    ]
    plan = msgspec.structs.replace(
        bundle.plan,
        schema=SCHEMA,  # editions of several releases are shown together
        lanes=[lane for lane in bundle.plan.lanes if lane.id in lanes],
        cells=[cell for cell in bundle.plan.cells if cell[0] in part.lanes or cell in part.cells],
    )
    return dataclasses.replace(
        bundle,
        plan=plan,
        lanes=tuple(record for record in bundle.lanes if record.lane in lanes),
        results=tuple(bundle.results[at] for at in kept),
        places=tuple(bundle.places[at] for at in kept),
        benchmarks=tuple(one for one in bundle.benchmarks if (one.lane, function(one.benchmark)) in part.numbers),
        trends=tuple(one for one in bundle.trends if (one.lane, function(one.benchmark)) in part.numbers),
        counts=tuple(one for one in bundle.counts if (one.lane, function(one.benchmark)) in part.numbers),
    )
