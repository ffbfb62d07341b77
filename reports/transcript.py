"""System calls as strace(1) writes them. The page, the terminal, JUnit and Allure all show a transcript this way."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from roadworthy.reports.records import Call
from roadworthy.reports.strace import CALL_LIMIT, spelled
from roadworthy.reports.text import counted, visible

#: How many calls of a transcript are shown from its beginning and from its end.
FIRST_CALLS, LAST_CALLS = 40, 160
#: Characters of a transcript that are shown; the end is kept, because that is where a check breaks.
TRANSCRIPT_LIMIT = 24_000


def shown(call: Call) -> tuple[str, str, str]:
    """The call, what it returned as strace(1) prints it, and of a step of the suite's own the calls it consists of."""
    found = spelled(call)
    return visible(found.made, CALL_LIMIT), visible(found.returned, CALL_LIMIT), found.steps


def line(call: Call, width: int = 0) -> str:
    """One call as a line; the process' name takes `width` characters."""
    made, returned, steps = shown(call)
    own = f"  /* the suite's step: {steps} */" if steps else ""
    return f"{visible(call.process):<{width}}  {made} = {returned}{own}"


def came_back(call: Call) -> bool:
    """Whether the process got an answer, a refusal or not."""
    return not call.failed or isinstance(getattr(errno, call.answer, None), int)


def lines(transcript: Sequence[Call], omitted: int = 0, whole: bool = False) -> list[str]:
    """A transcript as lines, bounded unless it is to be `whole`. What is left out is said.

    `omitted` calls were made after its end and not recorded.
    """
    calls, left_out = (list(transcript), 0) if whole else bounded(transcript)
    width = max((len(visible(call.process)) for call in calls), default=0)
    found = [line(call, width) for call in calls]
    if left_out:
        found.insert(FIRST_CALLS, f"… {counted(left_out, 'call')} left out here, see the bundle")
    if omitted:
        found.append(f"… {counted(omitted, 'more call')}, not recorded")
    return found


def bounded(transcript: Sequence[Call]) -> tuple[list[Call], int]:
    """The calls to show, and how many are left out after the first `FIRST_CALLS`."""
    first = list(transcript[:FIRST_CALLS])
    last = list(transcript[FIRST_CALLS:][-LAST_CALLS:])
    room = TRANSCRIPT_LIMIT - sum(_size(call) for call in first)
    kept: list[Call] = []
    for call in reversed(last):
        room -= _size(call)
        if room < 0:
            break
        kept.insert(0, call)
    return [*first, *kept], len(transcript) - len(first) - len(kept)


def _size(call: Call) -> int:
    return min(len(call.call), CALL_LIMIT) + min(len(call.answer), CALL_LIMIT)
