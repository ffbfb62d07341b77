"""What the suite knows beside its bundles: why a check matters, what helps, which scripts show a break, source code.

Bundles say what was seen. Questions, recorded knobs, scripts and documents belong to the release of the suite that
makes the site; whoever makes it without them has pages that say less.
"""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from roadworthy.reports.cases import base
from roadworthy.reports.records import Check, Deviation


@dataclass(frozen=True)
class Question:
    """A question about a workload, answered by checks (ids without a case, or `family/*`) and benchmarks."""

    asks: str
    checks: tuple[str, ...]
    benchmarks: tuple[str, ...] = ()

    def asks_check(self, function: str) -> bool:
        return any(fnmatch.fnmatchcase(function, pattern) for pattern in self.checks)


@dataclass(frozen=True)
class Found:
    """An entry of docs/findings.md: a surprise that Docker's documentation does not mention."""

    title: str
    chapter: str
    drivers: tuple[str, ...]
    conditions: str
    checks: tuple[str, ...]
    commands: str
    output: str


@dataclass(frozen=True)
class Script:
    """What the script of `roadworthy repro` showed of a break: the first lines that differ, see docs/repro.md."""

    outcome: str
    plain: str
    driver: str


@dataclass(frozen=True)
class Message:
    """What an engine or a kernel prints, with … for what varies; what it means, what to do, and where it was read."""

    text: str
    means: str
    do: str
    source: str
    checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """Everything that pages say beside what is in bundles.

    `knobs` are by check function, condition and driver as bundles have them; `scripts` by driver and check; `code` is
    the directory that holds `conformance`; `documents` has Markdown texts by name.
    """

    questions: tuple[Question, ...] = ()
    knobs: Mapping[tuple[str, str, str], Sequence[str]] = field(default_factory=dict)
    code: Path | None = None
    documents: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()

    @cached_property
    def options(self) -> Mapping[str, tuple[str, ...]]:
        """Everything that can be turned against a recorded break, with the check functions that it helps."""
        found: dict[str, dict[str, None]] = {}
        for (check, _, _), words in self.knobs.items():
            for word in words:
                found.setdefault(word, {})[check] = None
        return {word: tuple(sorted(checks)) for word, checks in sorted(found.items())}

    def asking(self, function: str) -> tuple[str, ...]:
        """The questions that a check function answers."""
        return tuple(one.asks for one in self.questions if one.asks_check(function))

    def helps(self, check: str, deviation: Deviation, driver: str) -> tuple[str, ...]:
        """What can be turned so that a recorded deviation no longer applies to a driver."""
        return tuple(self.knobs.get((base(check), deviation.when, driver), ()))

    @cached_property
    def findings(self) -> tuple[Found, ...]:
        return findings(self.documents.get("findings.md", ""))

    @cached_property
    def scripts(self) -> Mapping[tuple[str, str], Script]:
        """What the scripts showed, by driver and check."""
        return scripts(self.documents.get("repro.md", ""))

    def source(self, check: Check) -> str:
        """The source code of a check, with its decorators; empty if the file is not that of the run."""
        if self.code is None or not re.fullmatch(r"conformance(?:/\w+)+\.py", check.file):
            return ""
        try:
            text = (self.code / check.file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""
        return function_of(text, base(check.id))


#: What a site says that is made without the suite's own knowledge.
NOTHING = Known()


def function_of(text: str, check: str) -> str:
    """The function that is decorated as this check, and nothing if there is none."""
    try:
        module = ast.parse(text)
    except (SyntaxError, RecursionError):
        return ""
    lines = text.splitlines()
    for one in module.body:
        if isinstance(one, ast.FunctionDef) and any(_is(check, mark) for mark in one.decorator_list):
            first = min(mark.lineno for mark in one.decorator_list)
            return "\n".join(lines[first - 1 : one.end_lineno])
    return ""


def _is(check: str, mark: ast.expr) -> bool:
    words = mark.args if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) else []
    return bool(words) and isinstance(words[0], ast.Constant) and words[0].value == check


_ENTRY = re.compile(
    r"- \*\*Driver:\*\* (?P<driver>.+?)\n- \*\*Conditions:\*\* (?P<conditions>.+?)\n- \*\*Check:\*\* (?P<check>.+?)\n\n"
    r"```sh\n(?P<commands>.+?)```\n\n```text\n(?P<output>.*?)```\n",
    re.DOTALL,
)


def findings(document: str) -> tuple[Found, ...]:
    """The entries of docs/findings.md, with the chapter in which each stands."""
    found = []
    chapter = ""
    for part in re.split(r"^(?=##)", document, flags=re.MULTILINE):
        title = part.partition("\n")[0].lstrip("# ")
        if part.startswith("## "):
            chapter = title
        elif part.startswith("### ") and (entry := _ENTRY.search(part)):
            words = " ".join(entry["driver"].split())
            found.append(Found(
                title, chapter, tuple(re.findall(r"[\w:-]+", words)), " ".join(entry["conditions"].split()),
                tuple(re.findall(r"`([^`]+)`", entry["check"])), entry["commands"].rstrip(), entry["output"].rstrip(),
            ))  # fmt: skip
    return tuple(found)


def scripts(document: str) -> dict[tuple[str, str], Script]:
    """The table of docs/repro.md."""
    rows = re.findall(r"^\| ([\w:-]+) \| `([^`]+)` \| [^|]* \| ([^|]+) \|(.*)\|$", document, re.MULTILINE)
    found = {}
    for driver, check, outcome, rest in rows:
        plain, _, own = rest.strip().partition(" | ")
        found[driver, check] = Script(outcome.strip(), plain.strip().strip("`"), own.strip().strip("`"))
    return found
