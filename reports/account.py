"""The account of a verdict: what a person reads of it in a terminal, in JUnit's report or in Allure's."""

from __future__ import annotations

from collections.abc import Iterator

from roadworthy.reports.again import rerun_command
from roadworthy.reports.drawer import KERNEL_LINES, OBSERVATIONS
from roadworthy.reports.records import Check, Deviation, Lane, Result
from roadworthy.reports.sides import sides
from roadworthy.reports.strace import CALL_LIMIT
from roadworthy.reports.text import counted, visible
from roadworthy.reports.transcript import lines

#: The titles of the account's sections.
CALLS, KERNEL_LOG, AGAIN = "system calls", "kernel log", "run it again"


def account(result: Result, lane: Lane, check: Check) -> list[tuple[str, str]]:
    """The sections of an account, each with its title: promise and break, system calls, kernel log, command.

    A section that would be empty is left out.
    """
    found = [
        (f"{result.check} on {result.lane}", table(rows(result, check))),
        (CALLS, "\n".join(lines(result.transcript, result.omitted_calls))),
        (KERNEL_LOG, "\n".join(kernel_log(result))),
        (AGAIN, rerun_command(lane, check, result.nodeid)),
    ]
    return [(visible(title), text) for title, text in found if text]


def rows(result: Result, check: Check) -> Iterator[tuple[str, str]]:
    """What was promised, what was expected and observed, and the recorded deviation, as names with values."""
    yield "verdict", result.verdict
    yield "promise", check.promise
    yield "source", check.source
    if (found := sides(result.reason)) is not None:
        yield "expected", found.expected
        yield "observed", found.observed
    else:
        yield "reason", result.reason
    for seen in result.observations[:OBSERVATIONS]:
        yield "recorded", f"{seen.name}: {seen.value}"
    if result.deviation is not None:
        yield from recorded(result.deviation)


def recorded(deviation: Deviation) -> Iterator[tuple[str, str]]:
    """A recorded deviation as names with values."""
    yield "deviation", deviation.why
    yield "when", deviation.when
    yield "known by", deviation.signature
    yield "explained in", deviation.source
    yield "entry", f"{deviation.file}:{deviation.line}"


def table(pairs: Iterator[tuple[str, str]]) -> str:
    """Names and values in two columns; further lines of a value stand below its first one."""
    found = [(name, visible(value)) for name, value in pairs if value]
    width = max(len(name) for name, _ in found)
    below = "\n" + " " * (width + 2)
    return "\n".join(f"{name:<{width}}  {value.replace(chr(10), below)}" for name, value in found)


def kernel_log(result: Result) -> list[str]:
    """The last lines that the kernel logged while the check ran; how many are left out is said first."""
    cut = len(result.kernel_log) - KERNEL_LINES
    head = [f"… {counted(cut, 'earlier line')} left out"] if cut > 0 else []
    return head + [visible(line, CALL_LIMIT) for line in result.kernel_log[-KERNEL_LINES:]]
