"""What changed, for programs and readers of feeds: an Atom feed of editions, and a JSON file for each."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from roadworthy.reports.site import addresses
from roadworthy.reports.site.dates import told
from roadworthy.reports.site.edition import sentence
from roadworthy.reports.site.editions import Edition
from roadworthy.reports.site.news import news
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.rendering import environment
from roadworthy.reports.site.values import Site
from roadworthy.reports.text import cleaned
from roadworthy.reports.transitions import MEANING, REGRESSIONS

#: The most entries of the feed, and the most groups of changes of one kind in an entry.
ENTRIES, GROUPS = 30, 20
#: The format of the JSON files.
FORMAT = "1.0"


def pages(site: Site) -> Iterator[Page]:
    """`feed.atom`, `data/changes/….json`, and `data/changes.json`, which is the newest edition's."""
    yield Page(addresses.FEED, partial(feed, site))
    for edition in site.editions:
        yield Page(addresses.changes(edition.name), partial(changes, site, edition))
    yield Page(addresses.CHANGES, partial(changes, site, site.edition))


def feed(site: Site) -> str:
    """The newest editions as an Atom feed. Its addresses are relative to its own."""
    newest = [*reversed(site.editions)][:ENTRIES]
    entries = [
        {
            "title": f"{told(one.name)}: {sentence(site, one)}",
            "id": f"tag:roadworthy,2026:{addresses.edition(one.name)}",
            "updated": moment(one),
            "href": addresses.link(addresses.FEED, addresses.edition(one.name)),
            "news": news(site.changes[one.name]),
        }
        for one in newest
    ]
    return environment().get_template("feed.atom.j2").render(entries=entries, updated=moment(newest[0]), most=GROUPS)


def moment(edition: Edition) -> str:
    """When the newest run of an edition was planned, as RFC 3339 has it; midnight of its day if it has no run."""
    times = [found for run in edition.runs if (found := _aware(run.started))]
    if not times:
        return f"{edition.day or '1970-01-01'}T00:00:00Z"
    return max(times).astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _aware(text: str) -> datetime | None:
    """A time of a run; None if a hidden name was a part of it."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def changes(site: Site, edition: Edition) -> str:
    """What changed in an edition: counts by kind, whether anything got worse, and every change."""
    found = site.changes[edition.name]
    at = site.editions.index(edition)
    counts = {kind: sum(one.kind == kind for one in found) for kind in MEANING}
    value = {
        "format": FORMAT,
        "edition": edition.name,
        "before": site.editions[at - 1].name if at else None,
        "moment": moment(edition),
        "worse": any(counts[kind] for kind in REGRESSIONS),
        "counts": counts,
        "lanes": list(edition.lanes),
        "refused": list(edition.refused),
        "changes": [dataclasses.asdict(one) for one in found],
    }
    return json.dumps(cleaned(value), indent=1) + "\n"
