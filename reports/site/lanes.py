"""The lanes and their facts: exact versions, mounts and parameters, which explain what a driver's name does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from roadworthy.reports.matrix import Column
from roadworthy.reports.records import WORST_FIRST, LaneRecord, Verdict
from roadworthy.reports.site import addresses
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.rendering import render
from roadworthy.reports.site.values import Site


@dataclass(frozen=True)
class LaneFacts:
    """A lane: `edition` is the one in which it was up last, `editions` are all that asked it anything.

    `record` is its newest one, with the run that wrote it.
    """

    column: Column
    edition: str
    editions: tuple[str, ...]
    counts: tuple[tuple[Verdict, int], ...]
    run: str
    record: LaneRecord | None


def lanes(site: Site) -> tuple[LaneFacts, ...]:
    """The lanes in the order of the matrix."""
    found = []
    for at, column in enumerate(site.matrix.columns):
        number = Counter(cell.verdict for row in site.matrix.rows if (cell := row.cells[at]))
        run, record = column.records[-1] if column.records else ("", None)
        ran = site.history.ran.get(column.lane.id, ())
        found.append(LaneFacts(
            column, site.newest.get(column.lane.id, ""), tuple(site.history.editions[one] for one in ran),
            tuple((verdict, number[verdict]) for verdict in WORST_FIRST if number[verdict]), run, record,
        ))  # fmt: skip
    return tuple(found)


def pages(site: Site) -> Iterator[Page]:
    """`lanes.html`."""

    def make() -> str:
        return render(site, addresses.LANES, "lanes_page.html.j2", "Lanes and facts", lanes=lanes(site))

    yield Page(addresses.LANES, make)
