"""Issues that others reported, answered from recorded verdicts: alive, not here, or gone on a later release.

An issue is a claim that is true where the checks that it names are broken, see roadworthy.reports.claims.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from roadworthy.reports.claims import CLAIMS, ISSUES, Answer, Answered, Claim, ClaimError, claim, tables
from roadworthy.reports.matrix import Column, Matrix

#: What the answer to a claim means of an issue.
WORDS: Mapping[Answer, str] = {
    "holds": "alive", "holds in part": "alive in part", "does not hold": "not here", "undecided": "undecided",
}  # fmt: skip
#: Owners that may be left out, as people do.
OWNERS = ("moby", "containerd", "npm")


def load_issues(path: Path = CLAIMS / ISSUES) -> tuple[Claim, ...]:
    """The issues of the file, in its order. Raises ClaimError."""
    found = []
    for name, row in tables(path).items():
        if not re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", name):
            raise ClaimError(f"{path}: {name}: an issue is OWNER/REPOSITORY#NUMBER")
        found.append(replace(claim(f"{path}: {name}", name, row), kept=False, one_is_enough=True))
    return tuple(found)


def whole(word: str, known: Iterable[str] = ()) -> str:
    """The name of an issue as the file has it: `moby#1` and its address are moby/moby#1.

    The owner may be left out of a known issue, as in `podman#1`, unless two owners have one.
    """
    address = re.fullmatch(r"https?://github\.com/([\w.-]+/[\w.-]+)/(?:issues|pull)/(\d+)/?(?:#.*)?", word)
    if address:
        return f"{address[1]}#{address[2]}"
    owner, hash_, number = word.partition("#")
    if hash_ and owner in OWNERS:
        return f"{owner}/{owner}#{number}"
    meant = [name for name in known if name.partition("/")[2] == word]
    return meant[0] if len(meant) == 1 else word


def address(name: str) -> str:
    """Where an issue can be read."""
    repository, _, number = name.partition("#")
    return f"https://github.com/{repository}/issues/{number}"


def sentences(found: Answered, matrix: Matrix) -> Iterator[str]:
    """The answers with their lanes, and where an issue is gone on a later release than one on which it is alive."""
    for word, lanes in found.lanes:
        yield f"{WORDS[word]} on {', '.join(lanes)}"
    if not found.lanes:
        yield "not asked by these runs"
    yield from fixed(found, matrix)


def fixed(found: Answered, matrix: Matrix) -> Iterator[str]:
    """Yield a sentence for each pair of neighbouring releases between which an issue has gone, all else alike."""
    of_lane = {lane: word for word, lanes in found.lanes for lane in lanes}
    columns = [column for column in matrix.columns if column.lane.id in of_lane]
    for axis in ("engine", "kernel"):
        series: dict[tuple[object, ...], list[Column]] = {}
        for column in columns:
            alike = (column.lane.driver, column.lane.backing, tuple(sorted(column.lane.options.items())),
                     kind(column.lane.engine) if axis == "engine" else column.lane.engine,
                     column.lane.kernel if axis == "engine" else "")  # fmt: skip
            series.setdefault(alike, []).append(column)
        for (driver, *_), lanes in series.items():
            ordered = sorted(lanes, key=lambda column: release(getattr(column.lane, axis)))
            for before, after in itertools.pairwise(ordered):
                if (of_lane[before.lane.id], of_lane[after.lane.id]) == ("holds", "does not hold"):
                    yield f"gone on {driver} from {getattr(before.lane, axis)} to {getattr(after.lane, axis)}"


def kind(engine: str) -> str:
    """The kind of an engine without its series."""
    return engine.rstrip("0123456789.")


def release(name: str) -> tuple[int, ...]:
    """The numbers of a series, to be compared."""
    return tuple(map(int, re.findall(r"\d+", name)))
