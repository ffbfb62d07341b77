"""From a directory of bundles to the values of a site, and from these to its files."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from roadworthy.reports.bundle import Bundle, BundleRefused, read_results
from roadworthy.reports.kills import Kills
from roadworthy.reports.made import make_directory
from roadworthy.reports.matrix import Matrix, build
from roadworthy.reports.published import published_result, redacted
from roadworthy.reports.records import Result
from roadworthy.reports.redaction import Redaction
from roadworthy.reports.site import registry, writing
from roadworthy.reports.site.editions import Found, found_in
from roadworthy.reports.site.index import Index
from roadworthy.reports.site.known import NOTHING, Known
from roadworthy.reports.site.newest import newest_of, part_of
from roadworthy.reports.site.reading import read
from roadworthy.reports.site.release import suite
from roadworthy.reports.site.values import FindsEvidence, Site
from roadworthy.reports.weekly import Weekly, reading

#: The index, below the root of the site.
INDEX = ".index.sqlite"
#: How many of the newest editions are kept with their bundles, besides those of which something is shown.
KEPT = 2


def make(
    root: Path, public: Path, hide: Sequence[str] = (), kills: Kills | None = None, weekly: Weekly | None = None,
    known: Known = NOTHING,
) -> tuple[Site, list[str]]:  # fmt: skip
    """Make the site of all bundles below `root` in `public`, and return its values and the files that were written.

    `hide` has names that no page may show. Raises BundleRefused if there is no bundle that can be read, NotOurs, and
    OSError.
    """
    make_directory(public)
    redact = Redaction(hide)
    with _uncollected(), Index(public / INDEX, redact) as index:
        site = _beside(_site(index, root, redact), redact, kills, weekly, known)
        pages = [page for kind in registry.KINDS for page in kind(site)]
        site.addresses.update(page.address for page in pages)
        return site, writing.write(public, pages, suite())


def values(
    root: Path, hide: Sequence[str] = (), kills: Kills | None = None, weekly: Weekly | None = None,
    known: Known = NOTHING,
) -> Site:  # fmt: skip
    """The values of the site of all bundles below `root`. Raises BundleRefused as `make` does."""
    redact = Redaction(hide)
    with _uncollected(), Index(None, redact) as index:
        return _beside(_site(index, root, redact), redact, kills, weekly, known)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """No search for cycles: a site's values have none, and to look through all of them takes a third of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _beside(site: Site, redact: Redaction, kills: Kills | None, weekly: Weekly | None, known: Known) -> Site:
    """The site with what is known beside its bundles."""
    told = reading(redacted(weekly, redact), site.newest_bundles) if weekly else None
    return dataclasses.replace(site, kills=redacted(kills, redact), weekly=told, known=known)


def _site(index: Index, root: Path, redact: Redaction) -> Site:
    found = found_in(root)
    update(index, root, found, redact)
    return from_index(index, root, found, redact)


def update(index: Index, root: Path, found: Sequence[Found], redact: Redaction) -> None:
    """Bring the index up to date: what changed, and all that follows it, is read anew."""
    known = index.known()
    same = 0
    while same < min(len(known), len(found)) and known[same] == (found[same].name, found[same].print):
        same += 1
    if same < len(known):
        index.forget_from(same)
    for number in range(same, len(found)):
        whole = number >= len(found) - KEPT
        index.add(found[number], read(root, found[number], redact, whole=whole))


def from_index(index: Index, root: Path, found: Sequence[Found], redact: Redaction) -> Site:
    """The values of a site from an index that is up to date. Raises BundleRefused if no bundle can be read."""
    editions = index.editions()
    if not any(edition.runs for edition in editions):
        refused = [sentence for edition in editions for sentence in edition.refused]
        raise BundleRefused(str(root), 0, refused[0] if refused else "expected a directory with run bundles below it")
    history = index.history()
    wanted = newest_of(editions, history, index.measured())
    numbers = {*wanted, *range(max(0, len(editions) - KEPT), len(editions))}
    index.drop_bundles(numbers)
    kept = {number: index.bundles(number) for number in sorted(numbers)}
    for number, bundles in kept.items():
        if not bundles:
            kept[number] = list(read(root, found[number], redact, whole=True).bundles)
            for bundle in kept[number]:
                index.keep(number, bundle)
    parts = [part_of(bundle, wanted[number]) for number in sorted(wanted) for bundle in kept[number]]
    shown = [bundle for bundle in parts if bundle.plan.lanes]
    newest = {lane: number for number, one in wanted.items() for lane in one.lanes}
    names = [edition.name for edition in editions]

    @cache
    def of_edition(name: str) -> Matrix:
        number = names.index(name)
        bundles = kept.get(number) or read(root, found[number], redact, whole=True).bundles
        return build(bundles)

    return Site(
        matrix=build(shown),
        editions=editions,
        newest={lane: names[number] for lane, number in newest.items()},
        history=history,
        changes=index.changes(),
        evidence=evidence_in(root, shown, redact),
        of_edition=of_edition,
        series=index.series(),
        newest_bundles=tuple(shown),
        addresses=set(),
    )


def evidence_in(root: Path, bundles: Sequence[Bundle], redact: Redaction) -> FindsEvidence:
    """What finds the whole results of a check in the files of bundles, as they may be published."""

    @cache
    def places() -> Mapping[str, Mapping[str, list[tuple[str, int]]]]:
        every: dict[str, dict[str, list[tuple[str, int]]]] = {}
        for bundle in bundles:
            for result, place in zip(bundle.results, bundle.places, strict=True):
                every.setdefault(result.check, {}).setdefault(result.lane, []).append((bundle.file, place))
        return every

    def evidence(check: str, lanes: Sequence[str] | None = None) -> dict[str, tuple[Result, ...]]:
        found = {}
        for lane, known in places().get(check, {}).items():
            if lanes is None or lane in lanes:
                file = known[-1][0]  # where several bundles have the cell, the newest counts
                results = read_results(root / file, [place for name, place in known if name == file])
                found[lane] = tuple(published_result(result, redact) for result in results)
        return found

    return evidence
