"""Options that help against recorded breaks: each with the checks that it helps."""

from __future__ import annotations

from collections.abc import Iterator

from roadworthy.reports.site import addresses
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.rendering import render
from roadworthy.reports.site.values import Site


def pages(site: Site) -> Iterator[Page]:
    """`options.html`, if the site is made with what the suite knows."""
    if site.known.options:
        yield Page(addresses.OPTIONS, lambda: render(site, addresses.OPTIONS, "options.html.j2", "Options that help"))
