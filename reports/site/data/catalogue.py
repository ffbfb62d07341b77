"""The page that lists the data of the site: every file with what it has, its schema, and its size in rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roadworthy.reports.site import addresses
from roadworthy.reports.site.data import editions
from roadworthy.reports.site.data.table import Form
from roadworthy.reports.site.rendering import render
from roadworthy.reports.site.values import Site


@dataclass(frozen=True)
class Files:
    """One kind of data: its name, what it has, and its files, each with the words of its link."""

    name: str
    says: str
    links: tuple[tuple[str, str], ...]


def listed(site: Site, forms: Sequence[Form]) -> list[Files]:
    """Every kind of data, the tables first."""
    tables = [
        Files(form.name, form.says, (
            ("JSON", addresses.data(form.name)), ("CSV", addresses.data(form.name, "csv")),
            ("schema", addresses.schema(form.name)),
        )) for form in forms
    ]  # fmt: skip
    return [
        *tables,
        Files("compat", "What each driver keeps of each promise, in the manner of browser-compat-data.",
              (("JSON", addresses.data("compat")), ("schema", addresses.schema("compat")))),
        Files("changes", "What changed in the newest edition, for a webhook; those of others are below.",
              (("JSON", addresses.CHANGES), ("schema", addresses.schema("changes")))),
        Files("kcidb", "All results in the form of KCIDB, the database of kernel test results.",
              (("JSON", addresses.data("kcidb")),)),
        Files("junit", "The verdicts of each lane in JUnit's form.",
              tuple((column.lane.id, addresses.junit(column.lane.id)) for column in site.matrix.columns)),
    ]  # fmt: skip


def by_edition(site: Site) -> list[Files]:
    """The data of each edition alone, the newest first."""
    return [
        Files(one.name, "", (
            ("verdicts, JSON", addresses.edition_data(one.name, editions.NAME)),
            ("verdicts, CSV", addresses.edition_data(one.name, editions.NAME, "csv")),
            ("changes, JSON", addresses.changes(one.name)),
        )) for one in reversed(site.editions)
    ]  # fmt: skip


def page_text(site: Site, forms: Sequence[Form]) -> str:
    """`data/index.html`."""
    return render(
        site, addresses.DATA, "data.html.j2", "Data for other programs", files=listed(site, forms),
        editions=by_edition(site), schema=addresses.schema(editions.NAME),
    )  # fmt: skip
