"""What keeps run bundles from being one run: two schemas, a question with two answers, a run that was cut short.

Each hindrance is a sentence that names the bundles, so that whoever joins them knows which one to leave out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from roadworthy.reports.bundle import Bundle
from roadworthy.reports.records import Benchmark, Count, Trend
from roadworthy.reports.text import visible

#: The most bundles that one sentence names.
NAMED = 6


def in_order(bundles: Sequence[Bundle]) -> list[Bundle]:
    """Bundles by the time of their plan, in one order whatever order they were given in and wherever they lie."""

    def place(one: Bundle) -> tuple[object, ...]:
        plan = one.plan
        return one.started, plan.run, [lane.id for lane in plan.lanes], plan.cells, one.file

    return sorted(bundles, key=place)


def hindrances(bundles: Sequence[Bundle], truncated: bool = False) -> list[str]:
    """Why these bundles are not one run, in sentences; none if they are. `truncated` ones may be allowed."""
    ordered = in_order(bundles)
    found = [*mixed_schemas(ordered), *_lanes(ordered)]
    return found if truncated else [*found, *_truncated(ordered)]


def mixed_schemas(bundles: Sequence[Bundle]) -> list[str]:
    """A sentence if the records of these bundles are of more than one schema."""
    return _mixed("schemas", [(visible(bundle.plan.schema, 40), bundle) for bundle in in_order(bundles)])


def mixed_rounds(bundles: Sequence[Bundle]) -> list[str]:
    """A sentence if checks were repeated more often in one bundle than in another: a plan has one number of rounds."""
    return _mixed("rounds", [(str(bundle.plan.rounds), bundle) for bundle in in_order(bundles)])


def _mixed(what: str, valued: Sequence[tuple[str, Bundle]]) -> list[str]:
    """A sentence if there is more than one value, with the bundles that have each."""
    values = sorted({value for value, _ in valued})
    parts = [f"{value} in {_names([bundle for own, bundle in valued if own == value])}" for value in values]
    return [f"mixed {what}: {'; '.join(parts)}"] if len(values) > 1 else []


def name_of(bundle: Bundle) -> str:
    """A bundle as a sentence names it."""
    return visible(bundle.file, 400)


def _lanes(ordered: Sequence[Bundle]) -> Iterator[str]:
    """A sentence on the lanes of which two bundles answer one question, or that two bundles define differently.

    Two runs that asked a lane different questions, one the checks and one the benchmarks, have one lane together.
    """
    by_lane: dict[str, list[Bundle]] = {}
    for bundle in ordered:
        for lane in bundle.plan.lanes:
            by_lane.setdefault(lane.id, []).append(bundle)
    twice: dict[str, list[str]] = {}
    for name, own in by_lane.items():
        asked = [_asked(bundle, name) for bundle in own]
        definitions = {repr(lane) for bundle in own for lane in bundle.plan.lanes if lane.id == name}
        if sum(map(len, asked)) > len(set().union(*asked)):
            twice.setdefault(f"answered twice in {_names(own)}", []).append(name)
        elif len(definitions) > 1:
            twice.setdefault(f"defined differently in {_names(own)}", []).append(name)
    for said, names in twice.items():
        shown = ", ".join(visible(name, 200) for name in names)
        yield f"duplicate {'lanes' if len(names) > 1 else 'lane'} {shown}: {said}"


def _asked(bundle: Bundle, lane: str) -> set[tuple[str, ...]]:
    """The questions that a bundle asks of a lane: checks that are planned, and numbers that were measured."""
    checks = {("check", check) for of, check in bundle.plan.cells if of == lane}
    records: list[Benchmark | Trend | Count] = [*bundle.benchmarks, *bundle.trends, *bundle.counts]
    measured = {
        (type(one).__name__, one.benchmark, one.metric)
        for one in records if one.lane == lane
    }  # fmt: skip
    return checks | measured


def _truncated(ordered: Sequence[Bundle]) -> Iterator[str]:
    for bundle in ordered:
        for sentence in bundle.troubles:
            yield f"truncated bundle {name_of(bundle)}: {visible(sentence)}"


def _names(bundles: Sequence[Bundle]) -> str:
    """Bundles as a list in a sentence."""
    shown = [name_of(bundle) for bundle in bundles[:NAMED]]
    more = len(bundles) - NAMED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
