"""Public claims about storage drivers, and the answer of a matrix to each."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from roadworthy.reports.costs import Cost, Finding, cost, findings
from roadworthy.reports.matrix import Cell, Matrix
from roadworthy.reports.nearest import meant
from roadworthy.reports.records import Verdict

CLAIMS = Path(__file__).parents[1] / "claims"
#: The file of its directory with issues that others reported, which are no claims about drivers: see reports/issues.py.
ISSUES = "issues.toml"
KEYS = ("says", "checks", "drivers", "true_if", "costs", "enough", "untested", "note")

#: The table that names the article; it is no claim.
ARTICLE = "article"

#: The answers of one lane to a claim.
Answer = Literal["holds", "holds in part", "does not hold", "undecided"]
ANSWERS: tuple[Answer, ...] = ("holds", "holds in part", "does not hold", "undecided")
#: Whether each verdict means that the promise was kept; other verdicts give no answer.
KEPT: dict[Verdict, bool] = {"pass": True, "fixed": True, "known": False, "fail": False}
#: The reference, which has no layers; claims are about the other drivers.
REFERENCE = "native"


@dataclass(frozen=True)
class Article:
    """Where the claims come from: a title in words, and an address if the repository knows one."""

    title: str
    address: str = ""


class ClaimError(ValueError):
    """A claim that cannot be used; the text begins with file and claim."""


@dataclass(frozen=True)
class Claim:
    """One claim. `checks` are ids without their case; without `drivers` it is about all but `native`.

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
        return any(_names(name, check) for name in self.checks)

    def speaks_of(self, driver: str) -> bool:
        return driver in self.drivers if self.drivers else driver != REFERENCE


@dataclass(frozen=True)
class Answered:
    """A claim with its answers: `lanes` has the lanes of each answer, `why` the numbers of each lane."""

    claim: Claim
    lanes: tuple[tuple[Answer, tuple[str, ...]], ...]
    why: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """The answers with their lanes: `holds on overlay2-…`. Nothing is said of lanes that are not on the page."""
        return tuple(f"{word} on {', '.join(lanes)}" for word, lanes in self.lanes) or ("not measured",)


def load(directory: Path = CLAIMS) -> tuple[Claim, ...]:
    """Load the claims of the directory's TOML files, in their order. Raises ClaimError."""
    found: list[Claim] = []
    for path in sorted(path for path in directory.glob("*.toml") if path.name != ISSUES):
        found += [claim(f"{path}: {name}", name, row) for name, row in tables(path).items() if name != ARTICLE]
    return tuple(found)


def article(directory: Path = CLAIMS) -> Article:
    """Load the table about the article itself. Raises ClaimError."""
    path = directory / "semantics.toml"
    row = tables(path).get(ARTICLE)
    if not isinstance(row, dict) or set(row) - {"title", "address"} or not isinstance(row.get("title"), str):
        raise ClaimError(f"{path}: {ARTICLE}: expected a table with a title, and an address if there is one")
    return Article(row["title"], row.get("address", ""))


def tables(path: Path) -> dict[str, Any]:
    """The tables of a file of claims. Raises ClaimError."""
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        raise ClaimError(f"{path}: {reason}") from None


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
    if pattern := next((asked for asked in checks if "*" in asked), ""):
        raise ClaimError(f"{place}: checks are named one by one, not as {pattern!r}, which hides those not asked")
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
    """Answer each claim, lane by lane, from the matrix. Lanes that were asked nothing of a claim are left out."""
    result = []
    for said in claims:
        asked = [row for row in matrix.rows if said.asks(row.check.id)]
        unknown = [name for name in said.checks if not any(_names(name, row.check.id) for row in asked)]
        by_answer: dict[Answer, list[str]] = {}
        why: list[tuple[str, tuple[str, ...]]] = []
        for number, column in enumerate(matrix.columns):
            if not said.speaks_of(column.lane.driver):
                continue
            cells = [(row.check.id, row.cells[number]) for row in asked]
            found = [_of_cell(said, check, cell) for check, cell in cells if cell]
            if unasked := [*unknown, *(check for check, cell in cells if not cell)]:
                found.append(Finding(None, f"not asked: {', '.join(unasked)}"))
            measured = 0
            for condition in said.costs:
                if condition.speaks_of(column.lane):
                    numbers = findings(condition, column, matrix)
                    measured += len(numbers)
                    found += numbers or [Finding(None, f"not measured: {condition.words}")]
            if measured or any(cell for _, cell in cells):
                told = [one.holds for one in found if one.holds is not None]
                word = answer(told, said.one_is_enough, len(told) < len(found))
                by_answer.setdefault(word, []).append(column.lane.id)
                if sentences := tuple(one.because for one in found if one.because):
                    why.append((column.lane.id, sentences))
        lanes = tuple((word, tuple(by_answer[word])) for word in ANSWERS if word in by_answer)
        result.append(Answered(said, lanes, tuple(why)))
    return tuple(result)


def answer(agreeing: list[bool], one_is_enough: bool = False, open_ones: bool = False) -> Answer:
    """The answer of a lane; `agreeing` has each decided condition, `open_ones` tells whether some are undecided.

    An answer is given if no undecided condition could change it.
    """
    if one_is_enough and any(agreeing):
        return "holds"
    if not one_is_enough and len(set(agreeing)) == 2:
        return "holds in part"
    if open_ones or not agreeing:
        return "undecided"
    return "holds" if agreeing[0] else "does not hold"


def _of_cell(said: Claim, check: str, cell: Cell) -> Finding:
    """What a check says of a claim on one lane: nothing, unless it gave a verdict on the promise."""
    if cell.verdict not in KEPT:
        return Finding(None, f"{check}: {cell.verdict}")
    agrees = KEPT[cell.verdict] == said.kept
    return Finding(agrees, "" if agrees else f"{check}: the promise is {'kept' if KEPT[cell.verdict] else 'broken'}")


def _names(name: str, check: str) -> bool:
    """Whether a claim's `name` is that of the check, whose id may carry a case in brackets."""
    return check.partition("[")[0] == name
