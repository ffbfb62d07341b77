"""The one form in which commands answer: text for people, JSON and Markdown for programs.

An answer is data for a program, and parts for a reader. Text and Markdown are made from the parts, so that a command
says everything once. Whatever a bundle holds is made safe to show here, and nowhere else.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from roadworthy.reports.text import visible

Command = TypeVar("Command", bound=Callable[..., Any])
#: The colours of words that say how something ended; other words have none.
COLOURS = {
    "pass": "green", "yes": "green", "known": "yellow", "fail": "red", "error": "red", "crash": "red", "hang": "red",
    "fixed": "magenta", "no": "red", "unsupported": "bright_black", "skipped": "bright_black",
    "missing": "bright_black", "not measured": "bright_black",
}  # fmt: skip
#: Characters of one cell of a table, and of one other text.
CELL, TEXT = 300, 2000


@dataclass(frozen=True)
class Title:
    """What the following parts are of."""

    text: str


@dataclass(frozen=True)
class Line:
    """A sentence."""

    text: str


@dataclass(frozen=True)
class Fields:
    """Names with their values; one without a value is left out."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """Rows below a heading; one without rows is left out."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Code:
    """Lines to be read or run as they are."""

    text: str
    language: str = ""


Part = Title | Line | Fields | Table | Code


@dataclass(frozen=True)
class Answer:
    """What a command answers: `data` for --json, `parts` for text and --markdown."""

    data: Mapping[str, Any]
    parts: Sequence[Part]


def answers(command: Command) -> Command:
    """Give a command the options of the form; it gets the chosen one as `form`: text, json or markdown."""
    command = click.option("--markdown", "form", flag_value="markdown", help="Print Markdown, as for a pull request.")(
        command
    )
    return click.option("--json", "form", flag_value="json", default=None, help="Print one JSON object.")(command)


def tell(answer: Answer, form: str | None) -> None:
    """Print an answer in the chosen form."""
    if form == "json":
        click.echo(json.dumps(answer.data, indent=2))
    elif form == "markdown":
        click.echo(as_markdown(answer.parts))
    else:
        click.echo(as_text(answer.parts, coloured()))


def coloured() -> bool:
    """Whether standard output takes colours: a terminal, and NO_COLOR is not set (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def as_text(parts: Sequence[Part], colours: bool) -> str:
    """The parts for a reader at a terminal."""
    lines: list[str] = []
    for part in parts:
        match part:
            case Title():
                lines += ["", styled(one_line(part.text, TEXT), colours, bold=True)]
            case Line():
                lines.append(visible(part.text, TEXT))
            case Code():
                lines += [f"    {line}" for line in visible(part.text, 64 * TEXT).splitlines()]
            case Fields():
                lines += fields_as_text(part, colours)
            case Table():
                lines += table_as_text(part, colours)
    return "\n".join(lines).strip("\n")


def fields_as_text(part: Fields, colours: bool) -> list[str]:
    pairs = [(name, visible(value, TEXT)) for name, value in part.pairs if value]
    width = max((len(name) for name, _ in pairs), default=0)
    lines = []
    for name, value in pairs:
        first, *others = value.splitlines()
        lines.append(f"  {name:<{width}}  {painted(first, first, colours)}")
        lines += [f"  {'':<{width}}  {line}" for line in others]
    return lines


def table_as_text(part: Table, colours: bool) -> list[str]:
    if not part.rows:
        return []
    rows = [[one_line(cell, CELL) for cell in row] for row in (part.head, *part.rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(painted(cell, f"{cell:<{width}}", colours) for cell, width in zip(row, widths, strict=True))
        .rstrip() for row in rows
    ]  # fmt: skip


def as_markdown(parts: Sequence[Part]) -> str:
    """The parts as GitHub's Markdown."""
    blocks = []
    for part in parts:
        match part:
            case Title():
                blocks.append(f"### {escaped(one_line(part.text, TEXT))}")
            case Line():
                blocks.append(escaped(visible(part.text, TEXT)))
            case Code():
                text = visible(part.text, 64 * TEXT).rstrip("\n")
                fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
                blocks.append(f"{fence}{part.language}\n{text}\n{fence}")
            case Fields():
                pairs = [(name, one_line(value, TEXT)) for name, value in part.pairs if value]
                blocks.append("\n".join(f"- **{escaped(name)}:** {escaped(value)}" for name, value in pairs))
            case Table() if part.rows:
                rows = [[escaped(one_line(cell, CELL)).replace("|", r"\|") for cell in row] for row in part.rows]
                lines = [part.head, ["---"] * len(part.head), *rows]
                blocks.append("\n".join(f"| {' | '.join(row)} |" for row in lines))
    return "\n\n".join(block for block in blocks if block)


def one_line(text: str, limit: int) -> str:
    return " ".join(visible(text, limit).split())


def escaped(text: str) -> str:
    """A text whose characters Markdown would take for its own."""
    return re.sub(r"([\\`*_\[\]<>#])", r"\\\1", text)


def painted(word: str, shown: str, colours: bool) -> str:
    """`shown` in the colour of the word."""
    return click.style(shown, fg=COLOURS[word]) if colours and word in COLOURS else shown


def styled(text: str, colours: bool, **style: Any) -> str:
    return click.style(text, **style) if colours else text
