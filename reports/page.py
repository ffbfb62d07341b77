"""Write the matrix as one HTML file: no network, no server, nothing of a bundle runs, same input gives same bytes."""

from __future__ import annotations

import base64
import hashlib
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reports import intervals
from reports.bundle import Bundle
from reports.claims import answers, load
from reports.evidence import evidence
from reports.matrix import Comparison, Matrix, build, differs
from reports.records import MEANING, Benchmark
from reports.text import anchor, cleaned, island, visible, with_links

TEMPLATES = Path(__file__).parent / "templates"

#: Entries of one mapping or list of facts that a page shows.
FACTS_LIMIT = 400
#: Characters of one raw benchmark record that a page shows.
RECORD_LIMIT = 20_000


def write_page(bundles: Sequence[Bundle], path: Path) -> None:
    """Write one or more bundles to `path` as a page; the file appears whole or not at all.

    Raises what `reports.matrix.build` raises, and OSError.
    """
    text = page_text(bundles)
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8", newline="\n"
    ) as stream:
        temporary = Path(stream.name)
        try:
            stream.write(text)
            stream.flush()
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink()
            raise


def page_text(bundles: Sequence[Bundle]) -> str:
    """Return the page of one or more bundles."""
    matrix = build(bundles)
    answered = [found for found in answers(load(), matrix) if found.lanes]
    style, script = _asset("page.css"), _asset("page.js")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    template = _environment().get_template("page.html.j2")
    return template.render(
        title=_title(matrix),
        matrix=matrix,
        claims=answered,
        meaning=MEANING,
        style=style,
        script=script,
        policy=policy,
        evidence=Markup(island(evidence(matrix))),
    )


def _environment() -> Environment:
    """Return a template environment in which each value is made visible and then escaped, wherever it stands."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(anchor=anchor, differs=differs, axis=intervals.axis, plot=intervals.plot)
    environment.filters.update(links=with_links, facts=_facts, raw=_raw, scale=_scale, number=_number, short=_short)
    environment.filters.update(command=shlex.join, query=_query)
    return environment


def _shown(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _query(text: str) -> str:
    """Return a name as the page's filters spell it in an address: made visible first, as in the markup."""
    return quote(visible(text), safe="/:")


def _asset(name: str) -> Markup:
    """Return the page's own style or script; it must not be able to end its element."""
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    if "</" in text or "<!--" in text:
        raise ValueError(f"{name} holds text that would end its element")
    return Markup(text)


def _digest(text: str) -> str:
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


def _raw(record: Benchmark) -> Markup:
    """Return the record as JSON text, escaped; it is bounded here, because it is longer than other texts may be."""
    text = msgspec.json.format(msgspec.json.encode(cleaned(msgspec.to_builtins(record)))).decode()
    if len(text) > RECORD_LIMIT:
        text = f"{text[:RECORD_LIMIT]}… ({len(text):,} characters in the bundle)"
    return escape(text)


def _scale(comparison: Comparison) -> intervals.Scale:
    return intervals.Scale.around(record for _, _, record in comparison.records)


def _number(value: float) -> str:
    """Return a measured number with three significant digits, without an exponent where it can be avoided."""
    if value == 0 or not 1e-3 <= abs(value) < 1e9:
        return f"{value:.3g}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
