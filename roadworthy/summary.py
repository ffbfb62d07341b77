"""What a person reads in the terminal: the header, and after the run a small table of lanes and families."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from reports.records import WORST_FIRST, LaneRecord, Record
from roadworthy.lanes import Lane
from roadworthy.machines.host import Host
from roadworthy.results import BundleWriter

COLOURS = {"error": "red", "crash": "red", "hang": "red", "fail": "red", "fixed": "red", "known": "yellow", "pass": "green"}


def header(lanes: Sequence[Lane], engine: str, machine: Host, fio: str) -> list[str]:
    """The lines under pytest's own header. Nothing is started for them."""
    if not lanes:
        return []
    python = ".".join(map(str, sys.version_info[:3]))
    return [
        f"roadworthy: {len(lanes)} lane{'s' * (len(lanes) > 1)}, engine {engine}, kernel {machine.release}, "
        f"toolbox Python {python}, {fio or 'no fio'}",
        *(f"  lane {lane.id}: {lane.driver.name} on {lane.backing}" for lane in lanes),
    ]


def summary(reporter: Any, lanes: Sequence[Lane], bundle: BundleWriter, page: Path | None) -> None:
    """Lanes by families, each cell the worst verdict and how many checks it has; then where the time went."""
    reporter.section("roadworthy", sep="=")
    families = sorted({result.check.partition("/")[0] for result in bundle.results})
    width = max([len(lane.id) for lane in lanes] + [4])
    for lane in lanes:
        mine = [result for result in bundle.results if result.lane == lane.id]
        counts = Counter(result.verdict for result in mine)
        reporter.write(f"{lane.id:<{width}}  ")
        said = [(verdict, counts[verdict]) for verdict in WORST_FIRST if counts[verdict]]
        for verdict, count in said:
            colour = COLOURS.get(verdict)
            reporter.write(f"{count} {verdict}  ", **({colour: True} if colour else {}))
        reporter.write_line("" if said else "nothing reported")
        times = seconds(bundle.path, lane.id)
        times["checks"] = sum(result.seconds for result in mine)
        reporter.write_line(" " * width + "  " + ", ".join(f"{name} {spent:.1f} s" for name, spent in times.items()))
    table(reporter, lanes, families, bundle)
    reporter.write_line(f"bundle: {bundle.path}")
    if page is not None:
        reporter.write_line(f"page:   {page}")


def table(reporter: Any, lanes: Sequence[Lane], families: Sequence[str], bundle: BundleWriter) -> None:
    """One row a family, the worst first; one column a lane: the worst verdict of the family there."""
    worst: dict[tuple[str, str], str] = {}
    for result in bundle.results:
        key = (result.check.partition("/")[0], result.lane)
        worst[key] = min(worst.get(key, "missing"), result.verdict, key=lambda verdict: WORST_FIRST.index(verdict))  # type: ignore[arg-type]
    names = [lane.driver.name if len({other.driver for other in lanes}) == len(lanes) else lane.id for lane in lanes]
    left = max([len(family) for family in families] + [6])
    widths = [max(len(name), 11) for name in names]
    reporter.write_line("")
    reporter.write_line("  ".join([f"{'family':<{left}}", *(f"{name:<{w}}" for name, w in zip(names, widths, strict=True))]))
    order = {verdict: at for at, verdict in enumerate(WORST_FIRST)}
    ranked = sorted(families, key=lambda family: min(order[worst.get((family, lane.id), "missing")] for lane in lanes))  # type: ignore[index]
    for family in ranked:
        reporter.write(f"{family:<{left}}")
        for lane, w in zip(lanes, widths, strict=True):
            verdict = worst.get((family, lane.id), "missing")
            colour = COLOURS.get(verdict)
            reporter.write(f"  {verdict:<{w}}", **({colour: True} if colour else {}))
        reporter.write_line("")


def seconds(path: Path, lane: str) -> dict[str, float]:
    """Where a lane's time went before its checks, from its record."""
    decoder = msgspec.json.Decoder(Record)
    for line in path.read_bytes().splitlines():
        if line.startswith(b'{"type":"lane"'):
            record = decoder.decode(line)
            if isinstance(record, LaneRecord) and record.lane == lane:
                return dict(record.seconds)
    return {}
