"""The run's output in the terminal: the header, and after the run a small table of lanes and families."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from roadworthy.engine_name import EngineName
from roadworthy.lane.lanes import Lane
from roadworthy.machines.machine import Machine
from roadworthy.reports.families import title
from roadworthy.reports.records import WITH_DIFFERENCE, WORST_FIRST, Result, Verdict
from roadworthy.reports.repeats import Tally, by_check, upper_bound, worst_of
from roadworthy.run.results import BundleWriter
from roadworthy.run.tables import tables

COLOURS = {
    "error": "red",
    "crash": "red",
    "hang": "red",
    "fail": "red",
    "fixed": "red",
    "known": "yellow",
    "pass": "green",
}


def header(lanes: Sequence[Lane], engine: EngineName, machine: Machine, fio: str) -> list[str]:
    """The lines under pytest's own header; making them starts nothing."""
    if not lanes:
        return []
    python = ".".join(map(str, sys.version_info[:3]))
    return [
        f"roadworthy: {len(lanes)} lane{'s' * (len(lanes) > 1)}, engine {engine}, kernel {machine.release}, "
        f"toolbox Python {python}, {fio or 'no fio'}",
        *(f"  lane {lane.id}: {lane.driver.name} on {lane.backing}" for lane in lanes),
    ]


def summary(reporter: Any, lanes: Sequence[Lane], bundle: BundleWriter, page: Path | None) -> None:
    """Write the verdict counts and times of each lane, then the families by lanes, and the benchmarks."""
    reporter.section("roadworthy", sep="=")
    width = max((len(lane.id) for lane in lanes), default=0)  # tests that are marked as skipped bring none up
    of_lanes: dict[str, list[Result]] = {}
    for result in bundle.results:
        of_lanes.setdefault(result.lane, []).append(result)
    for lane in lanes:
        mine = of_lanes.get(lane.id, [])
        rounds = by_check(mine)
        counts = Counter(worst_of(found).verdict for found in rounds.values())
        reporter.write(f"{lane.id:<{width}}")
        for verdict in WORST_FIRST:
            if counts[verdict]:
                beside = sum(worst_of(found).with_difference for found in rounds.values()) if verdict == "pass" else 0
                more = f" ({beside} {WITH_DIFFERENCE})" if beside else ""
                written(reporter, f"  {counts[verdict]} {verdict}{more}", verdict)
        record = next((found for found in bundle.lanes if found.lane == lane.id), None)
        if record is not None and record.state != "ready":
            reporter.write(f"  {record.state}: {record.reason}")
        reporter.write_line("")
        spent = dict(record.seconds) if record else {}
        if mine:
            spent["checks"] = sum(result.seconds for result in mine)
        reporter.write_line(" " * width + "  " + ", ".join(f"{name} {took:.1f} s" for name, took in spent.items()))
        for line in stability(rounds):
            reporter.write_line(line)
    if bundle.results:
        table(reporter, lanes, bundle)
    columns = [(lane.id, lane.driver.name) for lane in lanes]
    detail = reporter.config.option.verbose
    for line in tables(bundle.benchmarks, bundle.trends, bundle.counts, columns, detail):
        reporter.write_line(line)
    for sentence in bundle.void():
        reporter.write_line(f"void: {sentence}", red=True)
    reporter.write_line(f"bundle: {bundle.path}")
    if page is not None:
        reporter.write_line(f"page:   {page}")


def stability(rounds: Mapping[Any, Sequence[Result]]) -> Iterator[str]:
    """Yield lines on the flakiness of a lane's checks; none if each ran once."""
    tallies = {check: Tally.of(found) for (_, check), found in rounds.items()}
    most = max((tally.rounds for tally in tallies.values()), default=0)
    if most < 2:
        return
    odd = sum(tally.odd for tally in tallies.values())
    asked = sum(tally.rounds for tally in tallies.values())
    unsteady = {check: tally for check, tally in tallies.items() if tally.flaky}
    yield (
        f"{most} rounds of {len(tallies)} checks: {len(unsteady)} flaky; {odd} of {asked} verdicts differ, below "
        f"{upper_bound(odd, asked):.2g} over all at 95 %, and a check that never did below {upper_bound(0, most):.2g}"
    )
    for check, tally in unsteady.items():
        yield f"  flaky: {check}: {tally}; {tally.sentence()}"


def written(reporter: Any, text: str, verdict: Verdict) -> None:
    """Write in the verdict's colour; without a terminal the reporter leaves colours out."""
    colour = COLOURS.get(verdict)
    reporter.write(text, **({colour: True} if colour else {}))


def table(reporter: Any, lanes: Sequence[Lane], bundle: BundleWriter) -> None:
    """Write the worst verdict of each family on each lane: one row a family, the worst first; one column a lane."""
    worst: dict[tuple[str, str], Verdict] = {}
    for result in bundle.results:
        key = (result.check.partition("/")[0], result.lane)
        worst[key] = min(worst.get(key, "missing"), result.verdict, key=WORST_FIRST.index)
    families = sorted({family for family, _ in worst})
    families.sort(key=lambda family: min(WORST_FIRST.index(worst.get((family, lane.id), "missing")) for lane in lanes))
    alone = len({lane.driver.name for lane in lanes}) == len(lanes)
    names = [lane.driver.name if alone else lane.id for lane in lanes]
    left = max(len(title(family)) for family in [*families, "family"])
    widths = [max(len(name), len("unsupported")) for name in names]
    columns = list(zip(lanes, names, widths, strict=True))
    reporter.write_line("")
    reporter.write_line(f"{'family':<{left}}" + "".join(f"  {name:<{width}}" for _, name, width in columns))
    for family in families:
        reporter.write(f"{title(family):<{left}}")
        for lane, _, width in columns:
            verdict = worst.get((family, lane.id), "missing")
            written(reporter, f"  {verdict:<{width}}", verdict)
        reporter.write_line("")
    reporter.write_line("")
