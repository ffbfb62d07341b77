"""From a directory of bundles to the values of a site, and from these to its files."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import msgspec

from roadworthy.reports.bundle import Bundle, BundleRefused, read_bundle
from roadworthy.reports.kills import Kills
from roadworthy.reports.matrix import Matrix, build
from roadworthy.reports.published import published, redacted
from roadworthy.reports.records import SCHEMA, Result
from roadworthy.reports.redaction import Redaction
from roadworthy.reports.site import editions, registry, writing
from roadworthy.reports.site.editions import Edition
from roadworthy.reports.site.history import History, State
from roadworthy.reports.site.known import NOTHING, Known
from roadworthy.reports.site.values import Site
from roadworthy.reports.transitions import Transition, transitions
from roadworthy.reports.weekly import Weekly, reading


def make(
    root: Path,
    public: Path,
    hide: Sequence[str] = (),
    kills: Kills | None = None,
    weekly: Weekly | None = None,
    known: Known = NOTHING,
) -> tuple[Site, list[str]]:
    """Make the site of all bundles below `root` in `public`, and return its values and the files that were written.

    `hide` has names that no page may show. Raises BundleRefused if there is no bundle that can be read, NotOurs, and
    OSError.
    """
    site = dataclasses.replace(values(root, hide, kills, weekly), known=known)
    pages = [page for kind in registry.KINDS for page in kind(site)]
    site = dataclasses.replace(site, addresses=frozenset(page.address for page in pages))
    pages = [page for kind in registry.KINDS for page in kind(site)]
    return site, writing.write(public, pages, "")


def values(root: Path, hide: Sequence[str], kills: Kills | None, weekly: Weekly | None) -> Site:
    redact = Redaction(hide)
    found: dict[str, list[Bundle]] = {}
    refused: dict[str, list[str]] = {}
    for file in editions.bundle_files(root):
        try:
            bundle = published(read_bundle(file), redact)
        except BundleRefused as reason:
            refused.setdefault(editions.named(root, file), []).append(redact(str(reason)))
            continue
        found.setdefault(editions.named(root, file) or editions.day(bundle.started), []).append(bundle)
    if not found:
        raise BundleRefused(str(root), 0, "expected a directory with run bundles below it")
    names = sorted(found)
    matrices = {name: build(found[name]) for name in names}
    refused.setdefault(names[-1], []).extend(refused.pop("", []))  # those of no edition are told with the newest
    every = tuple(_edition(name, found[name], refused.get(name, [])) for name in names)
    newest = {lane: edition.name for edition in every for lane in edition.lanes}
    latest = [restricted(bundle, {lane for lane, edition in newest.items() if edition == name})
              for name in names for bundle in found[name]]  # fmt: skip
    matrix = build([bundle for bundle in latest if bundle.plan.lanes])
    changes: dict[str, tuple[Transition, ...]] = {}
    for before, name in zip([None, *names], names, strict=False):
        changes[name] = tuple(transitions(matrices[before], matrices[name])) if before else ()

    def evidence(check: str) -> dict[str, tuple[Result, ...]]:
        row = next(row for row in matrix.rows if row.check.id == check)
        return {column.lane.id: cell.rounds for column, cell in zip(matrix.columns, row.cells, strict=True) if cell}

    def of_edition(name: str) -> Matrix:
        return matrices[name]

    bundles = [bundle for name in names for bundle in found[name]]
    return Site(
        matrix=matrix, editions=every, newest=newest, history=_history(names, matrices), changes=changes,
        evidence=evidence, of_edition=of_edition, kills=redacted(kills, redact),
        weekly=reading(redacted(weekly, redact), bundles) if weekly else None,
    )  # fmt: skip


def restricted(bundle: Bundle, lanes: set[str]) -> Bundle:
    """The part of a bundle that is about these lanes."""
    plan = msgspec.structs.replace(
        bundle.plan,
        schema=SCHEMA,  # editions of several releases are shown together
        lanes=[lane for lane in bundle.plan.lanes if lane.id in lanes],
        cells=[cell for cell in bundle.plan.cells if cell[0] in lanes],
    )
    return dataclasses.replace(
        bundle,
        plan=plan,
        lanes=tuple(record for record in bundle.lanes if record.lane in lanes),
        results=tuple(record for record in bundle.results if record.lane in lanes),
        benchmarks=tuple(record for record in bundle.benchmarks if record.lane in lanes),
        trends=tuple(record for record in bundle.trends if record.lane in lanes),
        counts=tuple(record for record in bundle.counts if record.lane in lanes),
    )


def _edition(name: str, bundles: Sequence[Bundle], refused: Sequence[str]) -> Edition:
    lanes = dict.fromkeys(lane.id for bundle in bundles for lane in bundle.plan.lanes)
    runs = dict.fromkeys(bundle.plan.run for bundle in bundles)
    return Edition(name, editions.day_of(name), tuple(lanes), tuple(runs), tuple(refused))


def _history(names: Sequence[str], matrices: dict[str, Matrix]) -> History:
    ran: dict[str, list[int]] = {}
    states: dict[tuple[str, str], list[State]] = {}
    for number, name in enumerate(names):
        matrix = matrices[name]
        for column in matrix.columns:
            ran.setdefault(column.lane.id, []).append(number)
        for row in matrix.rows:
            for column, cell, shown in zip(matrix.columns, row.cells, row.shown, strict=True):
                known = states.setdefault((column.lane.id, row.check.id), [])
                state = State(number, cell.verdict if cell else None, shown.value if cell else "",
                              bool(cell and cell.tally.flaky))  # fmt: skip
                if not known or dataclasses.replace(known[-1], edition=number) != state:
                    known.append(state)
    return History(tuple(names), ran, states)
