"""Run the suite on every mutant and tell which checks see it.

Plain run, the two identity runs, then each mutant: every run is a pytest of its own with one lane. Exit status 0: the
identity runs agree with the plain one, and each mutant is killed by its families and by no other; 1: not so; 2: void.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from mutants.catalogue import Mutant, UnknownMutant, catalogue, find
from mutants.matrix import Matrix, Ran, disagreements, row
from reports.bundle import BundleRefused

ROOT = Path(__file__).parents[1]
#: Seconds after which a run counts as hung.
DEADLINE = 900.0


class Suite:
    """Runs of pytest that differ in their mutant only. `directory` keeps their bundles and output."""

    def __init__(self, directory: Path, driver: str, backing: str, checks: str, own: bool) -> None:
        self._directory = directory
        self._words = [f"--driver={driver}", *([f"--backing={backing}"] if backing else [])]
        self._checks = checks
        self._own = own

    def judge(self, mutant: Mutant) -> Ran:
        """The run on a mutant."""
        own = ",".join([*(f"{family}/*" for family in mutant.families), *mutant.also]) if self._own else ""
        return self.run(mutant.name, mutant.name, mutant.also, own)

    def run(self, name: str, mutant: str, slow_too: Sequence[str], own: str = "") -> Ran:
        """One run; `mutant` is empty for the plain one. Of the slow checks only `slow_too` are asked."""
        checks = own or self._checks
        choice = [f"--slow-too={','.join(slow_too)}", *([f"--checks={checks}"] if checks else [])]
        bundle = self._directory / name
        words = [*self._words, *choice, f"--bundle={bundle}", *([f"--mutant={mutant}"] if mutant else [])]
        with (self._directory / f"{name}.log").open("w") as log:
            try:
                subprocess.run(
                    [sys.executable, "-m", "pytest", "-p", "mutants.selection", "-q", *words, ROOT / "conformance"],
                    cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=DEADLINE, check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return Ran({}, trouble=f"the run did not end within {DEADLINE:g} s")
        try:
            return Ran.read(bundle)
        except (BundleRefused, OSError) as reason:
            return Ran({}, trouble=f"no bundle ({reason}); see {log.name}")


@click.command(help=(__doc__ or "").split("\n\n")[0])
@click.option("--driver", default="overlay2", show_default=True, help="The storage driver that is made faulty.")
@click.option("--backing", default="", help="The file system under it. Default: the first that the driver takes.")
@click.option("--only", multiple=True, metavar="NAME", help="Only this mutant; repeatable.")
@click.option("--checks", default="", metavar="ID[,ID]", help="Only these checks; * stands for anything.")
@click.option(
    "--own", is_flag=True, help="Each mutant with its own families only: quick, and blind for collateral kills."
)
@click.option("--out", type=click.Path(path_type=Path), help="Where bundles, matrix.json and matrix.txt go.")
@click.option("--jobs", default=1, show_default=True, help="Mutants that run at the same time.")
@click.option("--list", "listed", is_flag=True, help="List the mutants, and run nothing.")
def main(
    driver: str, backing: str, only: tuple[str, ...], checks: str, own: bool, out: Path | None, jobs: int, listed: bool
) -> None:
    if listed:
        for mutant in catalogue().values():
            click.echo(f"{mutant.name:<36} {mutant.number:<4} {mutant.fault} [{', '.join(mutant.families)}]")
        return
    try:
        chosen = [find(name) for name in only] or [found for found in catalogue().values() if found.kind != "identity"]
    except UnknownMutant as reason:
        raise click.UsageError(str(reason)) from None
    directory = out or Path(tempfile.mkdtemp(prefix="roadworthy-sensitivity-"))
    directory.mkdir(parents=True, exist_ok=True)
    suite = Suite(directory, driver, backing, checks, own)
    matrix = compared(suite, driver, chosen, jobs)
    (directory / "matrix.json").write_text(json.dumps(matrix.record(), indent=1) + "\n")
    (directory / "matrix.txt").write_text(matrix.text())
    click.echo(f"\n{matrix.text()}\nmatrix: {directory / 'matrix.json'}")
    sys.exit(0 if matrix.sound else 1)


def compared(suite: Suite, driver: str, chosen: Sequence[Mutant], jobs: int) -> Matrix:
    """All runs, with a line of progress each. Exits with 2 where a run without a fault cannot be believed."""
    unstable: dict[str, str] = {}
    slow_too = sorted({check for mutant in chosen for check in mutant.also})
    ran: dict[str, Ran] = {}
    for name in ("plain", "identity", "identity-notify"):
        begun = time.monotonic()
        ran[name] = suite.run(name, "" if name == "plain" else name, slow_too)
        if ran[name].trouble or not ran[name].verdicts:
            click.echo(f"{name}: {ran[name].trouble or 'no check was asked'}", err=True)
            sys.exit(2)
        differs = disagreements(ran["plain"], ran[name])
        unstable |= differs
        spent = time.monotonic() - begun
        click.echo(f"{name}: {len(ran[name].verdicts)} checks, {len(differs)} differ from the plain run, {spent:.0f} s")
    matrix = Matrix(driver, ran["plain"], unstable)
    with ThreadPoolExecutor(jobs) as pool:
        runs = [(mutant, pool.submit(suite.judge, mutant)) for mutant in chosen]
        for number, (mutant, future) in enumerate(runs, 1):
            found = row(mutant, ran["identity-notify"], future.result(), unstable)
            matrix.rows.append(found)
            click.echo(
                f"[{number}/{len(chosen)}] {mutant.name}: {found.outcome}, {found.hits} hits, "
                f"{len(found.killed_by)} kills, {len(found.collateral)} collateral"
            )
    return matrix


if __name__ == "__main__":
    main()
