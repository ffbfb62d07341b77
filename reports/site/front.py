"""The front page: what one asks, what changed since last time, the drivers, and what was run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from roadworthy.reports.cases import base
from roadworthy.reports.site import addresses
from roadworthy.reports.site.asked import Question, questions
from roadworthy.reports.site.coverage import Coverage, coverage
from roadworthy.reports.site.dates import long_date
from roadworthy.reports.site.editions import Edition
from roadworthy.reports.site.news import News, news
from roadworthy.reports.site.overview import DriverRow, overview
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.rendering import render
from roadworthy.reports.site.values import Site

#: How many changes of one kind the front page names; the edition's page has all.
NAMED = 5


@dataclass(frozen=True)
class Front:
    """All that the front page says."""

    questions: tuple[Question, ...]
    before: Edition | None
    news: tuple[News, ...]
    drivers: tuple[DriverRow, ...]
    coverage: Coverage
    refused: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether anything is other than before; what still fails is not."""
        return any(one.kind != "still failing" for one in self.news)


def front(site: Site) -> Front:
    return Front(
        questions=questions(site.edition.name),
        before=site.before,
        news=news(site.changes.get(site.edition.name, ())),
        drivers=overview(site),
        coverage=coverage(site),
        refused=site.refused,
    )


def title(site: Site) -> str:
    return f"Container storage drivers, {long_date(site.edition.day)}" if site.edition.day else site.edition.name


def pages(site: Site) -> Iterator[Page]:
    """`index.html`."""

    def make() -> str:
        promises = {base(row.check.id): row.check.promise for row in site.matrix.rows}
        return render(
            site, addresses.FRONT, "front.html.j2", title(site), page=front(site), named=NAMED, promises=promises
        )

    yield Page(addresses.FRONT, make)
