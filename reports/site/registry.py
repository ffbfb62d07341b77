"""The kinds of pages of the site, in the order in which they are made; each is one function of the site's values."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from roadworthy.reports.site import (
    badges,
    benchmarks,
    card,
    check,
    compare,
    documents,
    edition,
    errors,
    feed,
    front,
    lanes,
    looks,
    matrix,
    options,
    search,
)
from roadworthy.reports.site.data import files as data
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.values import Site

#: One line for each kind of page: a function that says which pages there are, and how each is made.
KINDS: tuple[Callable[[Site], Iterable[Page]], ...] = (
    looks.pages,
    data.pages,
    front.pages,
    card.pages,
    search.pages,
    benchmarks.pages,
    lanes.pages,
    edition.pages,
    feed.pages,
    badges.pages,
    errors.pages,
    options.pages,
    check.pages,
    matrix.pages,
    compare.pages,
    documents.pages,
)
