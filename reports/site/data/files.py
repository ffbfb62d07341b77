"""The data files of the site: each table as JSON and CSV, the forms that others have defined, and all schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from roadworthy.reports.site import addresses
from roadworthy.reports.site.data import catalogue, changes, compat, editions, numbers, reasons, said, verdicts
from roadworthy.reports.site.data.junit import junit_text
from roadworthy.reports.site.data.kcidb import kcidb_text
from roadworthy.reports.site.data.once import once
from roadworthy.reports.site.data.table import Form, Table, schema_text
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.values import Site

SCHEMAS = Path(__file__).parent / "schemas"
#: Every table with the function that makes it.
TABLES: tuple[tuple[Form, Callable[[Site], Table]], ...] = (
    (verdicts.CELLS, verdicts.cells),
    (verdicts.LANES, verdicts.lanes),
    (verdicts.CHECKS, verdicts.checks),
    (reasons.DEVIATIONS, reasons.deviations),
    (numbers.BENCHMARKS, numbers.benchmarks),
    (numbers.TRENDS, numbers.trends),
    (numbers.COUNTS, numbers.counts),
    (said.CLAIMS, said.claims),
    (said.CUTS, said.cuts),
    (said.TRANSITIONS, said.transitions),
)


def pages(site: Site) -> Iterator[Page]:
    """Everything below `data/` that this room makes."""
    for form, made in TABLES:
        table = once(partial(made, site))
        yield Page(addresses.data(form.name), lambda table=table: table().as_json(site.edition.name))  # type: ignore[misc]
        yield Page(addresses.data(form.name, "csv"), lambda table=table: table().as_csv())  # type: ignore[misc]
    yield Page(addresses.data("compat"), lambda: compat.compat_text(site))
    yield Page(addresses.data("kcidb"), lambda: kcidb_text(site))
    for column in site.matrix.columns:
        yield Page(addresses.junit(column.lane.id), partial(junit_text, site, column.lane.id))
    yield from editions.pages(site)
    yield Page(addresses.DATA, lambda: catalogue.page_text(site, [form for form, _ in TABLES]))
    for name, schema in schemas().items():
        yield Page(addresses.schema(name), partial(schema_text, schema))


def schemas() -> dict[str, Mapping[str, Any]]:
    """The schema of each JSON file, by its name."""
    return {
        **{form.name: form.schema for form, _ in TABLES},
        "compat": compat.SCHEMA,
        "changes": changes.SCHEMA,
        editions.NAME: editions.SCHEMA,
    }
