"""`roadworthy bench`: compare, analyse and record benchmarks of several runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from roadworthy.command.exits import FOUND, GOOD
from roadworthy.command.mistakes import Commands, bundles_in, good_bundles_in, tell_refused
from roadworthy.command.run import run_benchmarks
from roadworthy.measuring.reanalysis import differences
from roadworthy.measuring.recording import record as recorded
from roadworthy.programs import ProgramFailed
from roadworthy.reports import breaks, changes
from roadworthy.reports.bundle import Bundle
from roadworthy.reports.extra import ANALYSIS, SERIES, lacking
from roadworthy.reports.series import Night, Series, series
from roadworthy.reports.text import counted, visible
from roadworthy.reports.units import exact, number

PLACE = click.Path(exists=True, path_type=Path)
#: How many facts of an environment the terminal names; --json has all of them.
NAMED_FACTS = 3


@click.group(cls=Commands)
def bench() -> None:
    """Run benchmarks, and compare those of several runs."""


bench.add_command(run_benchmarks)


@bench.command()
@click.argument("before", type=PLACE)
@click.argument("after", type=PLACE)
@click.option("--all", "everything", is_flag=True, help="Also list what did not change.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for a program.")
def compare(before: Path, after: Path, everything: bool, as_json: bool) -> None:
    """Compare the benchmarks of two runs, BEFORE and AFTER: bundles, or directories that hold some.

    Counts are compared exactly, within the tolerance that a count declares. Times are compared as ratios to native with
    their intervals, corrected for the number of comparisons; a change of less than a tenth counts as none. If kernel,
    engine, tools, options or machine differ too, a change of a time is called "environment", and the facts are named.

    The exit status is 1 if a count changed or a time regressed.
    """
    refuse_without(ANALYSIS)
    found = changes.compare(_series([before])[0], _series([after])[0])
    alerts = [change for change in found if change.outcome in changes.ALERTS]
    if as_json:
        click.echo(json.dumps([_change(change) for change in found], indent=2))
        raise SystemExit(FOUND if alerts else GOOD)
    if not found:
        raise click.UsageError("neither run has benchmarks, so nothing was compared; name runs of pytest bench")
    shown = [change for change in found if everything or change.outcome != "unchanged"]
    rows = [
        (change.outcome, change.series.benchmark, change.series.metric, change.series.lane,
         _night(change.series, change.before), _night(change.series, change.after), _factor(change),
         _sure(change) or change.reason)
        for change in shown
    ]  # fmt: skip
    _table(("verdict", "benchmark", "metric", "lane", "before", "after", "change", "chance, or why not"), rows)
    _explain([(change.series.name, change.environment) for change in shown if change.outcome != "undecided"])
    tally = {outcome: sum(change.outcome == outcome for change in found) for outcome in changes.OUTCOMES}
    click.echo(", ".join(f"{count} {outcome}" for outcome, count in tally.items() if count))
    raise SystemExit(FOUND if alerts else GOOD)


@bench.command(name="series")
@click.argument("bundles", nargs=-1, required=True, type=PLACE)
@click.option(
    "--news", metavar="NIGHTS", type=click.IntRange(min=1), default=7, show_default=True,
    help="For how many nights an alert makes the exit status 1.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for a program.")
def over_time(bundles: tuple[Path, ...], news: int, as_json: bool) -> None:
    """Find what changed over many nights: BUNDLES, or directories that hold some, in any order.

    A count that changes is reported at once. A time has to change by a tenth for three nights, in a series of at least
    fourteen; a single last night is reported if its whole interval is beyond 1.25, and needs a second run to confirm
    it. A change of the environment splits a series, and a change at the split is called "environment".

    The exit status is 1 if a regression, a changed count or an alarm is younger than --news nights, or if a bundle
    cannot be read, which is left out and named.
    """
    refuse_without(SERIES)
    read, refused = good_bundles_in(bundles)
    tell_refused(refused)
    found = series(read)
    read.sort(key=lambda bundle: bundle.started)
    broken = breaks.breaks(found)
    alerts = [one for one in broken if one.what in breaks.ALERTS and one.age < news]
    if as_json:
        click.echo(json.dumps([_break(one) for one in broken], indent=2))
        raise SystemExit(FOUND if alerts or refused else GOOD)
    short = sum(breaks.too_short(one) for one in found)
    click.echo(f"{len(found)} series of {counted(len(read), 'run')}, {read[0].plan.started} to {read[-1].plan.started}")
    if short:
        click.echo(f"too short for change points, which take {breaks.LEAST_NIGHTS} nights: {short} series of times")
    rows = [
        (one.what, one.night.started, one.series.benchmark, one.series.metric, one.series.lane,
         _value(one.series, one.before), _value(one.series, one.after),
         f"{one.after / one.before:.2f}" if one.before else "", "" if one.chance is None else f"{one.chance:.1e}")
        for one in broken
    ]  # fmt: skip
    _table(("what", "since", "benchmark", "metric", "lane", "before", "after", "change", "chance"), rows)
    _explain([(one.series.name, one.environment) for one in broken])
    click.echo(f"{len(alerts)} alerts of the last {news} nights" if alerts else f"no alert in the last {news} nights")
    raise SystemExit(FOUND if alerts or refused else GOOD)


@bench.command()
@click.argument("bundles", nargs=-1, required=True, type=PLACE)
def analyse(bundles: tuple[Path, ...]) -> None:
    """Analyse the stored samples of BUNDLES again, or of directories that hold some, and compare with what was stored.

    Equal samples give equal numbers and verdicts, bit for bit and on any machine. The exit status is 1 if one differs,
    for instance after a change of the method or of a record.
    """
    refuse_without(ANALYSIS)
    _, read = _series(bundles)
    found = [sentence for bundle in read for sentence in differences(bundle)]
    for sentence in found:
        click.echo(visible(sentence, 400))
    analysed = sum(len(bundle.benchmarks) for bundle in read)
    if not analysed:
        raise click.UsageError("these runs have no benchmarks, so nothing was analysed; name runs of pytest bench")
    click.echo(f"{counted(analysed, 'record')} analysed again, {len(found) or 'no'} differences")
    raise SystemExit(FOUND if found else GOOD)


@bench.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Record what a program does to files, as a trace.",
)  # fmt: skip
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def record(directory: Path, command: tuple[str, ...]) -> None:
    """Run COMMAND in DIRECTORY, which it may change, and print a trace of what it and its children do to files there.

    Save the output as workloads/traces/NAME.toml; a benchmark replays it call by call on an image's files and on a
    volume's. It holds the names and sizes of the tree as it was before, and no contents. Needs strace.

    \b
    roadworthy bench record REPOSITORY git commit -q -a -m text >workloads/traces/my-commit.toml
    """
    try:
        click.echo(recorded(directory, command), nl=False)
    except ProgramFailed as reason:
        _, found, said = str(reason).rpartition(" ended with ")
        raise click.ClickException(f"{command[0]}{found}{said}") from None


def refuse_without(packages: tuple[str, ...]) -> None:
    """Raise UsageError if a package is missing that numbers are analysed with."""
    if reason := lacking(packages):
        raise click.UsageError(reason)


def _series(places: Sequence[Path]) -> tuple[tuple[Series, ...], list[Bundle]]:
    """The series of all bundles in these places, and the bundles, the oldest first. Raises UsageError."""
    read = bundles_in(places)
    return series(read), sorted(read, key=lambda bundle: bundle.started)


def _night(of: Series, night: Night | None) -> str:
    if night is None or night.withheld:
        return "none" if night is None else "withheld"
    if of.kind == "count":
        return exact(night.value, of.unit)
    return f"{number(night.value)} ({number(night.low)} to {number(night.high)})"


def _value(of: Series, value: float) -> str:
    return exact(value, of.unit) if of.kind == "count" else number(value)


def _factor(change: changes.Change) -> str:
    if change.factor is None:
        return ""
    between = "" if change.low is None or change.high is None else f" ({change.low:.2f} to {change.high:.2f})"
    return f"{change.factor:.2f}{between}"


def _sure(change: changes.Change) -> str:
    return "" if change.chance is None else f"{change.chance:.2g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, with texts from bundles made safe to show, each on one line."""
    cleaned = [[" ".join(visible(cell, 120).split()) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(head, *cleaned, strict=True)]
    for row in [list(head), *cleaned] if cleaned else []:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _explain(named: Sequence[tuple[str, tuple[str, ...]]]) -> None:
    """Print each difference of environments once, with the number of series that it concerns."""
    concerned: dict[tuple[str, ...], list[str]] = {}
    for name, environment in named:
        if environment:
            concerned.setdefault(environment, []).append(name)
    for environment, names in concerned.items():
        facts = "; ".join(visible(fact, 200) for fact in environment[:NAMED_FACTS])
        more = len(environment) - NAMED_FACTS
        whom = visible(names[0]) if len(names) == 1 else f"{len(names)} of them"
        click.echo(f"the environment of {whom} differs: {facts}" + (f"; and {more} more facts" if more > 0 else ""))


def _plain(of: Series) -> dict[str, Any]:
    return {"kind": of.kind, "benchmark": of.benchmark, "lane": of.lane, "metric": of.metric, "unit": of.unit}


def _numbers(night: Night | None) -> list[float] | None:
    return None if night is None or night.withheld else [night.value, night.low, night.high]


def _change(change: changes.Change) -> dict[str, Any]:
    return {
        **_plain(change.series), "before": _numbers(change.before), "after": _numbers(change.after),
        "factor": change.factor, "interval": [change.low, change.high], "chance": change.chance,
        "verdict": change.outcome, "environment": list(change.environment), "reason": change.reason,
    }  # fmt: skip


def _break(one: breaks.Break) -> dict[str, Any]:
    return {
        **_plain(one.series), "what": one.what, "run": one.night.run, "since": one.night.started, "before": one.before,
        "after": one.after, "chance": one.chance, "age": one.age, "environment": list(one.environment),
    }  # fmt: skip
