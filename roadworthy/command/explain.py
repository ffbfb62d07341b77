"""The command `roadworthy explain`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from roadworthy.command.answer import Answer, Code, Fields, Line, Part, Table, Title, answers, tell
from roadworthy.command.completion import checks_like
from roadworthy.command.exits import NO_ANSWER
from roadworthy.command.recorded import Asked, cells, columns_named, from_bundles, of_runs, read
from roadworthy.command.subject import Subject, subject
from roadworthy.declaring.known import Known, checks_known
from roadworthy.drivers import DRIVERS
from roadworthy.reports.again import rerun_command, words
from roadworthy.reports.cases import case, names
from roadworthy.reports.matrix import Matrix
from roadworthy.reports.records import MEANING
from roadworthy.reports.transcript import lines
from roadworthy.verdict import deviations, messages
from roadworthy.verdict.deviations import Deviation
from roadworthy.verdict.knobs import is_of, knobs

CONFORMANCE = Path(__file__).parents[1] / "conformance"
NO_KNOB = "none: it applies to this driver however it is set up"


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="CHECK | LANE/CHECK | TEXT", shell_complete=checks_like)
@from_bundles
@answers
def explain(what: tuple[str, ...], bundles: tuple[Path, ...], form: str | None) -> None:
    """Explain a check, a check on a lane, or an error text.

    Of a check: its promise and source, its recorded verdicts, and its recorded deviations with condition, reason,
    source, and what can be turned. Of a check on a lane, as in overlay2/rename/merged-dir, the system calls besides. A
    lane is named by its id or its driver.

    Of an error text, as an engine or a kernel prints it: what it means, what to do, and the checks that show it.

    \b
    roadworthy explain rename/merged-dir
    roadworthy explain overlay2/rename/merged-dir --bundle=bundles/nightly
    roadworthy explain "failed to mount overlay: invalid argument"

    Exit status: 0, 3 if the text is not known, 4 for a mistake on the command line.
    """
    text = " ".join(what)
    named = subject(text)
    if named is None:
        found = messages.meant(text, messages.load(CONFORMANCE / "messages.toml"))
        tell(of_messages(text, found), form)
        if not found:
            raise SystemExit(NO_ANSWER)
        return
    known = checks_known()[named.base]
    matrix = of_runs(read(bundles))
    if named.lane and matrix and named.lane not in DRIVERS:
        columns_named(matrix, named.lane)
    entries = entries_of(named)
    tell(of_check(named, known, cells(matrix, named.check, named.lane), entries, matrix), form)


def entries_of(named: Subject) -> list[Deviation]:
    """The recorded deviations of a check, those that can apply to the driver if the lane is named by one."""
    found = [
        entry for entry in deviations.load_all(CONFORMANCE / "deviations").entries
        if names(named.check, entry.check) or entry.check == named.base
    ]  # fmt: skip
    driver = DRIVERS.get(named.lane)
    return [entry for entry in found if driver is None or is_of(entry, driver)]


def of_check(
    named: Subject, known: Known, asked: Sequence[Asked], entries: Sequence[Deviation], matrix: Matrix | None
) -> Answer:
    """What is known of a check, on all lanes or on the named one."""
    whole = {one.check.id: one.check for one in asked}.get(named.check)
    promise = whole.promise if whole else known.promise
    head: list[Part] = [
        Title(f"{named.lane}/{named.check}" if named.lane else named.check),
        Fields([("promise", promise), ("source", known.source), ("check", f"{known.file}:{known.line}")]),
    ]
    recorded = [record_of(one) for one in asked]
    if named.lane:
        head += [part for one in asked for part in of_cell(one)]
    else:
        rows = [(one.column.lane.id, case(one.check.id), one.cell.verdict, one.shown.value) for one in asked]
        head += [Title("recorded verdicts"), Table(("lane", "case", "verdict", "observed"), rows)] if rows else []
    if not asked:
        where = "the recorded results have no such cell" if matrix else "no recorded results here"
        run = f"pytest --driver={named.lane if named.lane in DRIVERS else 'overlay2'} -k {known.identity}"
        head.append(Line(f"verdicts: {where}; ask for it with: {run}"))
    driver = asked[0].column.lane.driver if named.lane and asked else named.lane if named.lane in DRIVERS else ""
    applying = [one for one in entries if not (named.lane and asked) or is_told(one, asked)]
    told = [entry_of(one, entries, driver) for one in applying]
    for one in told:
        head += [Title("recorded deviation"), Fields([(key, "\n".join(value) if isinstance(value, list) else value)
                                                      for key, value in one.items()])]  # fmt: skip
    if not told and not (named.lane and asked):
        head.append(Line("no deviation is recorded"))
    data = {
        "check": named.check, "lane": named.lane, "promise": promise, "source": known.source,
        "file": known.file, "line": known.line, "cells": recorded, "deviations": told,
    }  # fmt: skip
    return Answer(data, head)


def is_told(entry: Deviation, asked: Sequence[Asked]) -> bool:
    """Whether the verdict of one of these cells rests on an entry: its reason stays, its line moves with its file."""
    told = [one.cell.result.deviation for one in asked if one.cell.result and one.cell.result.deviation]
    return any((one.file, one.why) == (entry.file, entry.why) for one in told)


def of_cell(one: Asked) -> list[Part]:
    """A check on a lane: verdict, what it saw, its system calls, and how to ask again."""
    result = one.cell.result
    seen = [(f"saw {seen.name}", seen.value) for seen in result.observations] if result else []
    parts: list[Part] = [
        Title(f"{one.column.lane.id}/{one.check.id}"),
        Fields([
            ("verdict", one.cell.verdict), ("meaning", MEANING[one.cell.verdict]), ("reason", one.cell.reason), *seen,
            ("again", again(one)),
        ]),
    ]  # fmt: skip
    if result and result.transcript:
        parts.append(Code("\n".join(lines(result.transcript, result.omitted_calls))))
    return parts


def again(one: Asked) -> str:
    """The command that asks a recorded cell again, or asks one that was planned and never reported."""
    lane = one.column.lane
    if one.cell.result is None:
        return shlex.join(["pytest", *words(lane), "-k", one.check.id])
    return rerun_command(lane, one.check, one.cell.result.nodeid)


def record_of(one: Asked) -> dict[str, Any]:
    """A recorded cell for a program."""
    result = one.cell.result
    return {
        "lane": one.column.lane.id, "check": one.check.id, "verdict": one.cell.verdict, "reason": one.cell.reason,
        "observations": [msgspec.to_builtins(seen) for seen in result.observations] if result else [],
        "calls": lines(result.transcript, result.omitted_calls, whole=True) if result else [],
        "again": again(one),
    }  # fmt: skip


def entry_of(entry: Deviation, recorded: Sequence[Deviation], driver: str) -> dict[str, Any]:
    """A recorded deviation in words, for readers and for programs."""
    record = entry.record()
    return {
        "of": entry.check, "on": record.when, "known by": record.signature, "why": record.why,
        "knob": knobs(entry, recorded, driver) or [NO_KNOB], "source": record.source,
        "entry": f"{entry.file}:{entry.line}",
    }  # fmt: skip


def of_messages(text: str, found: Sequence[messages.Message]) -> Answer:
    """What is known of an error text."""
    parts: list[Part] = []
    for one in found:
        shows = ", ".join(one.checks) or ("tests/real/test_messages.py" if one.provoked else "")
        parts += [
            Title(one.text),
            Fields([("means", one.means), ("do", one.do), ("shown by", shows), ("source", one.source)]),
        ]
    data = {"text": text, "messages": [msgspec.to_builtins(one) for one in found]}
    unknown = Line("this text is not known; roadworthy doctor says what this host lacks")
    return Answer(data, parts or [unknown])
