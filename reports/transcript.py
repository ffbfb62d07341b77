"""System calls as strace(1) writes them. The page, the terminal, JUnit and Allure all show a transcript this way."""

from __future__ import annotations

import ast
import errno
import os
import re
import stat
from collections.abc import Sequence

from roadworthy.reports.records import Call
from roadworthy.reports.text import counted, visible

#: Characters of one call or answer that are shown; the bundle may have more.
CALL_LIMIT = 400
#: How many calls of a transcript are shown from its beginning and from its end.
FIRST_CALLS, LAST_CALLS = 40, 160
#: Characters of a transcript that are shown; the end is kept, because that is where a check breaks.
TRANSCRIPT_LIMIT = 24_000

#: The fields of `struct stat`, in the order of an answer.
_STAT = ("dev", "ino", "mode", "nlink", "uid", "gid", "rdev", "size", "blocks", "atime", "mtime", "ctime")
_IS_STAT = re.compile(r"[lf]?stat\(")
_TYPES = {
    getattr(stat, name): name for name in ("S_IFREG", "S_IFDIR", "S_IFLNK", "S_IFCHR", "S_IFBLK", "S_IFIFO", "S_IFSOCK")
}


def shown(call: Call) -> tuple[str, str]:
    """The call with its arguments, and what it returned: `-1 EXDEV (Invalid cross-device link)` if it was refused."""
    made = visible(call.call, CALL_LIMIT)
    if call.failed:
        return made, refusal(call.answer)
    if call.answer == "None":
        return made, "0"
    if found := re.fullmatch(r"umask\((\d+)\)", made):
        return f"umask(0{int(found[1]):o})", f"0{int(call.answer):o}" if call.answer.isdecimal() else call.answer
    if _IS_STAT.match(made) and made.endswith(")") and (status := _status(call.answer)):
        return f"{made[:-1]}, {status})", "0"
    return made, visible(call.answer, CALL_LIMIT)


def refusal(word: str) -> str:
    """What a call returned that was refused with this errno, that a signal ended, or that did not return."""
    if isinstance(number := getattr(errno, word, None), int):
        return f"-1 {word} ({os.strerror(number)})"
    if re.fullmatch(r"SIG[A-Z0-9]+", word):
        return f"? (killed by {word})"
    return f"? ({visible(word, CALL_LIMIT)})"


def line(call: Call, width: int = 0) -> str:
    """One call as a line; the process' name takes `width` characters."""
    made, returned = shown(call)
    return f"{visible(call.process):<{width}}  {made} = {returned}"


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


def _status(answer: str) -> str:
    """A `struct stat` in words, or an empty string if the answer is none."""
    try:
        values = ast.literal_eval(answer)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    if not isinstance(values, list) or len(values) != len(_STAT) or not all(type(value) is int for value in values):
        return ""
    found = dict(zip(_STAT, values, strict=True))
    if not found["rdev"]:  # only a device has one
        del found["rdev"]
    return "{" + ", ".join(f"st_{name}={_field(name, value)}" for name, value in found.items()) + "}"


def _field(name: str, value: int) -> str:
    if name in ("dev", "rdev") and 0 <= value < 1 << 64:
        return f"makedev({_hexadecimal(os.major(value))}, {_hexadecimal(os.minor(value))})"
    if name == "mode":
        kind = _TYPES.get(stat.S_IFMT(value))
        return f"{kind}|{stat.S_IMODE(value):#o}".replace("0o", "0") if kind else f"0{value:o}"
    if name.endswith("time"):
        seconds, nanoseconds = divmod(value, 10**9)
        return f"{seconds}.{nanoseconds:09d}"
    return str(value)


def _hexadecimal(value: int) -> str:
    return f"{value:#x}" if value else "0"
