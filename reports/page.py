"""Write the matrix as one HTML file.

The page needs no network and no server, runs nothing from a bundle, and is reproducible byte for byte.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from roadworthy.reports import curves, effects, intervals
from roadworthy.reports.added import added
from roadworthy.reports.bundle import FILE_NAME, Bundle
from roadworthy.reports.claims import answers, article, load
from roadworthy.reports.comparisons import Comparison, Source
from roadworthy.reports.cuts import capture_command, disk_command, power_cuts
from roadworthy.reports.drawer import evidence
from roadworthy.reports.made import is_page, replace_file
from roadworthy.reports.matrix import Matrix, build, differs
from roadworthy.reports.null import nulls
from roadworthy.reports.published import published, redacted
from roadworthy.reports.records import MEANING, SHOWN, WITH_DIFFERENCE, Benchmark, Count, Trend
from roadworthy.reports.redaction import Redaction
from roadworthy.reports.text import anchor, cleaned, counted, island, visible, with_links
from roadworthy.reports.units import amount, brief, exact, number, per
from roadworthy.reports.weekly import STATES, Weekly, reading

TEMPLATES = Path(__file__).parent / "templates"

#: The most entries that a page shows of one mapping or list of facts.
FACTS_LIMIT = 400
#: The most characters, and the most samples, that a page shows of one benchmark record.
RECORD_LIMIT = 20_000
SAMPLES_LIMIT = 150
#: The most states, and the most calls before a cut, that a page shows of one promise.
STATES_LIMIT, CALLS_LIMIT = 20, 20
#: A raw file's path that may become a link: below the bundle's directory, and of a type that no browser executes.
_RAW_PATH = re.compile(r"(?!\.)[A-Za-z0-9._~+,@-]+(?:/(?!\.)[A-Za-z0-9._~+,@-]+)*\.(?:json|json\.gz|txt|log)", re.ASCII)


def write_page(
    bundles: Sequence[Bundle], path: Path, kills: str = "", kills_date: str = "", weekly: Weekly | None = None,
    refused: Sequence[str] = (), hide: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write bundles to `path` as a page, which appears whole or not at all, and replaces nothing but a page.

    `kills` is the address of a kill matrix that it links to, with the date of its runs, `weekly` the last weekly
    result; `refused` says why other bundles are left out. `hide` has names that the page must not show, besides what no
    page shows, see `published`. Raises what `matrix.build` raises, and OSError.
    """
    replace_file(path, page_text(bundles, path.parent, kills, kills_date, weekly, refused, hide), is_page)


def page_text(
    bundles: Sequence[Bundle], directory: Path | None = None, kills: str = "", kills_date: str = "",
    weekly: Weekly | None = None, refused: Sequence[str] = (), hide: Sequence[str] = (),
) -> str:  # fmt: skip
    """Return the page of one or more bundles. It links to the raw files of a bundle that lies in its `directory`."""
    redact = Redaction(hide)
    bundles = [published(bundle, redact) for bundle in bundles]
    weekly = redacted(weekly, redact)
    refused = [redact(_of_its_directory(sentence)) for sentence in refused]
    matrix = build(bundles)
    style, script = asset("page.css"), asset("page.js")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src '{digest(style)}'",
            f"script-src '{digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    here = None if directory is None else directory.resolve()
    beside = frozenset(bundle.file for bundle in bundles if Path(bundle.file).resolve().parent == here)
    template = environment().get_template("page.html.j2")
    return template.render(
        title=_title(matrix),
        matrix=matrix,
        nulls=nulls(record for comparison in matrix.comparisons for *_, record in comparison.records),
        cuts=power_cuts(matrix),
        article=article(),
        claims=answers(load(), matrix),
        widest=effects.WIDEST,
        kills=kills,
        kills_date=kills_date,
        refused=refused,
        weekly=reading(weekly, bundles) if weekly else None,
        states=STATES,
        beside=beside,
        meaning=MEANING,
        style=style,
        script=script,
        policy=policy,
        evidence=Markup(island(evidence(matrix))),
    )


def _of_its_directory(sentence: str) -> str:
    """A sentence that begins with the path of a bundle, with no more of the path than names the bundle."""
    path, mark, rest = re.split(r"([:,])", f"{sentence}:", maxsplit=1)
    parts = Path(path).parts[-2 if Path(path).name == FILE_NAME else -1 :]
    return f"{'/'.join(parts)}{mark}{rest}".removesuffix(":")


def environment() -> Environment:
    """Return a template environment that makes every value visible and then escapes it."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(anchor=anchor, differs=differs, axis=intervals.axis, plot=intervals.plot)
    environment.globals.update(chart=curves.chart, key=curves.key, raw_link=_raw_link, samples_limit=SAMPLES_LIMIT)
    environment.globals.update(with_difference=WITH_DIFFERENCE, shown_as=SHOWN, disk_command=disk_command)
    environment.globals.update(capture_command=capture_command, states_limit=STATES_LIMIT, calls_limit=CALLS_LIMIT)
    environment.filters.update(links=with_links, facts=_facts, raw=_raw, scale=_scale, number=number, short=_short)
    environment.filters.update(amount=amount, brief=brief, counted=counted, exact=exact, per=per, added=added)
    environment.filters.update(effect=effects.shown, why=effects.why, against=effects.against, drifted=effects.drifted)
    environment.filters.update(command=shlex.join, query=_query)
    return environment


def _shown(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _query(text: str) -> str:
    """Return a name in the form that the page's filters use in addresses: made visible, and then quoted."""
    return quote(visible(text), safe="/:")


def asset(name: str) -> Markup:
    """Return the page's own style or script; it must not be able to end its element."""
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    if "</" in text or "<!--" in text:
        raise ValueError(f"{name} holds text that would end its element")
    return Markup(text)


def digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _title(matrix: Matrix) -> str:
    names = list(dict.fromkeys(run.name for run in matrix.runs))
    return names[0] if len(names) == 1 else f"{len(names)} runs, {names[0]} to {names[-1]}"


def _facts(value: Any) -> list[tuple[str, Any]] | None:
    """Return the entries of a mapping, a list of pairs or a list of mappings, bounded; None for a plain value."""
    if isinstance(value, dict):
        entries = list(value.items())
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        pairs = all(isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) for item in value)
        entries = [(item[0], item[1]) for item in value] if pairs else [(str(n), v) for n, v in enumerate(value, 1)]
    else:
        return None
    left_out = len(entries) - FACTS_LIMIT
    return entries[:FACTS_LIMIT] + ([("…", f"{left_out:,} more in the bundle")] if left_out > 0 else [])


def _short(value: Any) -> str:
    """Return a plain fact as one text: lists comma separated, truth values as words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_short(item) for item in value[:FACTS_LIMIT])
    return "none" if value is None else str(value)


def _raw(record: Benchmark | Trend | Count) -> Markup:
    """Return the record as JSON text, escaped; it is bounded here, because it is longer than other texts may be.

    Samples that have a table of their own are left out.
    """
    plain = msgspec.to_builtins(record)
    if isinstance(record, Benchmark) and record.samples:
        del plain["samples"], plain["baseline"]["samples"], plain["arm"]["samples"]
    text = msgspec.json.format(msgspec.json.encode(cleaned(plain))).decode()
    if len(text) > RECORD_LIMIT:
        text = f"{text[:RECORD_LIMIT]}… ({len(text):,} characters in the bundle)"
    return escape(text)


def _raw_link(path: str, source: Source, beside: frozenset[str]) -> str:
    """Return the address of a sample's raw file, or "" where it is text: elsewhere, or not a plain path."""
    return path if source.file in beside and len(path) < 400 and _RAW_PATH.fullmatch(path) else ""


def _scale(comparison: Comparison) -> intervals.Scale:
    return intervals.Scale.around(record for *_, record in comparison.records)
