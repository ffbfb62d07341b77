"""Read one edition: its cells, its numbers, its runs, and the bundles themselves as they may be published."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from roadworthy.reports.bundle import Bundle, BundleRefused, read_bundle
from roadworthy.reports.matrix import run_of
from roadworthy.reports.published import published
from roadworthy.reports.records import Verdict
from roadworthy.reports.redaction import Redaction
from roadworthy.reports.repeats import by_check, worst_of
from roadworthy.reports.series import Series, series
from roadworthy.reports.site.editions import Edition, Found, day_of, is_text
from roadworthy.reports.site.slim import slim
from roadworthy.reports.text import visible

Cell = tuple[str, str]


@dataclass(frozen=True)
class Read:
    """One edition. `cells` has for each cell with a verdict whether its rounds disagree, and the reason.

    `unreported` has a reason for each planned cell of a lane that was up and never reported it; `up` are the lanes that
    were up, `down` the others with a reason. `bundles` are slim and published.
    """

    edition: Edition
    cells: Mapping[Cell, tuple[Verdict, bool, str]]
    unreported: Mapping[Cell, str]
    up: tuple[str, ...]
    down: Mapping[str, str]
    series: tuple[Series, ...]
    bundles: tuple[Bundle, ...]

    @property
    def asked(self) -> tuple[str, ...]:
        """The lanes that were up and asked any check; others were measured only."""
        lanes = {lane for lane, _ in (*self.cells, *self.unreported)}
        return tuple(lane for lane in self.up if lane in lanes)


def read(root: Path, found: Found, redact: Redaction, whole: bool) -> Read:
    """Read all bundles of an edition; `whole` says whether more of their results is needed than verdicts of cells."""
    bundles, refused = good(root, found, redact)
    kept, newest = [], sorted(bundles, key=lambda one: (one.started, one.plan.run, one.file))
    every = []
    for bundle in newest:
        # Its results are published where they are needed; all that the rest needs of them are ids and verdicts.
        if whole:
            shown = published(slim(bundle), redact)
            kept.append(shown)
        else:
            shown = published(dataclasses.replace(bundle, results=()), redact)
        every.append(shown)
    up = _up(newest, redact)
    cells = dict(_cells(newest, redact))
    return Read(
        edition=Edition(
            name=found.name,
            day=day_of(found.name),
            lanes=tuple(dict.fromkeys(lane.id for bundle in every for lane in bundle.plan.lanes)),
            runs=tuple(dataclasses.replace(run_of(shown), reported=len(bundle.results))
                       for shown, bundle in zip(every, newest, strict=True)),
            refused=tuple(refused),
        ),
        cells=cells,
        unreported={
            cell: redact(_said(bundle, cell[0])) for bundle in every for cell in bundle.plan.cells
            if cell[0] in up and cell not in cells
        },
        up=tuple(up),
        down={lane.id: _said(bundle, lane.id) for bundle in every for lane in bundle.plan.lanes if lane.id not in up},
        series=series(every),
        bundles=tuple(kept),
    )  # fmt: skip


def good(root: Path, found: Found, redact: Redaction) -> tuple[list[Bundle], list[str]]:
    """The bundles of an edition that can be read, of one schema, the newest's, and why others are left out."""
    bundles: list[Bundle] = []
    refused = []
    for file in found.files:
        if not is_text(str(file)):
            refused.append(f"{visible(str(file.relative_to(root)))}: expected a path that is text")
            continue
        try:
            bundle = read_bundle(file.parent)  # which refuses a file that is a link
        except BundleRefused as reason:
            refused.append(redact(str(reason).replace(f"{root}/", "", 1)))
        else:
            bundles.append(dataclasses.replace(bundle, file=str(file.relative_to(root))))
    schema = max(bundles, key=lambda bundle: bundle.started).plan.schema if bundles else ""
    for bundle in bundles:
        if bundle.plan.schema != schema:
            said = f"{visible(bundle.file)}: expected schema {schema}, found {bundle.plan.schema}"
            refused.append(redact(said))
    return [bundle for bundle in bundles if bundle.plan.schema == schema], refused


def _up(bundles: Sequence[Bundle], redact: Redaction) -> dict[str, None]:
    ready = (record.lane for bundle in bundles for record in bundle.lanes if record.state == "ready")
    asked = (result.lane for bundle in bundles for result in bundle.results)
    return dict.fromkeys(map(redact, dict.fromkeys([*ready, *asked])))


def _cells(bundles: Sequence[Bundle], redact: Redaction) -> Iterator[tuple[Cell, tuple[Verdict, bool, str]]]:
    """Each cell with a verdict; of several bundles that have one the last counts, as on a run's page."""
    for bundle in bundles:
        for (lane, check), rounds in by_check(bundle.results).items():
            worst = worst_of(rounds) if len(rounds) > 1 else rounds[0]
            wavering = len(rounds) > 1 and len({one.verdict for one in rounds}) > 1
            yield (redact(lane), redact(check)), (worst.verdict, wavering, worst.reason)


def _said(bundle: Bundle, lane: str) -> str:
    """Why a lane is not ready, in the words of its last record."""
    record = next((one for one in reversed(bundle.lanes) if one.lane == lane), None)
    if record is None:
        return "it never reported that it came up"
    return "" if record.state == "ready" else f"{record.state}: {record.reason}"
