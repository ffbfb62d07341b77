"""Pages that set lanes side by side: kernels, engines and backings of a driver, overlay2 and the containerd store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from roadworthy.reports.cases import base
from roadworthy.reports.matrix import Matrix
from roadworthy.reports.records import Lane, Verdict
from roadworthy.reports.site import addresses
from roadworthy.reports.site.across import Across, across
from roadworthy.reports.site.broken import BROKEN, KEPT
from roadworthy.reports.site.matrix import asset_of
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.rendering import render
from roadworthy.reports.site.spans import natural, span
from roadworthy.reports.site.strips import MARKS
from roadworthy.reports.site.values import Site
from roadworthy.reports.text import visible

#: The two drivers between which Docker's users choose, as it names them.
GRAPH_DRIVER, STORE = "overlay2", "containerd:overlayfs"
#: The axes by which lanes of one driver are set side by side, with what a page calls them.
AXES = {"kernels": "kernel", "engines": "engine", "backings": "backing"}
#: With more lanes than this, the script for two lanes has the newest verdicts alone.
LANES = 40
#: Characters of a value in that script.
VALUE = 60


@dataclass(frozen=True)
class Group:
    """Lanes that differ in one axis alone: what they have in common, in words, and themselves side by side."""

    common: str
    across: Across
    axis: str

    def label(self, lane: Lane) -> str:
        """What a lane's column is called."""
        return str(getattr(lane, self.axis)) if self.axis else lane.id


@dataclass(frozen=True)
class Listed:
    """A page of this kind, as the index lists it."""

    title: str
    address: str
    lanes: int


def pages(site: Site) -> Iterator[Page]:
    """The index, its data and script, and the pages that are made beforehand."""
    listed = []
    for driver, _ in site.matrix.drivers:
        for word, axis in AXES.items():
            if several(site.matrix, driver, axis):
                address = addresses.kernels(driver) if axis == "kernel" else addresses.comparison(driver, word)
                title = f"{word.capitalize()} of {driver}"
                listed.append(Listed(title, address, len(dict(site.matrix.drivers)[driver])))
                yield Page(address, partial(_of_driver, site, driver, axis, address, title))
    if pairs := of_two_drivers(site.matrix, GRAPH_DRIVER, STORE):
        address, title = addresses.comparison(GRAPH_DRIVER, STORE), f"{GRAPH_DRIVER} and {STORE}"
        listed.append(Listed(title, address, 2 * len(pairs)))
        yield Page(address, partial(_of_pairs, site, pairs, address, title))
        yield Page(addresses.MOVE, partial(_move, site, pairs))
    yield Page(addresses.COMPARE, partial(_index, site, tuple(listed)))
    yield Page(addresses.COMPARE_SCRIPT, lambda: asset_of("compare.js"))
    yield Page(addresses.COMPARE_CELLS, partial(cells, site))


def groups(matrix: Matrix, driver: str, axis: str) -> list[Group]:
    """The lanes of a driver that differ in one axis alone, side by side, the largest group first."""
    return [Group(", ".join(common), across(matrix, _in_order(matrix, places, axis)), axis)
            for common, places in several(matrix, driver, axis)]  # fmt: skip


def several(matrix: Matrix, driver: str, axis: str) -> list[tuple[tuple[str, ...], list[int]]]:
    """The places of lanes of a driver that differ in one axis alone, two or more together, under what they share."""
    found: dict[tuple[str, ...], list[int]] = {}
    for at in dict(matrix.drivers)[driver]:
        lane = matrix.columns[at].lane
        rest = {"backing": lane.backing, "engine": lane.engine, "kernel": f"linux {lane.kernel}"}
        rest.pop(axis)
        options = [f"{key}={value}" for key, value in sorted(lane.options.items())]
        found.setdefault((*rest.values(), *options), []).append(at)
    return sorted(((common, places) for common, places in found.items() if len(places) > 1),
                  key=lambda one: -len(one[1]))  # fmt: skip


def _in_order(matrix: Matrix, places: Sequence[int], axis: str) -> list[int]:
    return sorted(places, key=lambda at: natural(str(getattr(matrix.columns[at].lane, axis))))


def of_two_drivers(matrix: Matrix, one: str, other: str) -> list[Group]:
    """Lanes of two drivers in pairs: on one backing and kernel, and with one engine where both were run on it.

    A driver that was never run with the other's engine is set beside it nevertheless, and both engines are named.
    """
    places = dict(matrix.drivers)
    found = []
    for at in places.get(one, ()):
        first = matrix.columns[at].lane
        fitting = [to for to in places.get(other, ()) if _fits(first, matrix.columns[to].lane)]
        with_engine = [to for to in fitting if matrix.columns[to].lane.engine == first.engine]
        for to in with_engine or fitting:
            second = matrix.columns[to].lane
            engine = first.engine if first.engine == second.engine else f"{first.engine} and {second.engine}"
            common = f"{first.backing}, {engine}, linux {first.kernel}"
            found.append((first.engine != second.engine, Group(common, across(matrix, (at, to)), "driver")))
    alike = [group for differs, group in found if not differs]
    return alike or [group for _, group in found]


def _fits(one: Lane, other: Lane) -> bool:
    return (one.backing, one.kernel, one.options) == (other.backing, other.kernel, other.options)


def _of_driver(site: Site, driver: str, axis: str, address: str, title: str) -> str:
    return render(
        site, address, "across.html.j2", title, driver=driver, axis=axis, groups=groups(site.matrix, driver, axis),
        told=told, ordered=axis == "kernel",
    )  # fmt: skip


def _of_pairs(site: Site, pairs: Sequence[Group], address: str, title: str) -> str:
    return render(
        site, address, "across.html.j2", title, driver="", axis="driver", groups=pairs, told=told, ordered=False
    )


def _move(site: Site, pairs: Sequence[Group]) -> str:
    title = "Should I move from overlay2 to the containerd store?"
    return render(
        site, addresses.MOVE, "move.html.j2", title, groups=pairs, sides=[sides(group.across) for group in pairs],
        told=told, pair=addresses.comparison(GRAPH_DRIVER, STORE),
    )  # fmt: skip


def told(found: Across, cells: Sequence[tuple[Verdict, object] | None]) -> str:
    """On which of the lanes a row breaks, in words."""
    lanes = list(zip(found.lanes, cells, strict=True))
    broken = [lane for lane, cell in lanes if cell and cell[0] in BROKEN]
    return span(broken, [lane for lane, cell in lanes if cell and cell[0] in KEPT])


@dataclass(frozen=True)
class Sides:
    """How many checks break on the first of two lanes alone, on the second alone, and on both."""

    first: int
    second: int
    both: int


def sides(found: Across) -> Sides:
    """Count check functions that break on one side alone, or on both."""
    first = {one.function for one in found.verdicts if one.cells[1] and one.cells[1][0] in KEPT}
    second = {one.function for one in found.verdicts if one.cells[0] and one.cells[0][0] in KEPT}
    return Sides(len(first), len(second), found.broken_alike + len({one.function for one in found.values}))


def _index(site: Site, listed: Sequence[Listed]) -> str:
    return render(site, addresses.COMPARE, "compare.html.j2", "Compare", listed=listed, lanes=site.matrix.columns)


def cells(site: Site) -> str:
    """Verdicts and values of all lanes and, if they are few, of the last editions, as a script for two of them.

    A lane's verdicts are one string, a character a check: see strips.py.
    """
    matrix, history = site.matrix, site.history
    ids = [row.check.id for row in matrix.rows]
    few = len(matrix.columns) <= LANES
    editions = history.shown if few else history.shown[-1:]
    lanes = []
    for at, column in enumerate(matrix.columns):
        lane = column.lane.id
        strips = [history.strip(lane, check) for check in ids]
        values = {
            number: row.shown[at].value[:VALUE]
            for number, row in enumerate(matrix.rows)
            if (cell := row.cells[at]) and cell.verdict not in ("pass", "unsupported", "skipped", "missing")
        }
        newest = "".join(MARKS[cell.verdict if (cell := row.cells[at]) else None] for row in matrix.rows)
        past = {name: "".join(MARKS[strip[number - len(editions)]] for strip in strips)
                for number, name in enumerate(editions)} if few else {}  # fmt: skip
        lanes.append({
            "id": visible(lane), "newest": newest, "of": site.newest.get(lane, ""), "values": values,
            "editions": {name: text for name, text in past.items() if text.strip("·")},
        })  # fmt: skip
    value = {
        "checks": [visible(one) for one in ids], "lanes": lanes,
        "pages": {name: addresses.link(addresses.COMPARE, addresses.check(name))
                  for name in dict.fromkeys(map(base, ids))},
        "marks": {mark: verdict for verdict, mark in MARKS.items() if verdict},
    }  # fmt: skip
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return f"roadworthyCells({text});\n"
