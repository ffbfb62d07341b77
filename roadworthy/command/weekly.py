"""`roadworthy weekly`: run what CI never runs, part by part, and write down how each part ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from roadworthy.command.exits import FOUND, GOOD, INTERRUPTED
from roadworthy.command.parts import OnLane, OwnTests, run_pytest
from roadworthy.engines.dockerd import installed_engine
from roadworthy.lane.lanes import LaneError
from roadworthy.lane.matrix_file import matrix_lanes
from roadworthy.machines.host import Host
from roadworthy.programs import ProgramFailed, run
from roadworthy.reports.bundle import BundleRefused, read_bundle
from roadworthy.reports.made import NotOurs, make_directory, refuse_foreign, replace_file
from roadworthy.reports.page import write_page
from roadworthy.reports.redaction import of_this_machine
from roadworthy.reports.series import bundle_paths
from roadworthy.reports.text import visible
from roadworthy.reports.weekly import FORM, SCHEMA, Part, Weekly, WeeklyRefused, read_weekly, weekly_text
from roadworthy.run.results import now
from roadworthy.supplies.apt import ACCEPT_EXPIRED
from roadworthy.upkeep.ending import at_ending


@click.command()
@click.option(
    "--matrix", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=Path("matrices/weekly.toml"),
    show_default=True, help="The lanes: a matrix file.",
)  # fmt: skip
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), default=Path("docs/weekly.json"), show_default=True,
    help="The result. It keeps what it has of parts that are not run.",
)  # fmt: skip
@click.option(
    "--work", type=click.Path(file_okay=False, path_type=Path), default=Path("build/weekly"), show_default=True,
    help="Where bundles and pages go, a directory for each lane.",
)  # fmt: skip
@click.option("--only", multiple=True, metavar="TEXT", help="Run only parts with this in their name; repeatable.")
@click.option("--rest", is_flag=True, help="Leave out parts that have passed, or cannot run here, at this commit.")
@click.option(
    ACCEPT_EXPIRED, "accept_expired", is_flag=True, help="Accept a suite whose Release file is past its date."
)
def weekly(matrix: Path, output: Path, work: Path, only: tuple[str, ...], rest: bool, accept_expired: bool) -> None:
    """Run what CI never runs: the suite's own tests of guests and engine roots, and every lane of the weekly matrix.

    Parts run one after the other, each as a pytest of its own. What ends this command loses the running part only, and
    --rest goes on from there.

    Exit status: 0 if no part failed, 1 if one did, 130 if it was interrupted, 4 for a mistake on the command line.
    """
    if not Path("tests/real").is_dir():
        raise click.UsageError("the suite's own tests are not here: run this in the directory of a checkout")
    try:
        lanes = matrix_lanes(matrix, installed_engine(), Host().kernel)
        result = Result(output, work, str(matrix))
        refuse_foreign(output, FORM.holds)
    except (LaneError, WeeklyRefused) as reason:
        raise click.UsageError(str(reason)) from None
    except NotOurs as reason:
        raise click.UsageError(f"--output: {output}: {reason.strerror}; name another file") from None
    planned: list[OwnTests | OnLane] = [OwnTests(work), *(OnLane(lane, work, accept_expired) for lane in lanes)]
    wanted = [part for part in planned if not only or any(text in part.name for text in only)]
    if not wanted:
        raise click.UsageError(f"no part has {' or '.join(only)} in its name; see roadworthy lanes --matrix={matrix}")
    checkout = Checkout.here(output)
    if rest:
        wanted = [part for part in wanted if not result.stands(part.name, checkout)]
    at_ending(interrupted)
    try:
        make_directory(work)
    except NotOurs as reason:
        raise click.UsageError(f"--work: {work}: {reason.strerror}; name a new directory") from None
    except OSError as reason:
        raise click.UsageError(f"--work: {work} cannot be written: {reason.strerror}") from None
    result.plan([part.name for part in planned])
    ran: list[Part] = []
    try:
        for place, part in enumerate(wanted, 1):
            click.echo(f"\nweekly: part {place} of {len(wanted)}: {part.name}")
            ran.append(found := done(part, checkout))
            result.take(found)
            click.echo(f"weekly: {told(found)}")
            if found.state == "interrupted":
                break
    finally:
        result.publish()
        page = page_of(work)
    states = Counter(part.state for part in ran)
    said = ", ".join(f"{count} {state}" for state, count in states.items())
    click.echo(f"\nweekly: {said or 'nothing is left to run at this commit'}")
    click.echo(f"result: {output}" + (f"\npage:   {page}" if page else ""))
    if states["interrupted"]:
        raise SystemExit(INTERRUPTED)
    raise SystemExit(FOUND if states["failed"] else GOOD)


def interrupted(number: int, _: Any) -> None:
    """Take another signal for an interrupt from the keyboard."""
    raise KeyboardInterrupt


def done(part: OwnTests | OnLane, checkout: Checkout) -> Part:
    """Run a part and say how it ended. What an earlier run left in its place, which is ours, is removed first."""
    if part.place.is_dir():
        shutil.rmtree(part.place)
    part.place.unlink(missing_ok=True)
    began = time.monotonic()
    outcome = part.outcome(run_pytest(part.words))
    return Part(
        name=part.name, finished=now(), seconds=round(time.monotonic() - began), commit=checkout.commit,
        changes=checkout.changes, **outcome,
    )  # fmt: skip


def told(part: Part) -> str:
    """How a part ended, on one line."""
    counts = ", ".join(f"{count} {word}" for word, count in part.counts.items())
    more = "; ".join(word for word in (counts, visible(part.reason, 200)) if word)
    return f"{part.name} {part.state} after {part.seconds} s" + (f": {more}" if more else "")


def page_of(work: Path) -> Path | None:
    """Write one page of all bundles below `work`, and return its path; None if there is no bundle."""
    bundles = []
    for path in bundle_paths([work]) if any(work.glob("*/bundle.jsonl")) else []:
        with contextlib.suppress(BundleRefused):
            bundles.append(read_bundle(path))
    if not bundles:
        return None
    page = work / "index.html"
    try:
        ids = [one.id for bundle in bundles for one in bundle.plan.lanes]
        write_page(bundles, page, hide=of_this_machine(ids))
    except (OSError, ValueError) as reason:
        click.echo(f"weekly: no page: {reason}", err=True)
        return None
    return page


@dataclass(frozen=True)
class Checkout:
    """What is run: a commit, or none where git(1) knows of none. `output` is no part of it."""

    commit: str
    changes: bool
    output: Path

    @classmethod
    def here(cls, output: Path) -> Checkout:
        try:
            commit = git("rev-parse", "HEAD")
            return cls(commit, bool(git("status", "--porcelain", "--", *all_but(output))), output)
        except ProgramFailed:
            return cls("", False, output)

    def is_of(self, part: Part) -> bool:
        """Whether a part was run on this: a commit that changed nothing but the result is not another one."""
        if not self.commit or self.changes or part.changes:
            return False
        try:
            git("diff", "--quiet", part.commit, self.commit, "--", *all_but(self.output))
        except ProgramFailed:
            return False
        return True


def git(*words: str) -> str:
    return run(["git", "-C", str(Path.cwd()), *words]).strip()


def all_but(path: Path) -> list[str]:
    """The paths of a checkout without one of them, for git(1)."""
    return [".", f":(exclude){os.path.relpath(path)}"]


class Result:
    """The result while parts run. It lies beside the bundles until it is published.

    A file of the checkout that changes meanwhile would make every bundle say that the checkout has changes.
    """

    def __init__(self, output: Path, work: Path, matrix: str) -> None:
        """Take up what a killed run left, or else what was published. Raises WeeklyRefused."""
        self.output = output
        self.matrix = matrix
        self._unpublished = work / "weekly.json"
        before = next((path for path in (self._unpublished, output) if path.exists()), None)
        self._parts = {part.name: part for part in read_weekly(before).parts} if before else {}
        self._planned: Sequence[str] = ()

    def plan(self, names: Sequence[str]) -> None:
        """Name all parts; those that are not named, as lanes of another host, are dropped."""
        self._planned = names

    def take(self, part: Part) -> None:
        """Replace the result of a part."""
        self._parts[part.name] = part
        self._write(self._unpublished)

    def publish(self) -> None:
        self.output.parent.mkdir(parents=True, exist_ok=True)
        self._write(self.output)
        self._unpublished.unlink(missing_ok=True)

    def stands(self, name: str, checkout: Checkout) -> bool:
        """Whether a part need not be run again on this checkout."""
        part = self._parts.get(name)
        return part is not None and part.state not in ("failed", "interrupted") and checkout.is_of(part)

    def _write(self, path: Path) -> None:
        parts = [self._parts[name] for name in self._planned if name in self._parts]
        missing = [name for name in self._planned if name not in self._parts]
        text = weekly_text(Weekly(schema=SCHEMA, matrix=self.matrix, parts=parts, not_run=missing))
        replace_file(path, text, FORM.holds)
