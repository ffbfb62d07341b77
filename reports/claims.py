"""Public claims about storage drivers, and the answer of a matrix to each."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from roadworthy.reports.costs import Cost, Finding, cost, findings
from roadworthy.reports.matrix import Matrix
from roadworthy.reports.nearest import meant
from roadworthy.reports.records import Verdict

CLAIMS = Path(__file__).parents[1] / "claims"
KEYS = ("says", "checks", "drivers", "true_if", "costs", "enough", "untested", "note")

#: The answers of one lane to a claim.
Answer = Literal["holds", "holds in part", "does not hold", "undecided"]
ANSWERS: tuple[Answer, ...] = ("holds", "holds in part", "does not hold", "undecided")
#: The answers of all lanes together.
Overall = Literal["holds", "holds with conditions", "never held", "undecided", "not measured"]
#: Whether each verdict means that the promise was kept; other verdicts give no answer.
KEPT: dict[Verdict, bool] = {"pass": True, "fixed": True, "known": False, "fail": False}
#: The reference, which has no layers; claims are about the other drivers.
REFERENCE = "native"


class ClaimError(ValueError):
    """A claim that cannot be used; the text begins with file and claim."""


@dataclass(frozen=True)
class Claim:
    """One claim. `checks` are ids without their case, or `family/*`; without `drivers` it is about all but `native`.

    `costs` are conditions on numbers. All answers have to agree with the claim, or one if `one_is_enough`. `untested`
    says why nothing here can answer.
    """

    name: str
    says: str
    checks: tuple[str, ...]
    drivers: tuple[str, ...]
    kept: bool
    note: str
    costs: tuple[Cost, ...] = ()
    one_is_enough: bool = False
    untested: str = ""

    @property
    def asked_of(self) -> tuple[str, ...]:
        """The checks and the conditions on benchmarks that answer, in words."""
        return (*self.checks, *(cost.words for cost in self.costs))

    def asks(self, check: str) -> bool:
        """Whether the check, whose id may carry a case in brackets, is among those that answer."""
        return any(fnmatch.fnmatchcase(check.partition("[")[0], pattern) for pattern in self.checks)

    def speaks_of(self, driver: str) -> bool:
        return driver in self.drivers if self.drivers else driver != REFERENCE


@dataclass(frozen=True)
class Answered:
    """A claim with its answers: `lanes` has the lanes of each answer, `why` the numbers of each lane."""

    claim: Claim
    lanes: tuple[tuple[Answer, tuple[str, ...]], ...]
    why: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def overall(self) -> Overall:
        """The answer of all lanes that are decided."""
        told = {word for word, _ in self.lanes if word != "undecided"}
        if not told:
            return "undecided" if self.lanes else "not measured"
        if told == {"holds"}:
            return "holds"
        return "never held" if told == {"does not hold"} else "holds with conditions"


def load(directory: Path = CLAIMS) -> tuple[Claim, ...]:
    """Load the claims of the directory's TOML files, in their order. Raises ClaimError."""
    found: list[Claim] = []
    for path in sorted(directory.glob("*.toml")):
        try:
            tables = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
            raise ClaimError(f"{path}: {reason}") from None
        found += [claim(f"{path}: {name}", name, row) for name, row in tables.items()]
    return tuple(found)


def claim(place: str, name: str, row: Any) -> Claim:
    """Parse a table into a Claim. Raises ClaimError."""
    if not isinstance(row, dict):
        raise ClaimError(f"{place}: expected a table with says and checks")
    for key in row:
        if key not in KEYS:
            raise ClaimError(f"{place}: unknown key {key!r}{meant(key, KEYS)}")
    checks, costs, untested = row.get("checks", []), row.get("costs", []), row.get("untested", "")
    answered = isinstance(checks, list) and isinstance(costs, list) and (checks or costs or untested)
    if not isinstance(row.get("says"), str) or not answered:
        raise ClaimError(f"{place}: a claim has a sentence in says, and checks or costs that answer it")
    if row.get("enough", "all") not in ("all", "one"):
        raise ClaimError(f"{place}: enough is all or one, not {row['enough']!r}")
    try:
        conditions = tuple(cost(one) for one in costs)
    except ValueError as reason:
        raise ClaimError(f"{place}: {reason}") from None
    if row.get("true_if", "kept") not in ("kept", "broken"):
        raise ClaimError(f"{place}: true_if is kept or broken, not {row['true_if']!r}")
    kept = row.get("true_if", "kept") == "kept"
    drivers = tuple(row.get("drivers", ()))
    return Claim(
        name, row["says"], tuple(checks), drivers, kept, row.get("note", ""), conditions,
        row.get("enough", "all") == "one", untested,
    )  # fmt: skip


def asking(claims: Iterable[Claim], check: str) -> list[str]:
    """The names of the claims that ask this check. A check itself names none, so that the two cannot disagree."""
    return [said.name for said in claims if said.asks(check)]


def answers(claims: Iterable[Claim], matrix: Matrix) -> tuple[Answered, ...]:
    """Answer each claim, lane by lane, from the matrix. Lanes without an answer are left out."""
    rows = [row for family in matrix.families for row in family.rows]
    result = []
    for said in claims:
        asked = [row for row in rows if said.asks(row.check.id)]
        by_answer: dict[Answer, list[str]] = {}
        why: list[tuple[str, tuple[str, ...]]] = []
        for number, column in enumerate(matrix.columns):
            if not said.speaks_of(column.lane.driver):
                continue
            verdicts = [cell.verdict for row in asked if (cell := row.cells[number]) is not None]
            agreeing = [KEPT[verdict] == said.kept for verdict in verdicts if verdict in KEPT]
            asked_here = [condition for condition in said.costs if condition.speaks_of(column.lane)]
            numbers = [(condition, findings(condition, column, matrix)) for condition in asked_here]
            decided = [[one.holds for one in found if one.holds is not None] for _, found in numbers]
            agreeing += [one for several in decided for one in several]
            if agreeing or any(found for _, found in numbers):
                word = answer(agreeing, said.one_is_enough, not all(decided))
                by_answer.setdefault(word, []).append(column.lane.id)
                sentences = [one for condition, several in numbers for one in _because(condition, several)]
                if sentences:
                    why.append((column.lane.id, tuple(sentences)))
        lanes = tuple((word, tuple(by_answer[word])) for word in ANSWERS if word in by_answer)
        result.append(Answered(said, lanes, tuple(why)))
    return tuple(result)


def answer(agreeing: list[bool], one_is_enough: bool = False, open_ones: bool = False) -> Answer:
    """The answer of a lane; `agreeing` has each decided condition, `open_ones` tells whether some are undecided."""
    if not agreeing:
        return "undecided"
    if one_is_enough:
        return "holds" if any(agreeing) else "undecided" if open_ones else "does not hold"
    if all(agreeing):
        return "undecided" if open_ones else "holds"
    return "holds in part" if any(agreeing) else "does not hold"


def _because(condition: Cost, numbers: list[Finding]) -> list[str]:
    return [one.because for one in numbers] or [f"not measured: {condition.words}"]
