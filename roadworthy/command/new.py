"""The command `roadworthy new`."""

from __future__ import annotations

from pathlib import Path

import click

from roadworthy.drivers import DRIVERS
from roadworthy.extending.template import KINDS, NAME, write
from roadworthy.measuring.workloads import WorkloadError, load
from roadworthy.reports.families import TITLES


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.option(
    "--directory", type=click.Path(path_type=Path), metavar="DIR",
    help="Where to write it, a new directory. Default: roadworthy-NAME.",
)  # fmt: skip
def new(kind: str, name: str, directory: Path | None) -> None:
    """Write a package of your own that adds a driver, a family of checks or a workload NAME to the suite.

    It works as it is written: install it, and its own tests pass, and the suite has what it adds. docs/extending.md
    says what there is to change, and what else a distribution can add.

    Exit status: 0, 4 for a mistake on the command line.
    """
    if not NAME.fullmatch(name):
        raise click.UsageError(f"a name is small letters, digits and hyphens, as in fast-copy; got {name!r}")
    if taken(kind, name):
        raise click.UsageError(f"the suite has a {kind} {name} already; choose another name")
    place = directory or Path(f"roadworthy-{name}")
    if place.exists():
        raise click.UsageError(f"{place} is there already; name a new directory with --directory")
    try:
        made = write(kind, name, place)
    except OSError as reason:
        raise click.UsageError(f"{place} cannot be written: {reason.strerror}") from None
    for path in made:
        click.echo(str(path))
    click.echo(f"next: pip install -e {place}, then pytest {place / 'tests'}; {place / 'README.md'} goes on")


def taken(kind: str, name: str) -> bool:
    """Whether the suite, or a distribution that is installed, has one of this name."""
    if kind == "driver":
        return name in DRIVERS
    if kind == "check":
        return name in TITLES
    try:
        load(name)
    except WorkloadError as reason:
        return "no such workload" not in str(reason)
    return True
