"""The kill matrix: which check sees which mutant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from roadworthy.mutants.catalogue import Mutant
from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.kills import SCHEMA
from roadworthy.run.recorder import REFERENCE
from roadworthy.verdict.reference import DIFFERS, told_of

Outcome = Literal["killed", "survived", "equivalent", "not reached", "error"]


@dataclass(frozen=True)
class Ran:
    """The results of one run: verdicts and reasons by check, and the mutant's hits by check's directory.

    `differing` has what differed in the trees of checks, as `told_of` names it.
    """

    verdicts: Mapping[str, str]
    reasons: Mapping[str, str] = field(default_factory=dict)
    hits: Mapping[str, int] = field(default_factory=dict)
    trouble: str = ""
    differing: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, bundle: Path) -> Ran:
        """Read the results from a run's bundle. Raises BundleRefused."""
        read = read_bundle(bundle)
        if not read.lanes:
            return cls({}, trouble="the lane reported nothing")
        lane = read.lanes[0]
        if lane.state != "ready":
            return cls({}, trouble=f"the lane is {lane.state}: {lane.reason}")
        facts = lane.facts.get("mutant", {})
        planned = {check: "missing" for _, check in read.plan.cells}
        return cls(
            {**planned, **{result.check: result.verdict for result in read.results}},
            {result.check: result.reason for result in read.results},
            facts.get("hits by check", {}),
            facts.get("trouble", ""),
            {
                result.check: frozenset(told_of(said) for said in seen.value.split("; "))
                for result in read.results for seen in result.observations if seen.name == REFERENCE
            },
        )  # fmt: skip

    def by_tree(self, check: str) -> bool:
        """Whether a check kept its promise and failed for its tree."""
        return self.reasons.get(check, "").startswith(DIFFERS)


@dataclass(frozen=True)
class Row:
    """One mutant's outcome.

    `reviewed` and `collateral` are kills outside its declared families, with and without a reason in the catalogue;
    `upset` are other changes of verdict, `blind` are checks of its families that it reached and that passed. `noticed`
    are checks that kept their promise and whose tree differed in the mutant's field: they prove the comparison only.
    """

    mutant: Mutant
    outcome: Outcome
    hits: int = 0
    killed_by: Sequence[str] = ()
    reviewed: Sequence[str] = ()
    collateral: Sequence[str] = ()
    upset: Mapping[str, str] = field(default_factory=dict)
    blind: Sequence[str] = ()
    trouble: str = ""
    noticed: Sequence[str] = ()


def disagreements(plain: Ran, other: Ran) -> dict[str, str]:
    """Checks of both runs whose verdicts differ, as `pass -> fail`."""
    found = {}
    for check in sorted(plain.verdicts.keys() & other.verdicts.keys()):
        before, after = plain.verdicts[check], other.verdicts[check]
        if before != after:
            found[check] = f"{before} -> {after}"
    return found


def row(mutant: Mutant, identity: Ran, ran: Ran, unstable: Iterable[str] = ()) -> Row:
    """Compare a mutant's run with the identity run, without checks that are unstable by themselves."""
    hits = sum(ran.hits.values())
    if ran.trouble and "not reached" not in ran.trouble:
        return Row(mutant, "error", hits, trouble=ran.trouble)
    changed = {check: said for check, said in disagreements(identity, ran).items() if check not in set(unstable)}
    kills = [check for check, said in changed.items() if said == "pass -> fail"]
    upset = {check: said for check, said in changed.items() if said != "pass -> fail"}
    noticed = [
        check for check in kills
        if ran.by_tree(check) and mutant.tree in ran.differing.get(check, set()) - identity.differing.get(check, set())
    ]  # fmt: skip
    if mutant.tree:
        kills = [check for check in kills if not ran.by_tree(check)]
        reviewed = [check for check in kills if mutant.excuse(check)]
        ended: Outcome = "not reached" if not hits else "killed" if noticed else "survived"
        others = [check for check in kills if check not in reviewed]
        return Row(mutant, ended, hits, (), reviewed, others, upset, noticed=noticed)
    mine = [check for check in kills if mutant.concerns(check)]
    directories = {check.replace("/", ".").replace("[", ".").replace("]", ""): check for check in ran.verdicts}
    blind = [
        directories[name]
        for name in ran.hits
        if name in directories and mutant.concerns(directories[name]) and ran.verdicts[directories[name]] == "pass"
    ]
    outcome: Outcome = "killed" if mine else "equivalent" if mutant.equivalent else "survived"
    if not hits:
        outcome, mine = "not reached", []
    others = [check for check in kills if not mutant.concerns(check)]
    reviewed = [check for check in others if mutant.excuse(check)]
    return Row(mutant, outcome, hits, mine, reviewed, [x for x in others if x not in reviewed], upset, sorted(blind))


@dataclass
class KillMatrix:
    """All rows, and what they are compared with."""

    driver: str
    plain: Ran
    unstable: Mapping[str, str]
    rows: list[Row] = field(default_factory=list)
    #: Whether only some mutants ran, so that a check which kills nothing means nothing.
    partial: bool = False
    #: Cells that no mutant can break, each with the reason; a check's id without parameters stands for all its cells.
    excused: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def killers(self) -> dict[str, list[str]]:
        """For each cell (a check with its parameters) that passes, the mutants that it kills, wherever declared."""
        passing = [check for check, verdict in self.plain.verdicts.items() if verdict == "pass"]
        found: dict[str, list[str]] = {check: [] for check in sorted(passing) if check not in self.unstable}
        for line in self.rows:
            for check in (*line.killed_by, *line.reviewed, *line.collateral):
                found.setdefault(check, []).append(line.mutant.name)
        return found

    @property
    def toothless(self) -> list[str]:
        """Cells that kill nothing: nothing here proves that the check can fail with these parameters."""
        return [
            cell for cell, killed in self.killers.items()
            if not killed and cell not in self.excused and cell.partition("[")[0] not in self.excused
        ]  # fmt: skip

    @property
    def sound(self) -> bool:
        """Whether identities equal the plain run, mutants are killed in their families only, and each cell kills."""
        killed = all(line.outcome in ("killed", "equivalent") and not line.collateral for line in self.rows)
        return killed and not self.unstable and (self.partial or not self.toothless)

    def write(self, path: Path) -> Path:
        """Write the matrix as JSON, and as text beside it, and return the path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.record(), indent=1) + "\n")
        path.with_suffix(".txt").write_text(self.text())
        return path

    def record(self) -> dict[str, Any]:
        """The matrix as JSON."""
        return {
            "schema": SCHEMA, "driver": self.driver, "seconds": round(self.seconds), "partial": self.partial,
            "checks": dict(self.plain.verdicts),
            "unstable": dict(self.unstable),
            "mutants": [
                {
                    "name": line.mutant.name, "kind": line.mutant.kind, "number": line.mutant.number,
                    "fault": line.mutant.fault,
                    "families": list(line.mutant.families), "outcome": line.outcome, "hits": line.hits,
                    "killed by": list(line.killed_by),
                    "reviewed": {check: line.mutant.excuse(check) for check in line.reviewed},
                    "collateral": list(line.collateral), "upset": dict(line.upset),
                    "reached and passed": list(line.blind), "trouble": line.trouble,
                    "equivalent": line.mutant.equivalent, "tree": line.mutant.tree, "noticed by": list(line.noticed),
                }
                for line in self.rows
            ],
            "kills by check": self.killers,
            "kills nothing": self.toothless, "excused": dict(self.excused),
        }  # fmt: skip

    def text(self) -> str:
        """The matrix as a table in plain text."""
        width = max([len(line.mutant.name) for line in self.rows] + [6])
        out = [f"{'mutant':<{width}}  {'no.':<4} {'outcome':<11} {'hits':>5} {'kills':>5}  families"]
        for line in self.rows:
            out.append(
                f"{line.mutant.name:<{width}}  {line.mutant.number or '-':<4} {line.outcome:<11} {line.hits:>5} "
                f"{len(line.killed_by or line.noticed):>5}  "
                + (f"the tree's {line.mutant.tree}" if line.mutant.tree else ", ".join(line.mutant.families))
            )
            if line.collateral:
                out.append(f"{'':<{width}}    collateral: {', '.join(line.collateral)}")
            if line.trouble:
                out.append(f"{'':<{width}}    {line.trouble}")
            out += [f"{'':<{width}}    upset: {check}: {said}" for check, said in line.upset.items()]
        killed = sum(line.outcome == "killed" for line in self.rows)
        out += ["", f"{killed} of {len(self.rows)} mutants killed in their families."]
        if self.unstable:
            out.append("Verdicts that differ without a mutant, left out above:")
            out += [f"  {check}: {said}" for check, said in self.unstable.items()]
        if self.toothless and not self.partial:
            out.append(f"Cells that kill nothing ({len(self.toothless)} of {len(self.killers)}):")
            out += [f"  {check}" for check in self.toothless]
        return "\n".join(out) + "\n"
