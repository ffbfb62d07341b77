"""Run the suite on every mutant, and report which checks notice it: the kill matrix.

After a plain run and the identity mutants, each faulty driver gets the checks of its families, the slow checks that the
catalogue names for it, and a sample of all other checks. Exit status 0: the identities agree with the plain run, each
mutant is killed in its families and nowhere else without a reason, and each cell, a check with its parameters, kills
one; 1: one of these does not hold; 2: the runs allow no conclusion; 4: a mistake on the command line.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import click

from roadworthy.command.axes import lane_named
from roadworthy.extending.distributions import added
from roadworthy.mutants.catalogue import Mutant, UnknownMutant, catalogue, excused, find
from roadworthy.mutants.kill_matrix import KillMatrix, Ran, disagreements, row
from roadworthy.mutants.selection import Wanted
from roadworthy.mutants.series import Series, Turn
from roadworthy.programs import tied
from roadworthy.reports.bundle import BundleRefused
from roadworthy.reports.kills import FORM, KILLS_PAGE, write_kills
from roadworthy.reports.made import NotOurs, is_page, make_directory, refuse_foreign, replace_file

ROOT = Path(__file__).resolve().parents[1]
#: Words by which pytest takes the files of an installed suite as those of a checkout, and leaves nothing beside them.
ANYWHERE = ("--import-mode=importlib", "-p", "no:cacheprovider")
#: Seconds after which a process counts as hung.
DEADLINE = 5400.0
#: How often turns that a process left are given to another one.
ROUNDS = 3
#: The run without a mutant, and the base of all comparisons: all calls are notified, and nothing is changed.
PLAIN, BASE = "plain", "identity-notify"


@dataclass(frozen=True)
class Suite:
    """How the suite is run. `words` are arguments of every pytest; `directory` keeps bundles and output."""

    directory: Path
    words: Sequence[str]

    def plain(self, wanted: Wanted) -> None:
        """Make the run without a mutant."""
        begun = time.monotonic()
        chosen = [f"--checks={','.join(wanted.only)}", f"--slow-too={','.join(wanted.slow_too)}"]
        self._pytest(PLAIN, ["-p", "roadworthy.mutants.selection", *chosen, f"--bundle={self.directory / PLAIN}"])
        Series(self.directory, []).note(PLAIN, time.monotonic() - begun)

    def take(self, series: Series, name: str) -> None:
        """Take turns of a series until none is left, in one process."""
        path = self.directory / f"{name}.json"
        series.write(path)
        words = [f"--series={path}", "--mutant=identity", f"--bundle={self.directory / name}"]
        self._pytest(name, ["-p", "roadworthy.mutants.series", *words])

    def _pytest(self, name: str, words: Sequence[str]) -> None:
        with (self.directory / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                tied([sys.executable, "-m", "pytest", "-q", "--tb=no", *ANYWHERE, *self.words, *words,
                      "--pyargs", ROOT / "conformance", *(one.value for one in added("checks"))], "TERM"),
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
            try:
                process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)

    def read(self, name: str) -> Ran:
        """The results of a run, or why there are none."""
        try:
            return Ran.read(self.directory / name)
        except (BundleRefused, OSError) as reason:
            return Ran({}, trouble=f"no bundle ({reason}); see the logs in {self.directory}")


def asked(mutant: Mutant, checks: Sequence[str], whole: bool, twin: bool) -> Wanted:
    """The checks for a mutant: those of its families and, to see kills elsewhere, all others or a sample of them."""
    if twin:
        return Wanted((mutant.seen_by,))
    if checks or whole:
        return Wanted(tuple(checks), mutant.also)
    families = (f"{family}/*" for family in mutant.families)
    return Wanted((*families, *mutant.also), sample=mutant.name, volumes=mutant.volumes or "volume" in mutant.families)


@click.command(help=__doc__)
@click.option("--driver", default="overlay2", show_default=True, help="The storage driver that is made faulty.")
@click.option("--backing", default="", help="The file system under it. Default: the first that the driver takes.")
@click.option("--twin", is_flag=True, help="Use a fake in a user namespace over a tmpfs: no engine, no root.")
@click.option("--only", multiple=True, metavar="NAME", help="Only this mutant; repeatable.")
@click.option("--checks", default="", metavar="ID[,ID]", help="Only these checks; * matches anything.")
@click.option("--whole", is_flag=True, help="Run all quick checks on each mutant, instead of a sample.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="A new directory for the bundles and logs."
)
@click.option(
    "--kills",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file for the kill matrix as JSON. Default: kills.json in --out.",
)
@click.option(
    "--page", type=click.Path(dir_okay=False, path_type=Path),
    help="The file for the kill matrix as a page. Default: kills.html beside --kills.",
)  # fmt: skip
@click.option("--jobs", type=click.IntRange(1), default=min(2, os.cpu_count() or 1), show_default=True,
              help="Daemons that run at the same time.")  # fmt: skip
@click.option("--list", "listed", is_flag=True, help="List the mutants, and run nothing.")
def main(
    driver: str, backing: str, twin: bool, only: tuple[str, ...], checks: str, whole: bool, out: Path | None,
    kills: Path | None, page: Path | None, jobs: int, listed: bool,
) -> None:  # fmt: skip
    if listed:
        for mutant in catalogue().values():
            click.echo(f"{mutant.name:<40} {mutant.number or '-':<4} {mutant.fault} [{', '.join(mutant.families)}]")
        return
    try:
        chosen = [find(name) for name in only] or list(catalogue().values())
    except UnknownMutant as reason:
        raise click.UsageError(str(reason)) from None
    chosen = [mutant for mutant in chosen if mutant.kind != "identity" and (mutant.twin or not twin)]
    if not chosen:
        raise click.UsageError("the twin has no engine: it takes none of these mutants" if twin else "no faulty mutant")
    if not twin:
        lane_named({"driver": (driver,), "backing": (backing,) if backing else ()})
    if out is not None and out.exists() and any(out.iterdir()):
        raise click.UsageError(f"--out: {out} is not empty; name a new directory")
    page = page or (kills.with_name(KILLS_PAGE) if kills else None)
    for option, path, ours in (("--kills", kills, FORM.holds), ("--page", page, is_page)):
        try:
            if path is not None:
                refuse_foreign(path, ours)  # now, and not after the hours that the runs take
        except NotOurs as reason:
            raise click.UsageError(f"{option}: {path}: {reason.strerror}; name another file") from None
    directory = (out or Path(tempfile.mkdtemp(prefix="roadworthy-sensitivity-"))).absolute()
    try:
        make_directory(directory)
    except OSError as reason:
        raise click.UsageError(f"--out: {directory} cannot be written: {reason.strerror}") from None
    words = [f"--driver={driver}", *([f"--backing={backing}"] if backing else [])]
    words += ["-p", "roadworthy.mutants.twin"] if twin else []
    begun = time.monotonic()
    named = tuple(filter(None, checks.split(",")))
    turns = [Turn(mutant.name, asked(mutant, named, whole, twin)) for mutant in chosen]
    partial = bool(only or named or twin)
    matrix = compared(Suite(directory, words), "the twin" if twin else driver, turns, partial, jobs)
    matrix.seconds = time.monotonic() - begun
    written = kills or directory / "kills.json"
    page = page or written.with_name(KILLS_PAGE)
    for path in (written, page):
        path.parent.mkdir(parents=True, exist_ok=True)
    found = matrix.kills
    replace_file(written, found.text(), FORM.holds)
    write_kills(found, page)
    click.echo(f"\n{matrix.text()}\n{matrix.seconds:.0f} s; {written}, {page}; bundles in {directory}")
    sys.exit(0 if matrix.sound else 1)


def compared(suite: Suite, driver: str, turns: Sequence[Turn], partial: bool, jobs: int) -> KillMatrix:
    """Make all runs, with a line of progress each. Exits with 2 if a run without a fault cannot be trusted."""
    # All checks, or those of some mutants; the matrix then says nothing about the rest.
    whole = union([x.wanted for x in turns]) if partial else Wanted((), ("*",))
    identities = [Turn(BASE, whole), Turn("identity", whole if partial else Wanted())]
    series = Series(suite.directory, [*identities, *turns])
    click.echo(f"{len(turns)} mutants on {driver}, after a plain run and two identities, which take the longest …")
    with ThreadPoolExecutor(jobs) as pool:
        running: list[Future[None]] = [pool.submit(suite.plain, whole)]
        running += [pool.submit(suite.take, series, f"process-{number}") for number in range(jobs)]
        told: set[str] = set()
        tell(series, running, told)
        for attempt in range(1, ROUNDS):
            left = series.release()
            if not left:
                break
            click.echo(f"run again, as their process ended early: {', '.join(left)}")
            again = [pool.submit(suite.take, series, f"process-{attempt}-{number}") for number in range(jobs)]
            tell(series, again, told)
    ran = {name: suite.read(name) for name in (PLAIN, BASE, "identity")}
    unstable: dict[str, str] = {}
    for name, found in ran.items():
        if not found.verdicts or (found.trouble and "not reached" not in found.trouble):
            click.echo(f"{name}: {found.trouble or 'no check ran'}", err=True)
            sys.exit(2)
        differs = disagreements(ran[PLAIN], found)
        unstable |= differs
        click.echo(f"{name}: {len(found.verdicts)} checks, {len(differs)} differ from the plain run")
    matrix = KillMatrix(driver, ran[PLAIN], unstable, partial=partial, excused=excused())
    matrix.rows = [row(find(x.mutant), ran[BASE], suite.read(x.mutant), unstable) for x in turns]
    return matrix


def union(asked: Sequence[Wanted]) -> Wanted:
    """The checks that any of `asked` selects, without their samples."""
    only = {word: None for wanted in asked for word in wanted.only} if all(wanted.only for wanted in asked) else {}
    return Wanted(tuple(only), tuple({word: None for wanted in asked for word in wanted.slow_too}))


def tell(series: Series, running: Sequence[Future[None]], told: set[str]) -> None:
    """Print a line for each turn that ends and is not in `told`, until all processes have ended."""
    while wait(running, timeout=2).not_done or not told.issuperset(series.finished()):
        for mutant in series.finished():
            if mutant not in told:
                told.add(mutant)
                click.echo(f"[{len(told)}/{len(series.turns)}] {mutant}: {series.seconds(mutant):.0f} s")
    for process in running:
        process.result()


if __name__ == "__main__":
    main()
