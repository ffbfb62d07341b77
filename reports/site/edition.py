"""The permanent page of an edition: what changed in it, and its runs. `latest/` leads to the newest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import cache, partial

import msgspec

from roadworthy.reports.site import addresses
from roadworthy.reports.site.dates import told
from roadworthy.reports.site.editions import Edition
from roadworthy.reports.site.news import news
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.rendering import render
from roadworthy.reports.site.values import Site

#: The most groups of changes of one kind on a page; the data have all.
MOST = 200

#: What there is of each edition, of which the page of one leads to its own.
OF_EDITIONS = ("edition/", "data/changes/")


def pages(site: Site) -> Iterator[Page]:
    """`edition/…/index.html`, `latest/index.html` and `runs.html`."""
    others = cache(partial(_others, site))
    for number, edition in enumerate(site.editions):
        yield Page(
            addresses.edition(edition.name), partial(_edition, site, number), partial(_key, site, number, others)
        )
    yield Page(addresses.LATEST, partial(_latest, site))
    yield Page(addresses.RUNS, lambda: render(site, addresses.RUNS, "runs.html.j2", "Runs", said=sentence))


def _edition(site: Site, number: int) -> str:
    edition = site.editions[number]
    return render(
        site, addresses.edition(edition.name), "edition.html.j2", f"Runs of {told(edition.name)}", edition=edition,
        news=news(site.changes[edition.name]), most=MOST,
        before=site.editions[number - 1] if number else None,
        after=site.editions[number + 1] if number + 1 < len(site.editions) else None,
    )  # fmt: skip


def _key(site: Site, number: int, others: Callable[[], str]) -> str:
    """A digest of all that the page of an edition depends on: an old one's does not change from night to night."""
    beside = [site.editions[at].name for at in (number - 1, number + 1) if 0 <= at < len(site.editions)]
    edition = site.editions[number]
    own = addresses.changes(edition.name) in site.addresses
    said = msgspec.json.encode((edition, site.changes[edition.name], number == 0, beside, own, others()))
    return hashlib.sha256(said).hexdigest()


def _others(site: Site) -> str:
    """A digest of the files to which the page of an edition may lead, besides those of editions."""
    found = sorted(address for address in site.addresses if not address.startswith(OF_EDITIONS))
    return hashlib.sha256("\n".join(found).encode("utf-8", "backslashreplace")).hexdigest()


def _latest(site: Site) -> str:
    return render(
        site, addresses.LATEST, "latest.html.j2", "The newest edition", target=addresses.edition(site.edition.name)
    )


def sentence(site: Site, edition: Edition) -> str:
    """What changed in an edition: `1 newly failing, 2 new lanes`."""
    if edition is site.editions[0]:
        return "the first edition"
    return ", ".join(one.title for one in news(site.changes[edition.name])) or "nothing changed"
