"""The kill matrix: which check sees which mutant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadworthy.mutants.catalogue import Mutant
from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.kills import SCHEMA, Kills, Outcome
from roadworthy.reports.kills import Row as Line
from roadworthy.reports.records import Plan
from roadworthy.run.recorder import REFERENCE
from roadworthy.verdict.reference import DIFFERS, told_of


@dataclass(frozen=True)
class Ran:
    """The results of one run: verdicts and reasons by check, and the mutant's hits by check's directory.

    `differing` has what differed in the trees of checks, as `told_of` names it. `about` says when the run was, at which
    commit of the suite and on what, in the words of a kill matrix.
    """

    verdicts: Mapping[str, str]
    reasons: Mapping[str, str] = field(default_factory=dict)
    hits: Mapping[str, int] = field(default_factory=dict)
    trouble: str = ""
    differing: Mapping[str, frozenset[str]] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, bundle: Path) -> Ran:
        """Read the results from a run's bundle. Raises BundleRefused."""
        read = read_bundle(bundle)
        if read.end is None or read.end.stopped:
            return cls({}, trouble=f"the run is incomplete: {read.troubles[0]}")
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
            about(read.plan),
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


def about(plan: Plan) -> dict[str, Any]:
    """When a run was, at which commit of the suite, and on what, as its plan says."""
    lane = plan.lanes[0]
    return {
        "date": plan.started[:10], "commit": str(plan.suite.get("commit", "")),
        "changes": bool(plan.suite.get("changes", False)),
        "backing": lane.backing, "engine": lane.engine, "kernel": lane.kernel,
    }  # fmt: skip


def disagreements(plain: Ran, other: Ran) -> dict[str, str]:
    """Checks of both runs whose verdicts differ, as `pass -> fail`."""
    found = {}
    for check in sorted(plain.verdicts.keys() & other.verdicts.keys()):
        before, after = plain.verdicts[check], other.verdicts[check]
        if before != after:
            found[check] = f"{before} -> {after}"
    return found


#: The changes of a verdict with which a check has noticed a mutant: it breaks, or breaks otherwise than is recorded.
NOTICED = ("pass -> fail", "known -> fail")


def row(mutant: Mutant, identity: Ran, ran: Ran, unstable: Iterable[str] = ()) -> Row:
    """Compare a mutant's run with the identity run, without checks that are unstable by themselves."""
    hits = sum(ran.hits.values())
    if ran.trouble and "not reached" not in ran.trouble:
        return Row(mutant, "error", hits, trouble=ran.trouble)
    changed = {check: said for check, said in disagreements(identity, ran).items() if check not in set(unstable)}
    kills = [check for check, said in changed.items() if said in NOTICED]
    upset = {check: said for check, said in changed.items() if said not in NOTICED}
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
    def kills(self) -> Kills:
        """The matrix as its file holds it."""
        rows = [
            Line(
                name=line.mutant.name, kind=line.mutant.kind, number=line.mutant.number, fault=line.mutant.fault,
                families=list(line.mutant.families), outcome=line.outcome, hits=line.hits,
                killed_by=list(line.killed_by), collateral=list(line.collateral), upset=dict(line.upset),
                reviewed={check: line.mutant.excuse(check) for check in line.reviewed},
                passed=list(line.blind) if line.outcome != "killed" else [],
                trouble=line.trouble, equivalent=line.mutant.equivalent,
                tree=line.mutant.tree, noticed_by=list(line.noticed),
            )
            for line in self.rows
        ]  # fmt: skip
        return Kills(
            schema=SCHEMA, driver=self.driver, seconds=round(self.seconds), partial=self.partial,
            checks=dict(sorted(self.plain.verdicts.items())), unstable=dict(self.unstable), mutants=rows,
            excused=dict(self.excused), **self.plain.about,
        )  # fmt: skip

    @property
    def sound(self) -> bool:
        """Whether identities equal the plain run, mutants are killed in their families only, and each cell kills."""
        killed = all(line.outcome in ("killed", "equivalent") and not line.collateral for line in self.rows)
        return killed and not self.unstable and (self.partial or not self.kills.toothless)

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
        found = self.kills
        bare = [] if self.partial else found.toothless
        if bare:
            out.append(f"Cells that kill nothing ({len(bare)} of {len(found.by_check)}):")
            out += [f"  {cell}" for cell in bare]
        return "\n".join(out) + "\n"
