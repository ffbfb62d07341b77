"""The suite's own documents as parts of pages, by markdown-it-py, without any HTML that they may hold.

A link between documents leads to the page of the site that is made from the other one, and becomes text if there is
none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from roadworthy.reports.site import addresses
from roadworthy.reports.text import web_link

#: The pages that are made from documents.
PAGES = {
    "findings.md": addresses.FINDINGS, "method.md": addresses.METHOD, "durability.md": addresses.DURABILITY,
    "weekly.md": addresses.WEEKLY, "benchmarks.md": addresses.BENCHMARKS,
}  # fmt: skip

#: Gives the relative address of a page of the site, or an empty string if the site has none.
Finds = Callable[[str], str]


@cache
def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False}).enable("table")


def prose(text: str, find: Finds, shift: int = 0) -> Markup:
    """Markdown as HTML, without its comments; headings are `shift` levels lower than they are written."""
    reader = _reader()
    tokens = reader.parse(re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + shift)}"
        if token.type == "heading_open":
            token.attrSet("id", slug(tokens[tokens.index(token) + 1].content))
        if token.children:
            token.children = list(_linked(token.children, find))
    found = reader.renderer.render(tokens, reader.options, {})
    return Markup(found.replace("<table>", '<div class="wide" tabindex="0"><table class="rows">').replace(
        "</table>", "</table></div>").replace("<pre>", '<pre tabindex="0">'))  # fmt: skip


def phrase(text: str) -> Markup:
    """Markdown of one line, without its links: code and emphasis."""
    reader = _reader()
    (paragraph,) = reader.parseInline(text)
    paragraph.children = list(_linked(paragraph.children or [], lambda _: ""))
    return Markup(reader.renderer.render([paragraph], reader.options, {}))


def _linked(tokens: Sequence[Token], find: Finds) -> list[Token]:
    """The tokens with links that lead somewhere, and without images."""
    kept: list[Token] = []
    open_links: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            address = _address(str(token.attrGet("href") or ""), find)
            open_links.append(bool(address))
            if not address:
                continue
            token.attrSet("href", address)
            if web_link(address):
                token.attrSet("rel", "noopener noreferrer")
        elif token.type == "link_close":
            if not open_links.pop():
                continue
        elif token.type == "image":
            continue
        kept.append(token)
    return kept


def _address(href: str, find: Finds) -> str:
    if web_link(href) or href.startswith("#"):
        return href
    name, _, place = href.partition("#")
    found = find(PAGES[name]) if name in PAGES else ""
    return f"{found}#{place}" if found and place else found


def slug(title: str) -> str:
    """The place of a heading as GitHub names it, so that links within a document lead there."""
    return re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-")


def section(document: str, title: str) -> str:
    """A chapter of a document, without its heading; empty if there is none."""
    parts = re.split(r"^## (.+)$", document, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True)).get(title, "")
