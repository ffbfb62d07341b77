"""`roadworthy site`: a site of many pages from a directory of bundles, or one page from some."""

from __future__ import annotations

from pathlib import Path

import click

from roadworthy.command.beside import known
from roadworthy.command.exits import FOUND
from roadworthy.command.mistakes import good_bundles_in, tell_refused
from roadworthy.reports.bundle import BundleRefused
from roadworthy.reports.kills import KILLS_PAGE, Kills, KillsRefused, read_kills, write_kills
from roadworthy.reports.made import NotOurs, is_page, refuse_foreign
from roadworthy.reports.page import write_page
from roadworthy.reports.site.making import make
from roadworthy.reports.text import counted, visible
from roadworthy.reports.weekly import Weekly, WeeklyRefused, read_weekly

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("bundles", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="PUBLIC",
    help="Write a site of many pages into this directory, from one directory of bundles.",
)  # fmt: skip
@click.option("--single", "--output", "single", type=FILE, help="Write one page. Without --out, it is index.html.")
@click.option("--kills", type=FILE, help="A kill matrix from `make sensitivity`, to be shown and linked to.")
@click.option("--weekly", type=FILE, help="A result of `make weekly`, to be shown.")
@click.option(
    "--redact", multiple=True, metavar="TEXT",
    help="A name that no page may show, wherever it stands; repeatable. Paths of the machine, network addresses "
    "and facts that are not of drivers, engines and kernels are never shown.",
)  # fmt: skip
def site(
    bundles: tuple[Path, ...], out: Path | None, single: Path | None, kills: Path | None, weekly: Path | None,
    redact: tuple[str, ...],
) -> None:  # fmt: skip
    """Write a site, or one page, from run BUNDLES: directories with a bundle.jsonl, or that hold such directories.

    With --out, BUNDLES is one directory. A directory directly below it whose name begins with a date, as in
    2026-11-30-evening, is an edition with all bundles below it, whatever the nesting; other bundles belong to the day
    of their plan.

    A bundle that cannot be read is left out, and both this command and the page say so. Exit status: 0, 1 if a bundle
    was left out, 4 for a mistake on the command line.
    """
    if out and single:
        raise click.UsageError("--out writes a site and --single one page: name one of them")
    try:
        matrix = read_kills(kills) if kills else None
        result = read_weekly(weekly) if weekly else None
    except (KillsRefused, WeeklyRefused) as reason:
        raise click.UsageError(str(reason)) from None
    refused = (
        _site(bundles, out, matrix, result, redact)
        if out else _page(bundles, single or Path("index.html"), matrix, result, redact)
    )  # fmt: skip
    if refused:
        raise click.exceptions.Exit(FOUND)


def _site(
    bundles: tuple[Path, ...], public: Path, kills: Kills | None, weekly: Weekly | None, redact: tuple[str, ...]
) -> int:
    """Write a site, say so, and return how many bundles are left out."""
    if len(bundles) != 1 or not bundles[0].is_dir():
        raise click.UsageError("--out makes a site from one directory of bundles: name one")
    try:
        found, written = make(bundles[0], public, redact, kills, weekly, known())
    except BundleRefused as reason:
        raise click.UsageError(str(reason)) from None
    except NotOurs as reason:
        raise click.UsageError(f"{reason.filename}: {reason.strerror}; name another --out") from None
    except OSError as reason:
        raise click.UsageError(f"--out: {reason.filename or public} cannot be written: {reason.strerror}") from None
    for sentence in found.refused:
        click.echo(f"left out: {visible(sentence)}", err=True)
    said = f"{counted(len(found.editions), 'edition')}, {counted(len(written), 'file')} written"
    click.echo(f"{public}: {said}" + f", {counted(len(found.refused), 'bundle')} left out" * bool(found.refused))
    return len(found.refused)


def _page(
    bundles: tuple[Path, ...], output: Path, kills: Kills | None, weekly: Weekly | None, redact: tuple[str, ...]
) -> int:
    """Write one page, say so, and return how many bundles are left out."""
    read, refused = good_bundles_in(bundles)
    tell_refused(refused)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        for page in (output, output.with_name(KILLS_PAGE)) if kills else (output,):
            refuse_foreign(page, is_page)
        if kills:
            write_kills(kills, output.with_name(KILLS_PAGE))
        write_page(read, output, KILLS_PAGE if kills else "", kills.date if kills else "", weekly, refused, redact)
    except NotOurs as reason:
        raise click.UsageError(f"{reason.filename}: {reason.strerror}; name another --single") from None
    except OSError as reason:
        raise click.UsageError(f"--single: {output} cannot be written: {reason.strerror}") from None
    click.echo(f"{output}: {counted(len(read), 'bundle')}" + f", {len(refused)} left out" * bool(refused))
    return len(refused)
