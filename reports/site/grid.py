"""The values of the matrix page: one row a check function, or several where its cases disagree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roadworthy.reports.cases import case
from roadworthy.reports.matrix import Cell, Column, Row, worst
from roadworthy.reports.records import Check, Verdict
from roadworthy.reports.site.broken import SHOWING
from roadworthy.reports.site.functions import functions
from roadworthy.reports.site.values import Site


@dataclass(frozen=True)
class Square:
    """A cell of the page: verdict, the value of a broken promise, and marks: `new`, `flaky`, `differing`."""

    verdict: Verdict
    value: str = ""
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """A row of the page: a function with those of its cases that agree on every lane; `cases` is empty without any."""

    function: str
    check: Check
    cases: tuple[str, ...]
    squares: tuple[Square | None, ...]


@dataclass(frozen=True)
class Block:
    """A family of rows, and its worst verdict on each lane."""

    family: str
    lines: tuple[Line, ...]
    worst: tuple[Verdict | None, ...]


@dataclass(frozen=True)
class Grid:
    """The whole matrix; `columns` are all lanes."""

    columns: tuple[Column, ...]
    drivers: tuple[tuple[str, tuple[int, ...]], ...]
    blocks: tuple[Block, ...]

    @property
    def rows(self) -> int:
        return sum(len(block.lines) for block in self.blocks)


def grid(site: Site) -> Grid:
    """The matrix of the newest results of every lane."""
    new = {(one.lane, one.check) for one in site.changes.get(site.edition.name, ()) if one.kind == "newly failing"}
    blocks: dict[str, list[Line]] = {}
    for name, rows in functions(site.matrix).items():
        if found := list(lines(site, name, rows, new)):
            blocks.setdefault(rows[0].check.family, []).extend(found)
    return Grid(
        site.matrix.columns, site.matrix.drivers,
        tuple(Block(family, tuple(some), _worst(some)) for family, some in blocks.items()),
    )  # fmt: skip


def lines(site: Site, name: str, rows: Sequence[Row], new: set[tuple[str, str]]) -> Iterator[Line]:
    """The rows of a function: cases that agree on every lane by verdict and reason are one.

    A case that no lane has been asked lately has no row.
    """
    alike: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if any(row.cells):
            alike.setdefault(tuple(map(_answer, row.cells)), []).append(row)
    for some in alike.values():
        cases = tuple(one for row in some if (one := case(row.check.id)))
        squares = tuple(_square(site, some, at, new) for at in range(len(site.matrix.columns)))
        yield Line(name, some[0].check, cases, squares)


def _answer(cell: Cell | None) -> tuple[object, ...] | None:
    if cell is None:
        return None
    told = cell.result.deviation if cell.result and cell.verdict in SHOWING else None
    return cell.verdict, told.why if told else "", cell.tally.flaky


def _square(site: Site, rows: Sequence[Row], at: int, new: set[tuple[str, str]]) -> Square | None:
    cell = rows[0].cells[at]
    if cell is None:
        return None
    lane = site.matrix.columns[at].lane.id
    checks = [row.check.id for row in rows]
    marks = []
    if any((lane, check) in new for check in checks):
        marks.append("new")
    if any(site.history.flaky(lane, check) for check in checks):
        marks.append("flaky")
    if any(other.with_difference for row in rows if (other := row.cells[at])):
        marks.append("differing")
    value = rows[0].shown[at].value if cell.verdict in SHOWING else ""
    return Square(cell.verdict, value, tuple(marks))


def _worst(some: Sequence[Line]) -> tuple[Verdict | None, ...]:
    return tuple(worst(one.verdict for one in found if one) for found in zip(*(line.squares for line in some),
                                                                             strict=True))  # fmt: skip
