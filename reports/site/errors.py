"""What engines and kernels print when storage does not work: what it means, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from roadworthy.reports.site import addresses
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.rendering import render
from roadworthy.reports.site.values import Site


def pages(site: Site) -> Iterator[Page]:
    """`errors.html`, if the site is made with what the suite knows."""
    if site.known.messages:
        yield Page(addresses.ERRORS, lambda: render(site, addresses.ERRORS, "errors.html.j2", "Error texts"))
