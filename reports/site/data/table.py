"""A table for other programs: columns with a kind and a meaning, from which JSON, CSV and the JSON schema are made.

What a bundle says is hostile: hidden characters are spelled out and texts are bounded, as on a page, and a text that a
spreadsheet would take for a formula is marked as text.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from roadworthy.reports.text import visible

Kind = Literal["text", "texts", "mapping", "integer", "number", "number?", "truth"]
#: What JSON has of each kind. A number that was not measured is null.
JSON_TYPES: Mapping[Kind, Mapping[str, Any]] = {
    "text": {"type": "string"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "mapping": {"type": "object", "additionalProperties": {"type": "string"}},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "number?": {"type": ["number", "null"]},
    "truth": {"type": "boolean"},
}
#: A spreadsheet takes a cell that begins with one of these for a formula, perhaps after white space; some take the wide
#: forms, too.
FORMULA = tuple("=+-@＝＋－＠")  # noqa: RUF001
DIALECT = "https://json-schema.org/draft/2020-12/schema"
#: What a list's texts are divided by in a CSV file.
BETWEEN = "; "


@dataclass(frozen=True)
class Column:
    """One column: its name, the kind of its values, and what they mean."""

    name: str
    kind: Kind
    meaning: str
    words: Sequence[str] = ()

    @property
    def schema(self) -> dict[str, Any]:
        found = {**JSON_TYPES[self.kind], "description": self.meaning}
        return {**found, "enum": list(self.words)} if self.words else found


@dataclass(frozen=True)
class Form:
    """What a table is: its name, what one row says, and its columns."""

    name: str
    says: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the table's file."""
        row = {
            "type": "object",
            "properties": {column.name: column.schema for column in self.columns},
            "required": [column.name for column in self.columns],
            "additionalProperties": False,
        }
        return {
            "$schema": DIALECT, "title": self.name, "description": self.says, "type": "object",
            "properties": {
                "$schema": {"const": schema_address(self.name)},
                "edition": {"type": "string", "description": "the newest edition of the site when this was written"},
                "rows": {"type": "array", "items": row},
            },
            "required": ["$schema", "edition", "rows"], "additionalProperties": False,
        }  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Rows of plain values, in the order of the form's columns."""

    form: Form
    rows: Sequence[Sequence[Any]]

    def as_json(self, edition: str) -> str:
        """One JSON object, with a row a line so that two versions can be compared line by line."""
        head = json.dumps({"$schema": schema_address(self.form.name), "edition": shown(edition)}, ensure_ascii=False)
        line = "{" + ", ".join(f'"{column.name}": %s' for column in self.form.columns) + "}"
        rows = ",\n".join(line % tuple([in_json(value) for value in row]) for row in self.rows)
        return f'{head[:-1]}, "rows": [\n{rows}\n]}}\n'

    def as_csv(self) -> str:
        """Comma-separated values as RFC 4180 has them, with a heading."""
        stream = io.StringIO(newline="")
        writer = csv.writer(stream)
        writer.writerow([column.name for column in self.form.columns])
        writer.writerows([in_csv(value) for value in row] for row in self.rows)
        return stream.getvalue()


def schema_address(name: str) -> str:
    """Where a file's schema lies, seen from the file."""
    return f"schemas/{name}.json"


@lru_cache(maxsize=1 << 16)
def shown(text: str) -> str:
    """A text from a bundle as others may read it."""
    return visible(text)


def plain(value: Any) -> Any:
    """A value with every text in it as others may read it."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, Mapping):
        return {shown(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def in_json(value: Any) -> str:
    """A value as JSON text."""
    kind = type(value)
    if kind is str:
        return text_in_json(value)
    if kind is int or (kind is float and math.isfinite(value)):
        return repr(value)
    return json.dumps(plain(value), ensure_ascii=False)


@lru_cache(maxsize=1 << 16)
def text_in_json(text: str) -> str:
    """A text as JSON; most texts of a table stand in it many times."""
    return json.dumps(visible(text), ensure_ascii=False)


def in_csv(value: Any) -> str:
    """A value as one field of a CSV file."""
    return text_in_csv(value) if isinstance(value, str) else field(plain(value))


@lru_cache(maxsize=1 << 16)
def text_in_csv(text: str) -> str:
    """A text as a field."""
    return field(visible(text))


def field(value: Any) -> str:
    """A value as one field of a CSV file. An apostrophe marks a text that would be a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = _joined(value)
    return f"'{text}" if text.lstrip().startswith(FORMULA) or text[:1].isspace() else text


def _joined(value: Any) -> str:
    if isinstance(value, str):
        return value
    pairs: Iterable[str] = (f"{key}={item}" for key, item in value.items()) if isinstance(value, dict) else value
    return BETWEEN.join(pairs)


def schema_text(schema: Mapping[str, Any]) -> str:
    """A schema as the file that is shipped."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
