"""The command `roadworthy recommend`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from roadworthy.command.answer import Answer, Line, Part, Table, Title, answers, tell
from roadworthy.command.exits import NO_ANSWER
from roadworthy.command.recorded import from_bundles, of_runs, read
from roadworthy.reports.cases import base
from roadworthy.reports.comparisons import workload
from roadworthy.reports.matrix import REFERENCE, Matrix
from roadworthy.reports.nearest import hint
from roadworthy.reports.records import Benchmark
from roadworthy.reports.text import counted
from roadworthy.reports.units import number
from roadworthy.verdict import questions
from roadworthy.verdict.questions import Question, is_of

QUESTIONS = Path(__file__).parents[1] / "conformance/questions.toml"
#: Verdicts that answer a question, each with whether the promise is kept; others say nothing.
KEPT = {"pass": True, "fixed": True, "known": False, "fail": False, "crash": False, "hang": False}


@click.command()
@click.argument("needs", nargs=-1, metavar="[NEED]...")
@from_bundles
@answers
def recommend(needs: tuple[str, ...], bundles: tuple[Path, ...], form: str | None) -> None:
    """Say which recorded lanes keep what a workload NEEDs, and what it costs there.

    Answers come from recorded results alone, each with its cells; what they do not have is "not measured". Lanes that
    keep everything come first. Without a NEED, each question is asked at the terminal; in a pipe they are listed.

    \b
    roadworthy recommend directories large-files --bundle=bundles/nightly

    Exit status: 0 if a lane keeps everything, 3 if none does or not everything was measured, 4 for a mistake on the
    command line.
    """
    known = {question.name: question for question in questions.load(QUESTIONS)}
    for need in needs:
        if need not in known:
            raise click.UsageError(f"no need {need!r}{hint(need, list(known))}")
    if not needs and not sys.stdin.isatty():
        tell(listed(list(known.values())), form)
        return
    chosen = [known[need] for need in dict.fromkeys(needs)] or [one for one in known.values() if asked(one)]
    matrix = of_runs(read(bundles))
    if matrix is None or not chosen:
        said = (
            "nothing is needed: every driver will do" if matrix else "no recorded results here: name them with --bundle"
        )
        tell(Answer({"needs": [one.name for one in chosen], "lanes": []}, [Line(said)]), form)
        raise SystemExit(NO_ANSWER)
    found = sorted(judged(matrix, chosen), key=lambda lane: (lane.broken, lane.unmeasured))
    tell(answer(chosen, found), form)
    if not found or found[0].broken or found[0].unmeasured:
        raise SystemExit(NO_ANSWER)


def asked(question: Question) -> bool:
    return click.confirm(question.asks, default=False, err=True)


def listed(known: Sequence[Question]) -> Answer:
    rows = [(one.name, one.asks) for one in known]
    data = {"questions": [{"need": one.name, "asks": one.asks, "checks": list(one.checks),
                           "benchmarks": list(one.benchmarks)} for one in known]}  # fmt: skip
    return Answer(data, [Table(("need", "name it if the answer is yes"), rows)])


@dataclass(frozen=True)
class OfNeed:
    """What a lane says to one question: its cells, by what they say, and its costs."""

    question: Question
    kept: tuple[str, ...]
    broken: tuple[str, ...]
    #: Checks and families of the question that no recorded run has asked on this lane.
    missing: tuple[str, ...]
    costs: tuple[tuple[str, Benchmark], ...]

    @property
    def words(self) -> str:
        """In a few words: kept, broken, or not measured, each with how many cells say so."""
        asked = len(self.kept) + len(self.broken)
        if not asked:
            return "not measured" if self.missing else "cannot be asked"
        said = f"{len(self.broken)} of {asked} broken" if self.broken else f"kept, {counted(asked, 'cell')}"
        return said + (f"; {len(self.missing)} not measured" if self.missing else "")


@dataclass(frozen=True)
class OfLane:
    """What a lane says to all questions."""

    lane: str
    needs: tuple[OfNeed, ...]

    @property
    def broken(self) -> int:
        """How many needs it does not meet."""
        return sum(bool(need.broken) for need in self.needs)

    @property
    def unmeasured(self) -> int:
        return sum(bool(need.missing) or not (need.kept or need.broken) for need in self.needs)


def judged(matrix: Matrix, chosen: Sequence[Question]) -> list[OfLane]:
    """Every lane but the reference."""
    return [
        OfLane(column.lane.id, tuple(of_need(matrix, place, question) for question in chosen))
        for place, column in enumerate(matrix.columns) if column.lane.driver != REFERENCE
    ]  # fmt: skip


def of_need(matrix: Matrix, place: int, question: Question) -> OfNeed:
    found = [(row.check.id, row.cells[place]) for row in matrix.rows if question.asks_check(row.check.id)]
    verdicts = {check: cell.verdict for check, cell in found if cell is not None}
    # A check that is unsupported on a lane was asked there, and the promise makes no sense on it.
    asked = [check for check, verdict in verdicts.items() if verdict in KEPT or verdict == "unsupported"]
    lane = matrix.columns[place].lane.id
    costs = [
        (comparison.workload, record)
        for comparison in matrix.comparisons if any(named(comparison.workload, one) for one in question.benchmarks)
        for where, _, record in comparison.records
        if where.id == lane and not record.unpublished and record.verdict != "invalid"
    ]  # fmt: skip
    return OfNeed(
        question,
        tuple(check for check, verdict in verdicts.items() if KEPT.get(verdict) is True),
        tuple(check for check, verdict in verdicts.items() if KEPT.get(verdict) is False),
        tuple(one for one in question.checks if not any(is_of(check, one) for check in asked)),
        tuple(costs),
    )


def named(benchmark: str, wanted: str) -> bool:
    """Whether a benchmark's id, with a stratum or a point, is of the wanted one."""
    return f"{workload(benchmark)}/".startswith(f"{wanted}/")


def answer(chosen: Sequence[Question], found: Sequence[OfLane]) -> Answer:
    best = [lane for lane in found if not lane.broken and not lane.unmeasured]
    if best:
        names = ", ".join(one.lane for one in best)
        said = f"{len(best)} of {counted(len(found), 'recorded lane')} keep all of this: {names}"
    else:
        said = f"no recorded lane of {len(found)} is known to keep all of this; the first comes nearest"
    parts: list[Part] = [Title(", ".join(one.name for one in chosen)), Line(said)]
    head = ("lane", *(one.name for one in chosen))
    parts.append(Table(head, [(lane.lane, *(need.words for need in lane.needs)) for lane in found]))
    broken = [
        (lane.lane, need.question.name, brief(need.broken)) for lane in found for need in lane.needs if need.broken
    ]
    if broken:
        parts += [Title("what is broken"), Table(("lane", "need", "checks"), broken)]
    costs = [
        (lane.lane, name, record.metric, f"{number(record.ratio)} ({number(record.ratio_low)} to "
         f"{number(record.ratio_high)})", record.verdict)
        for lane in found for need in lane.needs for name, record in need.costs
    ]  # fmt: skip
    wanted = [one for question in chosen for one in question.benchmarks]
    if costs:
        parts += [Title("what it costs, as a ratio to a plain volume"),
                  Table(("lane", "benchmark", "metric", "ratio", "verdict"), costs)]  # fmt: skip
    missing = [one for one in wanted if not any(named(row[1], one) for row in costs)]
    lacking = [(lane.lane, need.question.name, ", ".join(need.missing))
               for lane in found for need in lane.needs if need.missing]  # fmt: skip
    if lacking:
        parts += [Title("what was not measured"), Table(("lane", "need", "checks"), lacking)]
    if missing:
        parts.append(Line(f"costs that were not measured: {', '.join(missing)}"))
    return Answer({"needs": [one.name for one in chosen], "best": [one.lane for one in best],
                   "lanes": [as_data(lane) for lane in found], "not_measured": missing}, parts)  # fmt: skip


def brief(checks: Sequence[str]) -> str:
    """The checks by their ids, each with how many of its cases."""
    cases = Counter(map(base, checks))
    return ", ".join(f"{check} ({count} cases)" if count > 1 else check for check, count in cases.items())


def as_data(lane: OfLane) -> dict[str, Any]:
    return {
        "lane": lane.lane, "broken": lane.broken, "not_measured": lane.unmeasured,
        "needs": [
            {
                "need": need.question.name, "says": need.words, "kept": list(need.kept), "broken": list(need.broken),
                "not_measured": list(need.missing),
                "costs": [{"benchmark": record.benchmark, "metric": record.metric, "ratio": record.ratio,
                           "interval": [record.ratio_low, record.ratio_high], "verdict": record.verdict}
                          for _, record in need.costs],
            } for need in lane.needs
        ],
    }  # fmt: skip
