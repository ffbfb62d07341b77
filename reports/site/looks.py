"""The style and the script that all pages of the site share."""

from __future__ import annotations

from collections.abc import Iterator

from roadworthy.reports.page import asset
from roadworthy.reports.site import addresses
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.rendering import TEMPLATES
from roadworthy.reports.site.values import Site


def pages(_: Site) -> Iterator[Page]:
    """`site.css`, which is the style of a run's page with the site's own after it, and `site.js`."""
    yield Page(addresses.STYLE, lambda: str(asset("page.css")) + (TEMPLATES / "site.css").read_text(encoding="utf-8"))
    yield Page(addresses.SCRIPT, lambda: (TEMPLATES / "site.js").read_text(encoding="utf-8"))
