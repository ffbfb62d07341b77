"""The kill matrix: which faulty drivers the checks notice. Read as hostile input, and written as one HTML file."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
from markupsafe import Markup

from roadworthy.reports.documents import Form
from roadworthy.reports.families import title
from roadworthy.reports.made import is_page, replace_file
from roadworthy.reports.page import asset, digest, environment

SCHEMA = "1.1"
#: The page's file name, beside the page of a site.
KILLS_PAGE = "kills.html"
#: The most bytes of a file that a reader accepts.
SIZE_LIMIT = 64 << 20

Outcome = Literal["killed", "survived", "equivalent", "not reached", "error"]
#: The meaning of each outcome, and the verdict in whose colour it is shown; worst first.
OUTCOMES: dict[Outcome, tuple[str, str]] = {
    "error": ("the run failed and allows no conclusion", "error"),
    "survived": ("no check of its families failed", "fail"),
    "not reached": ("no check exercised the fault", "fail"),
    "equivalent": ("nothing can see it here, for the reason given", "known"),
    "killed": (
        "a check of its families passes, or breaks as recorded, without the fault and fails with it, or the comparison "
        "of trees does",
        "pass",
    ),
}


class KillsRefused(Exception):
    """A file is not a kill matrix; the text names the file and what was expected."""


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={
    "killed_by": "killed by", "passed": "reached and passed", "noticed_by": "noticed by",
}):  # fmt: skip
    """One mutant. `reviewed` are kills outside its families with a reason, `collateral` those without one.

    `tree` is the field that the comparison of trees has to notice, `noticed_by` the checks whose tree differed in it.
    `passed` are checks of its families that a mutant reached which nothing killed.
    """

    name: str
    kind: str
    fault: str
    families: list[str]
    outcome: Outcome
    hits: int
    number: str = ""
    killed_by: list[str] = []
    reviewed: dict[str, str] = {}
    collateral: list[str] = []
    upset: dict[str, str] = {}
    passed: list[str] = []
    trouble: str = ""
    equivalent: str = ""
    tree: str = ""
    noticed_by: list[str] = []

    @property
    def broken(self) -> list[str]:
        """All cells whose own promise broke, in its families or not."""
        return [*self.killed_by, *self.reviewed, *self.collateral]

    @property
    def killers(self) -> list[str]:
        """All cells that kill it, in its families or not, by their promise or by their tree."""
        return [*self.broken, *self.noticed_by]

    def strays(self, family: str) -> bool:
        """Whether a check of a family kills it without a recorded reason."""
        return any(family_of(check) == family for check in self.collateral)

    def kills(self, family: str) -> int:
        """How many checks of a family kill it."""
        return sum(family_of(check) == family for check in self.killers)


class Kills(msgspec.Struct, frozen=True, kw_only=True):
    """The whole matrix. `checks` are the verdicts of the run without a mutant, by cell; `seconds` is that of all runs.

    It says when it was measured, at which commit of the suite (and whether that was changed), and on which lane.
    """

    schema: str
    driver: str
    seconds: int
    partial: bool
    checks: dict[str, str]
    unstable: dict[str, str]
    mutants: list[Row]
    excused: dict[str, str]
    date: str = ""
    commit: str = ""
    changes: bool = False
    backing: str = ""
    engine: str = ""
    kernel: str = ""

    @property
    def by_check(self) -> dict[str, list[str]]:
        """For each cell (a check with its parameters) that passes, the mutants that break its own promise."""
        found: dict[str, list[str]] = {
            cell: [] for cell, verdict in sorted(self.checks.items()) if verdict == "pass" and cell not in self.unstable
        }
        for row in self.mutants:
            for cell in row.broken:
                found.setdefault(cell, []).append(row.name)
        return found

    @property
    def toothless(self) -> list[str]:
        """Cells that kill nothing: nothing here proves that the check can fail with these parameters."""
        return [
            cell for cell, killed in self.by_check.items()
            if not killed and cell not in self.excused and cell.partition("[")[0] not in self.excused
        ]  # fmt: skip

    @property
    def measured(self) -> str:
        """When, at which commit and on what it was measured, in words; empty if it does not say."""
        lane = ", ".join(filter(None, [self.backing, self.engine, f"Linux {self.kernel}" if self.kernel else ""]))
        commit = f"commit {self.commit[:10]}{' with changes' if self.changes else ''}" if self.commit else ""
        return ", ".join(filter(None, [self.date, commit, lane]))

    def text(self) -> str:
        """The matrix as JSON, with a line for each check and each mutant, so that a change of it can be read."""
        said = []
        for name, value in msgspec.to_builtins(self).items():
            if isinstance(value, dict) and value:
                inner = ",\n".join(f"  {json.dumps(key)}: {json.dumps(one)}" for key, one in value.items())
                said.append(f" {json.dumps(name)}: {{\n{inner}\n }}")
            elif isinstance(value, list) and value:
                said.append(f" {json.dumps(name)}: [\n" + ",\n".join(f"  {json.dumps(one)}" for one in value) + "\n ]")
            else:
                said.append(f" {json.dumps(name)}: {json.dumps(value)}")
        return "{\n" + ",\n".join(said) + "\n}\n"


@dataclass(frozen=True)
class Teeth:
    """One check and the mutants that it kills. `bare` are its cells (with one set of parameters) that kill none."""

    name: str
    mutants: Sequence[str]
    bare: Sequence[str] = ()
    reason: str = ""


def family_of(check: str) -> str:
    return check.partition("/")[0]


#: The form of its file.
FORM = Form(Kills, SCHEMA, SIZE_LIMIT, "a kill matrix, as `make sensitivity` writes it", KillsRefused)


def read_kills(path: Path) -> Kills:
    """Read a kill matrix. Raises KillsRefused."""
    return FORM.read(path)


def write_kills(kills: Kills, path: Path) -> None:
    """Write the matrix as a page; the file appears whole or not at all."""
    replace_file(path, kills_text(kills), is_page)


def kills_text(kills: Kills) -> str:
    """The kill matrix as an HTML page."""
    style, script = Markup(f"{asset('page.css')}\n{asset('kills.css')}"), asset("kills.js")
    policy = (
        f"default-src 'none'; style-src '{digest(style)}'; script-src '{digest(script)}'; base-uri 'none'; "
        "form-action 'none'"
    )
    return (
        environment()
        .get_template("kills.html.j2")
        .render(style=style, script=script, policy=policy, **kills_values(kills))
    )


def kills_values(kills: Kills) -> dict[str, Any]:
    """What the templates of a kill matrix are given."""
    declared = {family for row in kills.mutants for family in row.families}
    families = sorted(declared | {family_of(check) for row in kills.mutants for check in row.killers})
    worst = list(OUTCOMES)
    return {
        "kills": kills, "family_title": title, "outcomes": OUTCOMES, "families": families,
        "rows": sorted(kills.mutants, key=lambda row: worst.index(row.outcome)),
        "counts": {outcome: sum(row.outcome == outcome for row in kills.mutants) for outcome in OUTCOMES},
        "checks": teeth(kills), "own": failing_by_themselves(kills),
    }  # fmt: skip


def teeth(kills: Kills) -> list[Teeth]:
    """Every check that passes on the sound driver, those with a cell that kills nothing first."""
    cells: dict[str, dict[str, list[str]]] = {}
    for cell, killed in kills.by_check.items():
        cells.setdefault(cell.partition("[")[0], {})[cell] = killed
    made = []
    for name, mine in cells.items():
        bare = [cell for cell, killed in mine.items() if not killed]
        reasons = {kills.excused.get(cell, kills.excused.get(name, "")) for cell in bare} - {""}
        mutants = list(dict.fromkeys(itertools.chain(*mine.values())))
        made.append(Teeth(name, mutants, bare, "; ".join(sorted(reasons))))
    return sorted(made, key=lambda check: (not check.bare, bool(check.mutants), check.name))


def failing_by_themselves(kills: Kills) -> list[str]:
    """Checks that no mutant has to break, because they pass on the sound driver in none of their parameters."""
    passing = {check.partition("[")[0] for check in kills.by_check}
    return sorted({check.partition("[")[0] for check in kills.checks} - passing)
