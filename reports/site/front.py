"""The front page: what one asks, what changed since last time, the drivers, and what was run."""

from __future__ import annotations

from collections.abc import Iterator

from roadworthy.reports.site import addresses
from roadworthy.reports.site.dates import long_date
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.rendering import render
from roadworthy.reports.site.values import Site


def pages(site: Site) -> Iterator[Page]:
    """`index.html`."""
    title = f"Container storage drivers, {long_date(site.edition.day)}"
    yield Page(addresses.FRONT, lambda: render(site, addresses.FRONT, "front.html.j2", title))
