"""The tables of docs/data.md, and the schemas that are shipped, made from the tables' columns: `make data`."""

import re
from pathlib import Path

from roadworthy.reports.records import WORST_FIRST
from roadworthy.reports.site.data.files import SCHEMAS, TABLES, schemas
from roadworthy.reports.site.data.junit import ELEMENTS
from roadworthy.reports.site.data.kcidb import STATUS
from roadworthy.reports.site.data.table import schema_text

PAGE = Path(__file__).parents[2] / "docs/data.md"
KINDS = {"number?": "number or null", "texts": "list of texts", "mapping": "texts by name", "truth": "true or false"}


def tables():
    """A section for each table: what a row says, and what each column means."""
    lines = []
    for form, _ in TABLES:
        lines += [f"### `{form.name}`", "", form.says, "", "| column | kind | meaning |", "|---|---|---|"]
        for column in form.columns:
            words = f" ({', '.join(f'`{word}`' for word in column.words if word)})" if column.words else ""
            lines.append(f"| `{column.name}` | {KINDS.get(column.kind, column.kind)} | {column.meaning}{words} |")
        lines.append("")
    return "\n".join(lines)


def verdicts():
    """What each verdict becomes in the forms of others."""
    lines = ["| verdict | JUnit | KCIDB |", "|---|---|---|"]
    lines += [f"| `{verdict}` | {ELEMENTS[verdict] or 'passed'} | {STATUS[verdict]} |" for verdict in WORST_FIRST]
    return "\n".join(lines) + "\n"


def made(page):
    """The page with both sections made anew."""
    for name, text in {"tables": tables(), "verdicts": verdicts()}.items():
        inside = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        page = inside.sub(lambda found, text=text: found[1] + text + found[2], page)
    return page


def shipped():
    """The schemas as files, by name."""
    return {f"{name}.json": schema_text(schema) for name, schema in schemas().items()}


def main():
    """Write the page and the schemas anew, and remove those of tables that are gone."""
    PAGE.write_text(made(PAGE.read_text()))
    for path in SCHEMAS.glob("*.json"):
        path.unlink()
    for name, text in shipped().items():
        (SCHEMAS / name).write_text(text)


if __name__ == "__main__":
    main()
