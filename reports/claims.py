"""Sentences that were said about storage drivers, and what the verdicts of a matrix answer to each."""

from __future__ import annotations

import difflib
import fnmatch
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reports.matrix import Matrix
from reports.records import Verdict

CLAIMS = Path(__file__).parents[1] / "claims"
KEYS = ("says", "checks", "drivers", "true_if", "note")

#: What the verdicts say of a claim on one lane.
Answer = Literal["holds", "holds in part", "does not hold"]
ANSWERS: tuple[Answer, ...] = ("holds", "holds in part", "does not hold")
#: Verdicts that answer, and whether the promise was kept.
KEPT: dict[Verdict, bool] = {"pass": True, "fixed": True, "known": False, "fail": False}
#: The reference has no layers to speak of.
REFERENCE = "native"


class ClaimError(ValueError):
    """A claim that cannot be used; the text begins with file and claim."""


@dataclass(frozen=True)
class Claim:
    """One sentence. `checks` are ids without their case, or `family/*`; no `drivers` means every one with layers."""

    name: str
    says: str
    checks: tuple[str, ...]
    drivers: tuple[str, ...]
    kept: bool
    note: str

    def asks(self, check: str) -> bool:
        """Whether the check, whose id may carry a case in brackets, is among those that answer."""
        return any(fnmatch.fnmatchcase(check.partition("[")[0], pattern) for pattern in self.checks)

    def speaks_of(self, driver: str) -> bool:
        return driver in self.drivers if self.drivers else driver != REFERENCE


@dataclass(frozen=True)
class Answered:
    """A claim with its answers: each of `lanes` is an answer, and the lanes that gave it."""

    claim: Claim
    lanes: tuple[tuple[Answer, tuple[str, ...]], ...]


def load(directory: Path = CLAIMS) -> tuple[Claim, ...]:
    """Every claim of the directory's TOML files, in their order. Raises ClaimError."""
    found: list[Claim] = []
    for path in sorted(directory.glob("*.toml")):
        try:
            tables = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
            raise ClaimError(f"{path}: {reason}") from None
        found += [claim(f"{path}: {name}", name, row) for name, row in tables.items()]
    return tuple(found)


def claim(place: str, name: str, row: Any) -> Claim:
    """One table as a Claim. Raises ClaimError."""
    if not isinstance(row, dict):
        raise ClaimError(f"{place}: expected a table with says and checks")
    for key in row:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1)
            raise ClaimError(f"{place}: unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    if not isinstance(row.get("says"), str) or not isinstance(row.get("checks"), list) or not row["checks"]:
        raise ClaimError(f"{place}: a claim has a sentence in says, and checks that answer it")
    if row.get("true_if", "kept") not in ("kept", "broken"):
        raise ClaimError(f"{place}: true_if is kept or broken, not {row['true_if']!r}")
    kept = row.get("true_if", "kept") == "kept"
    drivers = tuple(row.get("drivers", ()))
    return Claim(name, row["says"], tuple(row["checks"]), drivers, kept, row.get("note", ""))


def answers(claims: Iterable[Claim], matrix: Matrix) -> tuple[Answered, ...]:
    """What the matrix says of each claim, lane by lane. A lane on which no check answered is left out."""
    rows = [row for family in matrix.families for row in family.rows]
    found = []
    for said in claims:
        asked = [row for row in rows if said.asks(row.check.id)]
        by_answer: dict[Answer, list[str]] = {}
        for number, column in enumerate(matrix.columns):
            if not said.speaks_of(column.lane.driver):
                continue
            verdicts = [cell.verdict for row in asked if (cell := row.cells[number]) is not None]
            kept = [KEPT[verdict] for verdict in verdicts if verdict in KEPT]
            if kept:
                by_answer.setdefault(answer(said, kept), []).append(column.lane.id)
        found.append(Answered(said, tuple((word, tuple(by_answer[word])) for word in ANSWERS if word in by_answer)))
    return tuple(found)


def answer(said: Claim, kept: list[bool]) -> Answer:
    """What kept and broken promises say of one claim."""
    agreeing = sum(one == said.kept for one in kept)
    if agreeing == len(kept):
        return "holds"
    return "holds in part" if agreeing else "does not hold"
