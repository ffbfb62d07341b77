"""A badge a driver, for the page of a project: a picture, and the JSON that shields.io asks for.

It says how many checks break on the driver's lanes, and how many of them without an explanation. It is no score.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from markupsafe import escape

from roadworthy.reports.site import addresses
from roadworthy.reports.site.overview import DriverRow, overview
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.values import Site
from roadworthy.reports.text import visible

#: Of the picture: pixels a character, on both sides of a text, and of its height.
_WIDTH, _PAD, _HEIGHT = 6.6, 8, 20
_COLOURS = {"grey": "#5a6269", "red": "#b0241c", "yellow": "#735600", "green": "#2b6a3c"}


def pages(site: Site) -> Iterator[Page]:
    """`badge/….svg` and `badge/….json` of each driver."""
    for row in overview(site):
        yield Page(addresses.badge(row.driver), partial(picture, row))
        yield Page(addresses.badge(row.driver, "json"), partial(endpoint, row))


def message(row: DriverRow) -> tuple[str, str]:
    """What the badge says, and its colour."""
    if not row.asked:
        return "not measured", "grey"
    if row.failing:
        return f"{row.failing} unexplained of {row.breaks} breaks", "red"
    if row.breaks:
        return f"{row.breaks} of {row.asked} break, explained", "yellow"
    return f"{row.asked} of {row.asked} hold", "green"


def label(row: DriverRow) -> str:
    return visible(row.driver, 60).replace("\n", " ")


def endpoint(row: DriverRow) -> str:
    """The JSON of an endpoint badge of shields.io."""
    said, colour = message(row)
    return json.dumps({"schemaVersion": 1, "label": label(row), "message": said, "color": colour}) + "\n"


def picture(row: DriverRow) -> str:
    """The badge as a picture that needs nothing else."""
    said, colour = message(row)
    left, right = (round(len(text) * _WIDTH + 2 * _PAD) for text in (label(row), said))
    text = f"{label(row)}: {said}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" role="img" '
        f'aria-label="{escape(text)}"><title>{escape(text)}</title>'
        f'<rect width="{left + right}" height="{_HEIGHT}" rx="3" fill="#3a4046"/>'
        f'<path fill="{_COLOURS[colour]}" d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right - 3}z"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2}" y="14">{escape(label(row))}</text>'
        f'<text x="{left + right / 2}" y="14">{escape(said)}</text></g></svg>\n'
    )
