"""The command `roadworthy bisect`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from roadworthy.command.answer import Answer, Fields, Line, Part, Table, Title, answers, tell
from roadworthy.command.completion import checks_like
from roadworthy.command.exits import NO_ANSWER
from roadworthy.command.recorded import cells, from_bundles, of_runs, read
from roadworthy.command.recording import recorded
from roadworthy.command.subject import subject
from roadworthy.engines.dockerd import installed_engine
from roadworthy.lane.lanes import Lane, LaneError, words
from roadworthy.lane.matrix_file import lanes_named
from roadworthy.machines.host import Host
from roadworthy.reports.bundle import Bundle
from roadworthy.reports.cases import case
from roadworthy.reports.matrix import SILENT, Matrix, build
from roadworthy.reports.records import Verdict
from roadworthy.reports.shows import last

#: Verdicts that say nothing about the series.
NOTHING: frozenset[Verdict] = SILENT | {"error"}


@click.command()
@click.option("--check", required=True, metavar="CHECK", shell_complete=checks_like, help="The check to ask.")
@click.option("--kernels", metavar="SERIES,SERIES", help="Kernels, the oldest first: 5.10,6.1,6.12.")
@click.option("--engines", metavar="NAME,NAME", help="Engines, the oldest first: docker-20.10,docker-28.5.")
@click.option("--driver", default="overlay2", show_default=True, help="The storage driver.")
@click.option("--backing", help="The file system under the data root. Default: the first that the driver accepts.")
@click.option("--engine", help="The engine of all kernels.")
@click.option("--kernel", help="The kernel of all engines.")
@click.option("--observed", metavar="NAME", help="Compare what the check has seen under this name, not its verdict.")
@click.option("--all", "every", is_flag=True, help="Ask every series, also where the first and the last one agree.")
@click.option("--only-recorded", is_flag=True, help="Run nothing: answer from recorded results alone.")
@from_bundles
@answers
def bisect(
    check: str, kernels: str | None, engines: str | None, driver: str, backing: str | None, engine: str | None,
    kernel: str | None, observed: str | None, every: bool, only_recorded: bool, bundles: tuple[Path, ...],
    form: str | None,
) -> None:  # fmt: skip
    """Find the first kernel or engine on which a check's verdict changes, or what it has seen.

    Series that recorded results know are not run again. Of the others, the first and the last one are run, and if they
    differ the one in the middle, and so on: each takes as long as one check on that lane, some seconds with an engine
    root and some minutes with a kernel that boots in a virtual machine.

    \b
    roadworthy bisect --check=copyup/fileattr-flags-kept --kernels=5.10,6.1,6.12,7.2
    roadworthy bisect --check=copyup/chmod-copies-data --engines=docker-20.10,docker-28.5 --observed="space taken"

    Where a verdict changes more than once, --all finds every change.

    Exit status: 0, also if nothing changes; 3 if the check has no verdict at one of the ends; 4 for a mistake on the
    command line.
    """
    named = subject(check)
    if named is None or named.lane:
        raise click.UsageError(f"--check: {check!r} is not a check, as in rename/merged-dir")
    axis, series = series_of(kernels, engines)
    lanes = [lane_of(axis, one, driver, backing, engine, kernel) for one in series]
    known = read(bundles)
    search = Search(named.check, lanes, observed or "", known, not only_recorded)
    places = search.every() if every else search.bisected()
    tell(answer(search, series, places, axis), form)
    if search.at(0) is None or search.at(len(lanes) - 1) is None:
        raise SystemExit(NO_ANSWER)


def series_of(kernels: str | None, engines: str | None) -> tuple[str, list[str]]:
    """The axis, and its series in the order given. Raises UsageError."""
    if (kernels is None) == (engines is None):
        raise click.UsageError("name the series with --kernels or with --engines, and not both")
    axis = "kernel" if kernels is not None else "engine"
    series = words([kernels or engines or ""])
    if len(series) < 2:
        raise click.UsageError(f"--{axis}s: name two series at least, the oldest first")
    return axis, series


def lane_of(
    axis: str, one: str, driver: str, backing: str | None, engine: str | None, kernel: str | None
) -> Lane:  # fmt: skip
    """The lane of one series. Raises UsageError."""
    if (engine if axis == "engine" else kernel) is not None:
        raise click.UsageError(f"--{axis} names one, and --{axis}s several; leave one of them out")
    named: dict[str, tuple[str, ...]] = {
        "driver": (driver,), "backing": (backing,) if backing else (), "engine": (engine,) if engine else (),
        "kernel": (kernel,) if kernel else (), "driver_opt": (), "kernel_opt": (),
    }  # fmt: skip
    named[axis] = (one,)
    try:
        (lane, *others) = lanes_named(named, None, installed_engine(), Host().kernel)
    except LaneError as reason:
        raise click.UsageError(str(reason)) from None
    if others:
        raise click.UsageError(f"expected one lane for {one}, got {len(others) + 1}: name one driver and one backing")
    return lane


@dataclass(frozen=True)
class Found:
    """What a check has said on one series: a value for each of its cases, and where that comes from."""

    values: Mapping[str, str]
    source: str

    @property
    def words(self) -> str:
        """The values in words: the one that all cases have, or each case with its own."""
        each = list(dict.fromkeys(self.values.values()))
        if len(each) == 1:
            return each[0]
        return ", ".join(f"{case}: {value}" for case, value in self.values.items())


class Search:
    """Asks a check on series of lanes, each at most once. `ask` is false if nothing may be run."""

    def __init__(self, check: str, lanes: Sequence[Lane], observed: str, known: Sequence[Bundle], ask: bool) -> None:
        self.check, self.lanes, self.observed = check, lanes, observed
        self._ask = ask
        self._found: dict[int, Found | None] = {}
        self.reasons: dict[int, str] = {}
        matrix = of_runs(known)
        for place, lane in enumerate(lanes):
            found = self._of(matrix, lane, "recorded") if matrix else None
            if found is not None:
                self._found[place] = found

    def at(self, place: int) -> Found | None:
        """What the check says there; None if it has no verdict. It is run if nothing is recorded."""
        if place not in self._found:
            self._found[place] = self._run(place) if self._ask else None
            self.reasons.setdefault(place, "no recorded result has it")
        return self._found[place]

    def seen(self, place: int) -> Found | None:
        """What is known of a series without asking."""
        return self._found.get(place)

    def bisected(self) -> list[int]:
        """The place of the first change between two ends that differ, found by halving; empty if they agree."""
        low, high = 0, len(self.lanes) - 1
        first, last = self.at(low), self.at(high)
        if first is None or last is None or first.values == last.values:
            return []
        while high - low > 1:
            middle = (low + high) // 2
            found = self.at(middle)
            if found is None:  # the change lies on one side of it, and nobody knows on which: ask its neighbour
                return self.every()
            low, high = (middle, high) if found.values == first.values else (low, middle)
        return [high]

    def every(self) -> list[int]:
        """The places of all changes from the nearest earlier series with a verdict."""
        changes, before = [], None
        for place in range(len(self.lanes)):
            found = self.at(place)
            if found is not None and before is not None and found.values != before.values:
                changes.append(place)
            before = found or before
        return changes

    def _run(self, place: int) -> Found | None:
        lane = self.lanes[place]
        said = recorded([*lane.words(), "-k", self.check], f"running {self.check} on {lane.id}")
        found = self._of(build([said.bundle]), lane, "run now") if said.bundle else None
        if found is None:
            records = said.bundle.lanes if said.bundle else ()
            reason = next((one.reason for one in records if one.reason), said.said or "it has no verdict there")
            self.reasons[place] = reason.splitlines()[-1] if reason.strip() else "it has no verdict there"
        return found

    def _of(self, matrix: Matrix, lane: Lane, source: str) -> Found | None:
        values: dict[str, str] = {}
        for one in cells(matrix, self.check, lane.id):
            if one.cell.verdict in NOTHING:
                continue
            seen = last(one.cell.result.observations) if one.cell.result else {}
            value = seen.get(self.observed) if self.observed else one.cell.verdict
            if value is not None:
                values[case(one.check.id)] = value
        return Found(values, source) if values else None


def answer(search: Search, series: Sequence[str], places: Sequence[int], axis: str) -> Answer:
    what = f"{search.observed!r}" if search.observed else "verdict"
    rows, data = [], []
    for place, one in enumerate(series):
        found = search.seen(place)
        said = found.words if found else "not measured" if place in search.reasons else "not asked"
        source = found.source if found else search.reasons.get(place, "")
        rows.append((one, search.lanes[place].id, said, source))
        data.append({"series": one, "lane": search.lanes[place].id, "values": dict(found.values) if found else None,
                     "source": source})  # fmt: skip
    changes: list[dict[str, Any]] = []
    parts: list[Part] = [Title(search.check), Table((axis, "lane", what, "from"), rows)]
    for place in places:
        before = next(number for number in range(place - 1, -1, -1) if search.seen(number))
        old, new = search.seen(before), search.seen(place)
        assert old is not None
        assert new is not None
        changes.append({"first": series[place], "last_before": series[before], "before": dict(old.values),
                        "after": dict(new.values)})  # fmt: skip
        pairs = [("first changed", f"{series[place]}: {new.words}"), ("before", f"{series[before]}: {old.words}")]
        parts.append(Fields(pairs))
    if not places:
        ends = search.seen(0) and search.seen(len(series) - 1)
        agree = f"the {what} does not differ between {series[0]} and {series[-1]}"
        parts.append(Line(agree if ends else "no answer: the check has no verdict at one of the ends"))
    return Answer({"check": search.check, "axis": axis, "observed": search.observed, "series": data,
                   "changes": changes}, parts)  # fmt: skip
