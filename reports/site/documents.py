"""Pages around the results: claims, findings, durability, the kill matrix, the method, and what runs weekly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from roadworthy.reports import effects
from roadworthy.reports.claims import Answered, answers, article, load
from roadworthy.reports.cuts import power_cuts
from roadworthy.reports.kills import kills_values
from roadworthy.reports.page import asset
from roadworthy.reports.site import addresses
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.prose import phrase, prose, section
from roadworthy.reports.site.rendering import render
from roadworthy.reports.site.values import Site
from roadworthy.reports.weekly import STATES

#: The chapters of docs/durability.md that stand below the results; its own results, if these runs have none.
RESULTS = "Results"
CHAPTERS = ("What can happen", "Which switch helps", "Find damage afterwards", "How it is measured")


def pages(site: Site) -> Iterator[Page]:
    """The pages for which there is something to show."""
    documents = site.known.documents
    yield Page(addresses.CLAIMS, partial(claims, site))
    if site.known.findings:
        yield Page(addresses.FINDINGS, partial(findings, site))
    if power_cuts(site.matrix).rows or "durability.md" in documents:
        yield Page(addresses.DURABILITY, partial(durability, site))
    if "method.md" in documents:
        yield Page(addresses.METHOD, partial(method, site))
    if site.kills:
        yield Page(addresses.KILLS, partial(kills, site))
        yield Page(addresses.KILLS_STYLE, lambda: str(asset("kills.css")))
        yield Page(addresses.KILLS_SCRIPT, lambda: str(asset("kills.js")))
    if site.weekly:
        yield Page(addresses.WEEKLY, partial(weekly, site))


@dataclass(frozen=True)
class Heap:
    """The claims with one answer, which is the worst that a lane gives."""

    place: str
    title: str
    claims: tuple[Answered, ...]


def heaps(found: Sequence[Answered]) -> list[Heap]:
    """Claims by the worst answer that a lane gives: those that do not hold somewhere come first."""
    titles = {"does not hold": "Do not hold somewhere", "holds in part": "Hold in part somewhere",
              "holds": "Hold wherever they were decided", "undecided": "Undecided",
              "": "Not measured in these runs"}  # fmt: skip
    kinds: dict[str, list[Answered]] = {word: [] for word in titles}
    for one in found:
        words = [word for word, _ in one.lanes]
        kinds[next((word for word in titles if word in words), "")].append(one)
    return [Heap(word.replace(" ", "-") or "not-measured", titles[word], tuple(some)) for word, some in kinds.items()
            if some]  # fmt: skip


def claims(site: Site) -> str:
    return render(
        site, addresses.CLAIMS, "claims_page.html.j2", "What was claimed in 2016, and what holds",
        heaps=heaps(answers(load(), site.matrix)), article=article(), widest=effects.WIDEST, phrase=phrase,
    )  # fmt: skip


def findings(site: Site) -> str:
    chapters: dict[str, list[object]] = {}
    for found in site.known.findings:
        chapters.setdefault(found.chapter, []).append(found)
    intro = site.known.documents["findings.md"].partition("\n")[2].partition("\n## ")[0]
    return render(
        site, addresses.FINDINGS, "findings.html.j2", "What Docker's documentation does not say",
        chapters=list(chapters.items()), intro=prose(intro, partial(_find, site, addresses.FINDINGS)), phrase=phrase,
    )  # fmt: skip


def durability(site: Site) -> str:
    document = site.known.documents.get("durability.md", "")
    find = partial(_find, site, addresses.DURABILITY)
    cuts = power_cuts(site.matrix)
    titles = CHAPTERS if cuts.rows else (RESULTS, *CHAPTERS)
    chapters = [(title, prose(text, find)) for title in titles if (text := section(document, title))]
    return render(
        site, addresses.DURABILITY, "durability.html.j2", "What a power cut does to images and containers",
        cuts=cuts, chapters=chapters, results=RESULTS,
    )  # fmt: skip


def method(site: Site) -> str:
    text = site.known.documents["method.md"]
    title, _, rest = text.partition("\n")
    return render(
        site, addresses.METHOD, "prose.html.j2", title.lstrip("# "),
        text=prose(rest, partial(_find, site, addresses.METHOD)),
    )  # fmt: skip


def kills(site: Site) -> str:
    assert site.kills is not None
    return render(
        site, addresses.KILLS, "kills_page.html.j2", f"Kill matrix, {site.kills.driver}", **kills_values(site.kills)
    )


def weekly(site: Site) -> str:
    return render(site, addresses.WEEKLY, "weekly_page.html.j2", "Weekly", weekly=site.weekly, states=STATES)


def _find(site: Site, of: str, to: str) -> str:
    return addresses.link(of, to) if to in site.addresses else ""
