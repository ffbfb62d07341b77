"""Pages from templates: one environment, whose every link is relative and leads to a file that the site has."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from roadworthy.reports import page as single
from roadworthy.reports.cases import base
from roadworthy.reports.families import title
from roadworthy.reports.site import addresses
from roadworthy.reports.site.newest import function
from roadworthy.reports.site.strips import strip
from roadworthy.reports.site.values import Site
from roadworthy.reports.sources import linked

TEMPLATES = Path(__file__).parent / "templates"

#: Nothing but the site's own style and scripts; no frame, no form, no request.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)


def render(site: Site, address: str, template: str, title: str, **values: Any) -> str:
    """The page at an address. Templates extend `layout.html.j2`; `link` and `has` take addresses.

    `title` stands in the browser's tab and as the first heading.
    """

    def link(to: str, place: str = "") -> str:
        return addresses.link(address, to, place)

    return environment().get_template(template).render(
        site=site, address=address, link=link, has=site.addresses.__contains__, title=title, policy=POLICY,
        to=addresses, **values,
    )  # fmt: skip


@cache
def environment() -> Environment:
    """The environment of a run's page, with the site's templates before its own."""
    found = single.environment()
    found.loader = FileSystemLoader([TEMPLATES, single.TEMPLATES], encoding="utf-8")
    found.filters.update(sources=linked, family=title, base=base, strip=strip, benchmark=function)
    return found
