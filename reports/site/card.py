"""The card of a driver: what breaks, ranked and with what helps, what is hit, what it costs, what nobody asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from roadworthy.reports.cases import base, case
from roadworthy.reports.cuts import Cutting, PowerCuts, power_cuts
from roadworthy.reports.families import title
from roadworthy.reports.matrix import REFERENCE, SILENT, Cell, Column, Matrix, Row
from roadworthy.reports.records import Benchmark, Count, Deviation, Lane, Verdict
from roadworthy.reports.shows import KEPT_THIS_TIME, Shown
from roadworthy.reports.site import addresses, page_cache
from roadworthy.reports.site.broken import BROKEN, KEPT
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.ranks import RANKS, TITLES, Rank, rank
from roadworthy.reports.site.rendering import render
from roadworthy.reports.site.spans import span
from roadworthy.reports.site.values import Site

#: The most costs that a card shows; each benchmark has a page with all.
COSTS = 40
#: The benchmark whose point of 16 MiB says what a first write costs.
FIRST_WRITE = "copy-up/first-write"


@dataclass(frozen=True)
class Reason:
    """A reason for which promises are broken: a recorded deviation, or a failure that nobody has explained.

    `checks` are functions with the cases that break, `cells` how many cells; `span` says on which lanes of those asked.
    """

    rank: Rank
    why: str
    verdict: Verdict
    deviation: Deviation | None
    checks: tuple[tuple[str, tuple[str, ...]], ...]
    values: tuple[Shown, ...]
    cells: int
    span: str
    helps: tuple[str, ...]
    race: bool

    @property
    def explained(self) -> bool:
        return self.deviation is not None


@dataclass(frozen=True)
class Cost:
    """A benchmark on a lane of the driver."""

    lane: Lane
    benchmark: str
    record: Benchmark


@dataclass(frozen=True)
class Program:
    """A check that runs a real program, and the verdict on each lane that was asked."""

    check: str
    promise: str
    verdicts: tuple[tuple[Verdict, tuple[Lane, ...]], ...]

    @property
    def hit(self) -> bool:
        return any(verdict in BROKEN for verdict, _ in self.verdicts)

    @property
    def works(self) -> bool:
        return not self.hit and any(verdict in KEPT for verdict, _ in self.verdicts)


@dataclass(frozen=True)
class Unasked:
    """What was not asked of the driver: functions that no lane was asked or could answer, by family, and axes."""

    families: tuple[tuple[str, tuple[str, ...]], ...]
    silent: tuple[tuple[Verdict, str, int], ...]
    kernels: tuple[str, ...]
    engines: tuple[str, ...]
    backings: tuple[str, ...]


@dataclass(frozen=True)
class Card:
    """All that a card says."""

    driver: str
    columns: tuple[Column, ...]
    editions: Mapping[str, str]
    asked: int
    kept: int
    reasons: tuple[Reason, ...]
    programs: tuple[Program, ...]
    page_cache: tuple[tuple[str, tuple[Lane, ...]], ...]
    costs: tuple[Cost, ...]
    more_costs: int
    counts: tuple[tuple[Lane, Count], ...]
    cuts: tuple[Cutting, ...]
    unasked: Unasked

    @property
    def cells(self) -> int:
        """How many cells break."""
        return sum(one.cells for one in self.reasons)

    @property
    def unexplained(self) -> tuple[Reason, ...]:
        return tuple(one for one in self.reasons if not one.explained)

    def ranked(self) -> Iterator[tuple[Rank, tuple[str, str], tuple[Reason, ...]]]:
        """The reasons of each rank that has some."""
        for one in RANKS:
            if found := tuple(reason for reason in self.reasons if reason.rank == one):
                yield one, TITLES[one], found


def pages(site: Site) -> Iterator[Page]:
    """One card for each driver, the reference too."""
    cuts = power_cuts(site.matrix)
    for driver, _ in site.matrix.drivers:
        yield Page(addresses.driver(driver), partial(_page, site, driver, cuts))


def _page(site: Site, driver: str, cuts: PowerCuts) -> str:
    return render(
        site, addresses.driver(driver), "card.html.j2", driver, card=of(site, driver, cuts), reference=REFERENCE
    )


def of(site: Site, driver: str, cuts: PowerCuts | None = None) -> Card:
    """The values of a driver's card."""
    matrix = site.matrix
    places = dict(matrix.drivers)[driver]
    columns = tuple(matrix.columns[at] for at in places)
    answered = [(row, at, cell) for row in matrix.rows for at in places
                if (cell := row.cells[at]) and cell.verdict not in SILENT]  # fmt: skip
    costs = list(_costs(matrix, driver))
    return Card(
        driver=driver,
        columns=columns,
        editions={column.lane.id: site.newest.get(column.lane.id, "") for column in columns},
        asked=len(answered),
        kept=sum(cell.verdict in KEPT for _, _, cell in answered),
        reasons=tuple(reasons(site, driver, places)),
        programs=tuple(_programs(matrix, places)),
        page_cache=tuple(_page_cache(matrix, places).items()),
        costs=tuple(costs[:COSTS]),
        more_costs=max(0, len(costs) - COSTS),
        counts=tuple((matrix.columns[at].lane, found[1]) for row in matrix.counted for at in places
                     if (found := row.cells[at])),
        cuts=tuple(one for row in (cuts or power_cuts(matrix)).rows for at in places if (one := row.cuttings[at])),
        unasked=_unasked(matrix, places),
    )  # fmt: skip


def reasons(site: Site, driver: str, places: Sequence[int]) -> list[Reason]:
    """What breaks on the lanes of a driver, by reason: the rank that matters most first, then what breaks most."""
    found: dict[str, list[tuple[Row, int, Cell]]] = {}
    for row in site.matrix.rows:
        for at in places:
            if (cell := row.cells[at]) and cell.verdict in BROKEN:
                found.setdefault(_why(row, cell), []).append((row, at, cell))
    every = [_reason(site, driver, places, why, cells) for why, cells in found.items()]
    return sorted(every, key=lambda one: (RANKS.index(one.rank), one.explained, one.race, -one.cells, one.why))


def _why(row: Row, cell: Cell) -> str:
    """What groups breaks: the recorded reason, or else the check and how it failed."""
    told = cell.result.deviation if cell.result else None
    return told.why if told else f"{base(row.check.id)}: {cell.verdict}"


def _reason(site: Site, driver: str, places: Sequence[int], why: str, cells: Sequence[tuple[Row, int, Cell]]) -> Reason:
    columns = site.matrix.columns
    checks: dict[str, dict[str, None]] = {}
    ranks: list[Rank] = []
    values: dict[Shown, None] = {}
    rows = {row.check.id: row for row, _, _ in cells}
    for row, at, cell in cells:
        shown = row.shown[at]
        checks.setdefault(base(row.check.id), {}).setdefault(case(row.check.id))
        ranks.append(rank(row.check.family, cell.verdict, shown.value))
        values.setdefault(Shown(shown.value, shown.expected))
    broken = {at for _, at, _ in cells}
    kept = [at for at in places if at not in broken and any(_kept(row.cells[at]) for row in rows.values())]
    row, _, cell = cells[0]
    told = cell.result.deviation if cell.result else None
    return Reason(
        rank=min(ranks, key=RANKS.index),
        why=why if told else cell.reason.partition("\n")[0],
        verdict=cell.verdict,
        deviation=told,
        checks=tuple((name, tuple(some)) for name, some in checks.items()),
        values=tuple(one for one in values if one.value and not one.value.startswith("kept this time"))[:3],
        cells=len(cells),
        span=span([columns[at].lane for at in places if at in broken], [columns[at].lane for at in kept]),
        helps=site.known.helps(row.check.id, told, driver) if told else (),
        race=all(one.reason.startswith(KEPT_THIS_TIME) for _, _, one in cells),
    )


def _kept(cell: Cell | None) -> bool:
    return cell is not None and cell.verdict in KEPT


def _programs(matrix: Matrix, places: Sequence[int]) -> Iterator[Program]:
    """The checks that run real programs; those that are hit first."""
    found = []
    for row in matrix.rows:
        if row.check.family != "app":
            continue
        verdicts: dict[Verdict, list[Lane]] = {}
        for at in places:
            if cell := row.cells[at]:
                verdicts.setdefault(cell.verdict, []).append(matrix.columns[at].lane)
        if verdicts:
            told = tuple((verdict, tuple(lanes)) for verdict, lanes in verdicts.items())
            found.append(Program(row.check.id, row.check.promise, told))
    yield from sorted(found, key=lambda one: (not one.hit, not one.works, one.check))


def _page_cache(matrix: Matrix, places: Sequence[int]) -> dict[str, tuple[Lane, ...]]:
    """Whether containers of one image share the page cache, or why it is not known, with the lanes of each answer."""
    found: dict[str, tuple[Lane, ...]] = {}
    row = next((row for row in matrix.rows if base(row.check.id) == page_cache.CHECK), None)
    for at in places:
        cell = row.cells[at] if row else None
        said = page_cache.of_lane(matrix, at) or (cell.verdict if cell else "not asked")
        found[said] = (*found.get(said, ()), matrix.columns[at].lane)
    return found


def _costs(matrix: Matrix, driver: str) -> Iterator[Cost]:
    """The benchmarks of a driver, what a first write costs first."""
    every = [
        Cost(lane, record.benchmark, record)
        for comparison in matrix.comparisons
        for lane, _, record in comparison.records
        if lane.driver == driver and record.benchmark.partition("/")[0] not in ("suite",)
    ]
    yield from sorted(every, key=lambda one: not one.benchmark.startswith(FIRST_WRITE))


def _unasked(matrix: Matrix, places: Sequence[int]) -> Unasked:
    """What no lane of the driver was asked, or could answer, and what others were asked on."""
    functions: dict[str, bool] = {}
    silent: Counter[tuple[Verdict, str]] = Counter()
    for row in matrix.rows:
        cells = [cell for at in places if (cell := row.cells[at])]
        name = base(row.check.id)
        functions[name] = functions.get(name, False) or any(cell.verdict not in SILENT for cell in cells)
        silent.update((cell.verdict, cell.reason.partition("\n")[0]) for cell in cells if cell.verdict in SILENT)
    families: dict[str, list[str]] = {}
    for name, asked in functions.items():
        if not asked:
            families.setdefault(name.partition("/")[0], []).append(name)
    mine, all_lanes = [matrix.columns[at].lane for at in places], [column.lane for column in matrix.columns]
    return Unasked(
        tuple((title(family), tuple(names)) for family, names in families.items()),
        tuple((verdict, reason, count) for (verdict, reason), count in silent.most_common(20)),
        _others(mine, all_lanes, "kernel"), _others(mine, all_lanes, "engine"), _others(mine, all_lanes, "backing"),
    )  # fmt: skip


def _others(mine: Sequence[Lane], every: Sequence[Lane], axis: str) -> tuple[str, ...]:
    asked = {getattr(lane, axis) for lane in mine}
    return tuple(dict.fromkeys(str(value) for lane in every if (value := getattr(lane, axis)) not in asked))
