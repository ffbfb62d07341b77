"""The style and the scripts of the site."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from roadworthy.reports.page import asset
from roadworthy.reports.site import addresses
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.rendering import TEMPLATES
from roadworthy.reports.site.values import Site

#: The site's own style, in parts: what all pages share comes first.
STYLES = ("site.css", "check.css", "card.css", "matrix.css", "compare.css", "documents.css")


def pages(_: Site) -> Iterator[Page]:
    """`site.css`, which is the style of a run's page with the site's own after it, and the scripts."""
    yield Page(addresses.STYLE, _style, key="style")
    for name in (addresses.SCRIPT, addresses.ASK):
        yield Page(name, partial(_own, name), key="script")


def _style() -> str:
    return "\n".join((str(asset("page.css")), *map(_own, STYLES)))


def _own(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
